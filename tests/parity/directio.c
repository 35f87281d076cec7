// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O, many at a time, by the kernel's asynchronous interface (libaio's).
 *
 *	directio FILE read|write COUNT SIZE [FIFO]
 *		COUNT blocks of SIZE bytes are submitted at once, one behind the
 *		other in FILE.  Then, with FIFO, "submitted" is written there and
 *		a line awaited before the results are.  Each must be done whole.
 *		What is read must be what write writes.
 *	directio FILE vectors
 *		readv(2) and writev(2) of pieces that end anywhere in pages.
 *	directio FILE beyond SIZE
 *		read(2) of a buffer much larger than the file of SIZE bytes.
 *	directio FILE fault
 *		a buffer that ends in memory that isn't there: what is before it
 *		counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MANY	64

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static char *memory(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

/* What byte @at of a file is to be. */
static char wanted(size_t at)
{
	return (char)((at * 2654435761u) >> 13);
}

static void fill(char *p, size_t at, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = wanted(at + i);
}

static void compare(const char *p, size_t at, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i] != wanted(at + i)) {
			printf("byte %zu is wrong\n", at + i);
			exit(1);
		}
	}
}

static void say_and_wait(const char *fifo)
{
	char answer;
	int fd = open(fifo, O_WRONLY);

	if (fd < 0 || write(fd, "submitted\n", 10) != 10)
		fail(fifo);
	close(fd);
	fd = open(fifo, O_RDONLY);
	if (fd < 0 || read(fd, &answer, 1) != 1)
		fail(fifo);
	close(fd);
}

static int many(int fd, int writes, unsigned int count, size_t size, const char *fifo)
{
	struct iocb iocbs[MANY] = {}, *list[MANY];
	struct io_event events[MANY];
	aio_context_t context = 0;
	char *buffer = memory(count * size);
	unsigned int i;
	long n;

	if (writes)
		fill(buffer, 0, count * size);
	if (syscall(SYS_io_setup, MANY, &context))
		fail("io_setup");
	for (i = 0; i < count; i++) {
		iocbs[i].aio_fildes = fd;
		iocbs[i].aio_lio_opcode = writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		iocbs[i].aio_buf = (uintptr_t)buffer + i * size;
		iocbs[i].aio_nbytes = size;
		iocbs[i].aio_offset = i * size;
		list[i] = &iocbs[i];
	}
	if (syscall(SYS_io_submit, context, count, list) != count)
		fail("io_submit");
	if (fifo)
		say_and_wait(fifo);
	for (i = 0; i < count; i += n) {
		long k;

		n = syscall(SYS_io_getevents, context, 1, count - i, events, NULL);
		if (n <= 0)
			fail("io_getevents");
		for (k = 0; k < n; k++) {
			if (events[k].res != (long long)size) {
				printf("a result is %lld\n", (long long)events[k].res);
				return 1;
			}
		}
	}
	if (!writes)
		compare(buffer, 0, count * size);
	return 0;
}

/* Pieces that begin and end anywhere; some of them share a page. */
static int vectors(int fd)
{
	static const size_t lengths[] = { 1, 4095, 4096, 17, 8192, 3, 100000, 5000, 1 };
	const int count = sizeof(lengths) / sizeof(*lengths);
	struct iovec vector[16];
	char *buffer = memory(1 << 20);
	size_t at = 0, total = 0;
	int i;

	for (i = 0; i < count; i++) {
		vector[i].iov_base = buffer + total + 64 * i;
		vector[i].iov_len = lengths[i];
		fill(vector[i].iov_base, total, lengths[i]);
		total += lengths[i];
	}
	if (pwritev(fd, vector, count, 0) != (ssize_t)total)
		fail("pwritev");
	memset(buffer, 0, 1 << 20);
	if (preadv(fd, vector, count, 0) != (ssize_t)total)
		fail("preadv");
	for (i = 0; i < count; at += lengths[i++])
		compare(vector[i].iov_base, at, lengths[i]);
	return 0;
}

static int beyond(int fd, size_t size)
{
	const size_t room = 40 << 20;
	char *buffer = memory(room);
	ssize_t n = pread(fd, buffer, room, 0);

	if (n != (ssize_t)size) {
		printf("%zd bytes instead of %zu\n", n, size);
		return 1;
	}
	compare(buffer, 0, size);
	n = pread(fd, buffer, room, size);
	if (n)
		printf("behind the end there are %zd bytes\n", n);
	return n != 0;
}

static int fault(int fd)
{
	const size_t page = 4096;
	char *buffer = memory(3 * page);
	ssize_t n;

	munmap(buffer + 2 * page, page);
	n = pread(fd, buffer, 3 * page, 0);
	if (n != 2 * (ssize_t)page) {
		printf("read %zd, %s\n", n, strerror(errno));
		return 1;
	}
	compare(buffer, 0, 2 * page);
	if (pwrite(fd, buffer, 3 * page, 0) != 2 * (ssize_t)page)
		fail("pwrite");
	if (pread(fd, buffer + 2 * page, page, 0) != -1 || errno != EFAULT ||
	    pwrite(fd, buffer + 2 * page, page, 0) != -1 || errno != EFAULT)
		fail("EFAULT was expected, not");
	return 0;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		fail(argv[1]);
	if (argc >= 5 && (!strcmp(argv[2], "read") || !strcmp(argv[2], "write")))
		return many(fd, *argv[2] == 'w', atoi(argv[3]), atoi(argv[4]), argv[5]);
	if (!strcmp(argv[2], "vectors"))
		return vectors(fd);
	if (argc == 4 && !strcmp(argv[2], "beyond"))
		return beyond(fd, atol(argv[3]));
	if (!strcmp(argv[2], "fault"))
		return fault(fd);
	return 2;
}
