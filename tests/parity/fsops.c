// SPDX-License-Identifier: GPL-2.0
/*
 * A long fixed list of file system operations in a directory.  Each prints a
 * line: the call, its result, the errno's name; and what stat(2) says after it
 * where that matters, without what may differ from one run to another.  Two runs
 * in two empty directories of one file system print the same; parity.sh runs one
 * of them through a mount of qtfs.
 *
 *	fsops DIR [SECTION...]		DIR has been prepared, see parity.sh
 *
 * A line that begins with "note" tells what is allowed to differ.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static const char *section = "";

/* What the compiler should not see through. */
static void *volatile bad_address = (void *)8;
static volatile int minus_one = -1;

static void say(const char *format, ...)
{
	va_list args;

	printf("%s: ", section);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static long report(const char *what, long result, int error, int is_fd)
{
	if (result < 0)
		say("%s = %ld %s", what, result, strerrorname_np(error));
	else if (is_fd)
		say("%s = fd", what);
	else
		say("%s = %ld", what, result);
	return result;
}

/* A call, and one whose result is a descriptor. */
#define T(call)		({ errno = 0; long r_ = (long)(call); report(#call, r_, errno, 0); })
#define F(call)		({ errno = 0; long r_ = (long)(call); (int)report(#call, r_, errno, 1); })
/* Whether something is true. */
#define IS(cond)	say("%s: %s", #cond, (cond) ? "yes" : "no")

static char type_of(mode_t mode)
{
	static const char types[] = "?pc?d?b?-?l?s???";

	return types[(mode >> 12) & 15];
}

static void say_stat(const char *what, int error, const struct stat *st)
{
	if (error) {
		say("  %s: stat %s", what, strerrorname_np(error));
		return;
	}
	say("  %s: %c%04o nlink %lu uid %u gid %u size %lld rdev %u:%u blksize %ld", what,
	    type_of(st->st_mode), st->st_mode & 07777, (unsigned long)st->st_nlink, st->st_uid,
	    st->st_gid, (long long)st->st_size, major(st->st_rdev), minor(st->st_rdev),
	    (long)st->st_blksize);
}

static void st(const char *path)
{
	struct stat st;

	say_stat(strlen(path) > 64 ? "(long)" : path, lstat(path, &st) ? errno : 0, &st);
}

static void stfd(int fd)
{
	struct stat st;

	say_stat("fd", fstat(fd, &st) ? errno : 0, &st);
}

/* Waits until a file system's clock has moved on. */
static void tick(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &from);
	do {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000000000LL + now.tv_nsec - from.tv_nsec < 12000000);
}

static struct stat before;

static char change(struct timespec was, struct timespec is)
{
	if (was.tv_sec == is.tv_sec && was.tv_nsec == is.tv_nsec)
		return '=';
	return was.tv_sec < is.tv_sec || (was.tv_sec == is.tv_sec && was.tv_nsec < is.tv_nsec) ?
	       '+' : '-';
}

static void snap(const char *path)
{
	if (lstat(path, &before))
		memset(&before, 0, sizeof(before));
	tick();
}

static void delta(const char *path)
{
	struct stat now;

	if (lstat(path, &now))
		say("  %s: times: %s", path, strerrorname_np(errno));
	else
		say("  %s: times: mtime%c ctime%c, %s inode", path,
		    change(before.st_mtim, now.st_mtim), change(before.st_ctim, now.st_ctim),
		    before.st_ino == now.st_ino ? "same" : "another");
}

static void delta_atime(const char *path)
{
	struct stat now;

	if (!lstat(path, &now))
		say("  %s: atime%c", path, change(before.st_atim, now.st_atim));
}

static int make(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say("make %s: short", path);
	close(fd);
	return 0;
}

static void text_of(const char *path)
{
	char buf[128];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0) {
		say("  %s: content: %s", path, strerrorname_np(errno));
	} else {
		buf[n] = 0;
		say("  %s: content \"%s\"", path, buf);
	}
	if (fd >= 0)
		close(fd);
}

static void fill(char *buf, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		buf[i] = (char)(seed >> 16);
	}
}

static unsigned int sum(const char *buf, size_t size)
{
	unsigned int h = 2166136261u;
	size_t i;

	for (i = 0; i < size; i++)
		h = (h ^ (unsigned char)buf[i]) * 16777619u;
	return h;
}

/* ---- sections ---- */

static void do_open(void)
{
	int fd;

	fd = F(open("f", O_CREAT | O_EXCL | O_RDWR, 0640));
	T(write(fd, "hello", 5));
	stfd(fd);
	close(fd);
	F(open("f", O_CREAT | O_EXCL | O_RDWR, 0640));
	F(open("f/", O_RDONLY));
	F(open("f/x", O_RDONLY));
	F(open("f/x", O_CREAT | O_RDWR, 0600));
	F(open("new/", O_CREAT | O_RDWR, 0600));
	F(open("none", O_RDONLY));
	F(open("none/x", O_CREAT | O_RDWR, 0600));
	F(open("", O_RDONLY));
	F(open("", O_CREAT | O_RDWR, 0600));
	close(F(open("f", O_CREAT | O_RDONLY, 0600)));
	st("f");
	F(open("f", O_DIRECTORY | O_RDONLY));
	T(mkdir("d", 0755));
	F(open("d", O_WRONLY));
	F(open("d", O_RDWR));
	F(open("d", O_CREAT | O_RDONLY, 0600));
	F(open("d", O_CREAT | O_EXCL | O_RDONLY, 0600));
	F(open("d", O_TRUNC | O_RDONLY));
	fd = F(open("d", O_DIRECTORY | O_RDONLY));
	{
		char c;

		T(read(fd, &c, 1));
		T(pread(fd, &c, 1, 0));
		T(write(fd, &c, 1));
		T(ftruncate(fd, 0));
		T(fsync(fd));
		T(fdatasync(fd));
	}
	F(openat(fd, "in", O_CREAT | O_WRONLY, 0600));
	F(openat(fd, "../f", O_RDONLY));
	close(fd);

	T(symlink("f", "to-f"));
	T(symlink("d", "to-d"));
	T(symlink("dangling-target", "dangling"));
	T(symlink("loop", "loop"));
	T(symlink("none/x", "dangling-deep"));
	F(open("to-f", O_NOFOLLOW | O_RDONLY));
	F(open("to-d", O_NOFOLLOW | O_RDONLY));
	F(open("to-d", O_NOFOLLOW | O_DIRECTORY | O_RDONLY));
	close(F(open("to-d/", O_NOFOLLOW | O_DIRECTORY | O_RDONLY)));
	fd = F(open("to-f", O_NOFOLLOW | O_PATH));
	stfd(fd);
	close(fd);
	F(open("to-f", O_CREAT | O_EXCL | O_RDWR, 0600));
	F(open("dangling", O_RDONLY));
	F(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600));
	F(open("dangling", O_CREAT | O_NOFOLLOW | O_RDWR, 0600));
	close(F(open("dangling", O_CREAT | O_RDWR, 0600)));
	st("dangling");
	st("dangling-target");
	F(open("dangling-deep", O_CREAT | O_RDWR, 0600));
	F(open("loop", O_RDONLY));
	F(open("loop", O_CREAT | O_RDWR, 0600));
	T(access("loop", F_OK));
	close(F(open("to-d/in2", O_CREAT | O_RDWR, 0600)));
	st("d/in2");

	T(make("t", "0123456789"));
	snap("t");
	close(F(open("t", O_TRUNC | O_WRONLY)));
	delta("t");
	st("t");
	T(make("t", "0123456789"));
	close(F(open("t", O_TRUNC | O_RDONLY)));
	st("t");
	T(make("t", "0123456789"));
	fd = F(open("t", O_CREAT | O_TRUNC | O_RDWR, 0777));
	stfd(fd);
	close(fd);

	fd = F(open("acc", O_CREAT | O_WRONLY, 0));
	{
		char c;

		T(write(fd, "x", 1));
		T(read(fd, &c, 1));
		T(pread(fd, &c, 1, 0));
	}
	stfd(fd);
	close(fd);
	fd = F(open("acc-r", O_CREAT | O_RDONLY, 0444));
	T(write(fd, "x", 1));
	T(ftruncate(fd, 0));
	close(fd);
	close(F(open("acc-r", O_WRONLY)));
	fd = F(open("acc-rw", O_CREAT | O_EXCL | O_RDWR, 0));
	T(write(fd, "x", 1));
	T(pread(fd, (char[1]){0}, 1, 0));
	close(fd);
	fd = F(open("f", O_ACCMODE));
	T(read(fd, (char[1]){0}, 1));
	close(fd);
	fd = F(open("f", O_PATH));
	T(read(fd, (char[1]){0}, 1));
	T(fchmod(fd, 0600));
	stfd(fd);
	close(fd);
	close(F(open("f", O_RDWR | O_SYNC)));
	close(F(open("f", O_RDWR | O_DSYNC | O_NONBLOCK | O_NOCTTY)));
	close(F(open("f", O_RDONLY | O_NOATIME)));
	fd = open("f", O_RDWR | O_APPEND | O_SYNC | O_NONBLOCK);
	say("F_GETFL %o", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_SYNC | O_NONBLOCK));
	close(fd);
	close(F(creat("creat", 0604)));
	st("creat");
	close(F(open("sticky-bits", O_CREAT | O_RDWR, 07777)));
	st("sticky-bits");
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	say("note: O_TMPFILE: %s", fd < 0 ? strerrorname_np(errno) : "fd");
	if (fd >= 0)
		close(fd);
}

static void do_rw(void)
{
	static char big[3 << 20], back[3 << 20];
	struct iovec v[4];
	char buf[64] = { 0 };
	int fd, fd2;

	fd = F(open("f", O_CREAT | O_RDWR, 0644));
	T(read(fd, buf, 10));
	T(write(fd, "0123456789", 10));
	T(lseek(fd, 0, SEEK_CUR));
	T(read(fd, buf, 10));
	T(lseek(fd, 3, SEEK_SET));
	T(read(fd, buf, 4));
	say("%.4s", buf);
	T(lseek(fd, -2, SEEK_END));
	T(read(fd, buf, 10));
	say("%.2s", buf);
	T(lseek(fd, -1, SEEK_SET));
	T(lseek(fd, 5, SEEK_END));
	T(read(fd, buf, 10));
	T(write(fd, "!", 1));
	stfd(fd);
	T(pread(fd, buf, 20, 0));
	say("sum %08x", sum(buf, 16));
	T(pread(fd, buf, 20, 16));
	T(pread(fd, buf, 20, 1000));
	T(pread(fd, buf, 20, -1));
	T(pwrite(fd, buf, 20, -1));
	T(pwrite(fd, "ab", 2, 100));
	T(pwrite(fd, "", 0, 1000));
	T(write(fd, "", 0));
	stfd(fd);
	T(pread(fd, buf, 0, 0));
	T(pread(fd, bad_address, 10, 0));
	T(pwrite(fd, bad_address, 10, 0));
	T(write(-1, buf, 1));

	v[0] = (struct iovec){ "one", 3 };
	v[1] = (struct iovec){ "", 0 };
	v[2] = (struct iovec){ "three", 5 };
	T(lseek(fd, 0, SEEK_SET));
	T(writev(fd, v, 3));
	T(pwritev(fd, v, 3, 50));
	T(writev(fd, v, 0));
	T(writev(fd, v, minus_one));
	v[0] = (struct iovec){ buf, 2 };
	v[1] = (struct iovec){ buf + 2, 30 };
	T(preadv(fd, v, 2, 0));
	say("sum %08x", sum(buf, 32));
	T(preadv2(fd, v, 2, 0, 0));
	close(fd);

	/* append: two descriptors, and one that isn't */
	T(make("a", "begin "));
	fd = F(open("a", O_WRONLY | O_APPEND));
	fd2 = F(open("a", O_WRONLY | O_APPEND));
	T(write(fd, "A", 1));
	T(write(fd2, "B", 1));
	T(write(fd, "C", 1));
	T(lseek(fd, 0, SEEK_SET));
	T(write(fd, "D", 1));
	T(lseek(fd, 0, SEEK_CUR));
	T(pwrite(fd2, "E", 1, 0));
	close(fd);
	close(fd2);
	text_of("a");

	/* a dup shares its position, another open does not */
	fd = F(open("a", O_RDONLY));
	fd2 = dup(fd);
	T(read(fd, buf, 3));
	T(lseek(fd2, 0, SEEK_CUR));
	T(read(fd2, buf, 3));
	T(lseek(fd, 0, SEEK_CUR));
	close(fd2);
	if (!fork()) {
		_exit(read(fd, buf, 2) != 2);
	}
	wait(NULL);
	T(lseek(fd, 0, SEEK_CUR));
	close(fd);

	/* large, odd sizes and positions; larger than a frame's data */
	fill(big, sizeof(big), 7);
	fd = F(open("big", O_CREAT | O_RDWR, 0644));
	T(pwrite(fd, big, sizeof(big), 0));
	T(pread(fd, back, sizeof(back), 0));
	IS(!memcmp(big, back, sizeof(big)));
	T(pwrite(fd, big, 1500001, 777));
	memmove(back + 777, big, 1500001);
	T(pread(fd, big, sizeof(big), 0));
	IS(!memcmp(big, back, sizeof(big)));
	T(pread(fd, back, 1048577, 2097151));
	say("sum %08x", sum(back, 1048577));
	stfd(fd);
	T(lseek(fd, 0, SEEK_END));
	close(fd);

	/* a hole, and its zeros */
	fd = F(open("hole", O_CREAT | O_RDWR, 0644));
	T(pwrite(fd, "x", 1, 5000000));
	T(pread(fd, back, 100000, 4900002));
	say("sum %08x", sum(back, 99999));
	{
		off_t hole = lseek(fd, 0, SEEK_HOLE), data = lseek(fd, 0, SEEK_DATA);

		say("note: SEEK_HOLE %lld SEEK_DATA %lld", (long long)hole, (long long)data);
		IS(hole == 0 || hole == 5000001);
		IS(data >= 0 && data <= 5000000);
	}
	T(lseek(fd, 5000001, SEEK_DATA));
	T(lseek(fd, 5000001, SEEK_HOLE));
	T(lseek(fd, 5000000, SEEK_HOLE));
	T(lseek(fd, -1, SEEK_DATA));
	T(lseek(fd, 0, 99));
	stfd(fd);
	T(pwrite(fd, "x", 1, 0x7fffffffffffffff));
	T(pwrite(fd, "x", 1, 17LL << 40));
	T(fsync(fd));
	stfd(fd);
	close(fd);

	/* what one descriptor writes another one reads at once */
	fd = F(open("shared", O_CREAT | O_RDWR, 0644));
	fd2 = F(open("shared", O_RDONLY));
	T(pwrite(fd, "first", 5, 0));
	T(pread(fd2, buf, 10, 0));
	T(pwrite(fd, "SECOND", 6, 0));
	T(pread(fd2, buf, 10, 0));
	say("%.6s", buf);
	T(ftruncate(fd, 2));
	T(pread(fd2, buf, 10, 0));
	stfd(fd2);
	close(fd);
	close(fd2);
	T(fcntl(-1, F_GETFL));
}

static void do_direct(void)
{
	char *buf;
	int fd;

	if (posix_memalign((void **)&buf, 4096, 65536))
		return;
	fill(buf, 65536, 3);
	fd = open("d", O_CREAT | O_RDWR | O_DIRECT, 0644);
	if (fd < 0) {
		say("note: O_DIRECT open: %s", strerrorname_np(errno));
		return;
	}
	T(write(fd, buf, 65536));
	memset(buf, 0, 65536);
	T(pread(fd, buf, 65536, 0));
	say("sum %08x", sum(buf, 65536));
	T(pread(fd, buf, 65536, 61440));
	stfd(fd);
	T(fsync(fd));
	close(fd);
	fd = F(open("d", O_RDONLY));
	T(pread(fd, buf, 65536, 0));
	say("sum %08x", sum(buf, 65536));
	close(fd);
	free(buf);
}

static void limit_files(rlim_t size)
{
	const int error = errno;
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	setrlimit(RLIMIT_FSIZE, &limit);
	errno = error;
}

/* A call under a limit, which is for what is printed as well, so not for longer. */
#define LIMITED(call)	\
	({ limit_files(5000); long r_ = (long)(call); limit_files(RLIM_INFINITY); r_; })

/* RLIMIT_FSIZE is the caller's own. */
static void limited(void)
{
	int fd;

	signal(SIGXFSZ, SIG_IGN);
	fd = F(open("limited", O_CREAT | O_RDWR, 0644));
	T(pwrite(fd, "x", 1, 5999));
	T(LIMITED(pwrite(fd, "x", 1, 5000)));
	T(LIMITED(ftruncate(fd, 6001)));
	T(LIMITED(ftruncate(fd, 5500)));
	T(LIMITED(ftruncate(fd, 5501)));
	T(LIMITED(truncate("limited", 5000)));
	T(LIMITED(truncate("limited", 5001)));
	T(LIMITED(fallocate(fd, 0, 0, 5001)));
	T(LIMITED(fallocate(fd, FALLOC_FL_ZERO_RANGE, 4000, 2000)));
	T(LIMITED(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5001)));
	T(LIMITED(fallocate(fd, 0, 0, 5000)));
	stfd(fd);
	T(fallocate(fd, 0, 0, 5001));
	stfd(fd);
	close(fd);
	signal(SIGXFSZ, SIG_DFL);
}

static void do_trunc(void)
{
	char buf[64];
	int fd;

	T(make("f", "0123456789"));
	snap("f");
	T(truncate("f", 4));
	delta("f");
	text_of("f");
	snap("f");
	T(truncate("f", 4));
	delta("f");
	T(truncate("f", 8));
	st("f");
	fd = F(open("f", O_RDWR));
	memset(buf, 'x', sizeof(buf));
	T(pread(fd, buf, 64, 0));
	say("sum %08x", sum(buf, 8));
	snap("f");
	T(ftruncate(fd, 2));
	delta("f");
	stfd(fd);
	T(ftruncate(fd, -1));
	T(ftruncate(fd, 100000));
	T(pread(fd, buf, 64, 99990));
	T(ftruncate(fd, 17LL << 40));
	T(ftruncate(fd, 0x7fffffffffffffff));
	stfd(fd);
	close(fd);
	T(truncate("f", -1));
	T(truncate(".", 0));
	T(truncate("none", 0));
	T(truncate("f/x", 0));
	fd = F(open("f", O_RDONLY));
	T(ftruncate(fd, 0));
	close(fd);
	T(symlink("f", "s"));
	T(truncate("s", 3));
	st("f");
	T(make("ro", "x"));
	T(chmod("ro", 0444));
	T(truncate("ro", 0));
	/* a descriptor opened for writing keeps its right */
	T(make("k", "0123"));
	fd = F(open("k", O_RDWR));
	T(chmod("k", 0));
	T(ftruncate(fd, 1));
	T(write(fd, "ab", 2));
	T(pread(fd, buf, 10, 0));
	stfd(fd);
	F(open("k", O_RDONLY));
	close(fd);
	T(mkfifo("p", 0600));
	T(truncate("p", 0));
	/* the end of a page behind a shorter end is zeros, after growing again */
	fd = F(open("z", O_CREAT | O_RDWR, 0644));
	T(pwrite(fd, "abcdefghij", 10, 0));
	T(ftruncate(fd, 3));
	T(ftruncate(fd, 10));
	T(pread(fd, buf, 10, 0));
	say("sum %08x", sum(buf, 10));
	T(ftruncate(fd, 3));
	T(pwrite(fd, "x", 1, 9));
	T(pread(fd, buf, 10, 0));
	say("sum %08x", sum(buf, 10));
	close(fd);
	limited();
}

static void do_dirs(void)
{
	int fd;

	snap(".");
	T(mkdir("d", 0750));
	delta(".");
	st("d");
	st(".");
	T(mkdir("d", 0750));
	T(mkdir("none/x", 0750));
	T(mkdir(".", 0750));
	T(mkdir("..", 0750));
	T(mkdir("d/.", 0750));
	T(mkdir("d/..", 0750));
	T(mkdir("d/e/", 0777));
	st("d/e");
	st("d");
	T(mkdir("bits", 07777));
	st("bits");
	T(rmdir("d"));
	T(rmdir("d/."));
	T(rmdir("d/e/.."));
	T(rmdir("."));
	T(rmdir("none"));
	T(make("f", ""));
	T(rmdir("f"));
	T(rmdir("f/x"));
	T(mkdir("f", 0755));
	T(mkdir("f/x", 0755));
	T(unlink("d"));
	T(unlink("d/e"));
	T(unlink("f/"));
	T(symlink("d", "s"));
	T(rmdir("s"));
	T(rmdir("s/"));
	T(mkdir("s", 0755));
	T(mkdir("s/in", 0755));
	T(rmdir("s/in"));
	snap("d");
	T(rmdir("d/e"));
	delta("d");
	st("d");
	fd = F(open("d", O_RDONLY | O_DIRECTORY));
	T(rmdir("d"));
	stfd(fd);
	F(openat(fd, "x", O_CREAT | O_RDWR, 0600));
	T(mkdirat(fd, "x", 0700));
	T(symlinkat("y", fd, "x"));
	F(openat(fd, ".", O_RDONLY));
	F(openat(fd, "none", O_RDONLY));
	T(syscall(SYS_getdents64, fd, (char[1024]){0}, 1024));
	T(mkdir("d", 0700));
	T(faccessat(fd, "../f", F_OK, 0));
	close(fd);

	T(mkdir("cwd", 0700));
	T(chdir("cwd"));
	T(rmdir("../cwd"));
	IS(!getcwd((char[PATH_MAX]){0}, PATH_MAX));
	F(open("x", O_CREAT | O_RDWR, 0600));
	F(open(".", O_RDONLY));
	T(mkdir("x", 0700));
	T(chdir(".."));
}

static void do_unlink(void)
{
	char buf[16];
	int fd, fd2;

	T(make("f", "content"));
	T(make("other", "other"));
	fd = F(open("f", O_RDWR));
	snap(".");
	T(unlink("f"));
	delta(".");
	st("f");
	stfd(fd);
	T(read(fd, buf, 16));
	T(pwrite(fd, "CONTENT+", 8, 0));
	T(pread(fd, buf, 16, 0));
	say("%.8s", buf);
	T(ftruncate(fd, 3));
	T(fchmod(fd, 0600));
	T(fchown(fd, -1, -1));
	T(futimens(fd, (struct timespec[]){{5, 6}, {7, 8}}));
	T(fsync(fd));
	stfd(fd);
	T(fsetxattr(fd, "user.x", "v", 1, 0));
	T(fgetxattr(fd, "user.x", buf, 16));
	T(link("/proc/self/fd/none", "relinked"));
	/* a new file of the same name is another one */
	T(make("f", "new"));
	T(pread(fd, buf, 16, 0));
	stfd(fd);
	st("f");
	close(fd);
	st("f");
	T(unlink("f"));
	T(unlink("f"));
	T(unlink("none/x"));
	T(unlink("other/"));
	T(unlink("other/x"));
	T(unlink("."));
	/* replaced by a rename while open */
	T(make("old", "old"));
	T(make("new", "new!"));
	fd = F(open("old", O_RDWR));
	fd2 = F(open("new", O_RDWR));
	T(rename("new", "old"));
	stfd(fd);
	stfd(fd2);
	T(pread(fd, buf, 16, 0));
	T(pread(fd2, buf, 16, 0));
	T(write(fd, "xyz", 3));
	text_of("old");
	close(fd);
	close(fd2);
	/* one of two links */
	T(make("l1", "link"));
	T(link("l1", "l2"));
	fd = F(open("l1", O_RDWR));
	snap("l2");
	T(unlink("l1"));
	delta("l2");
	stfd(fd);
	st("l2");
	T(write(fd, "LINK", 4));
	text_of("l2");
	T(unlink("l2"));
	stfd(fd);
	close(fd);
}

static void do_links(void)
{
	static char target[4097], buf[5000];
	struct stat a, b;
	int fd;

	T(make("f", "f"));
	snap("f");
	T(link("f", "hard"));
	delta("f");
	st("f");
	st("hard");
	lstat("f", &a);
	lstat("hard", &b);
	IS(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	T(link("f", "hard"));
	T(link("none", "x"));
	T(link("f", "none/x"));
	T(link("f", "f/x"));
	T(link("f/", "x"));
	T(link("f", "x/"));
	T(mkdir("d", 0755));
	T(link("d", "x"));
	T(link("f", "d/f"));
	T(link("f", "/proc/x"));
	T(link("/proc/self/status", "x"));
	st("d/f");
	fd = F(open("d/f", O_WRONLY | O_APPEND));
	T(write(fd, "+", 1));
	close(fd);
	text_of("hard");
	T(chmod("hard", 0600));
	st("f");
	T(truncate("hard", 1));
	st("d/f");

	T(symlink("f", "s"));
	st("s");
	T(readlink("s", buf, sizeof(buf)));
	T(readlink("s", buf, 1));
	T(readlink("f", buf, sizeof(buf)));
	T(readlink("d", buf, sizeof(buf)));
	T(readlink("none", buf, sizeof(buf)));
	T(readlink("s", buf, 0));
	T(symlink("f", "s"));
	T(symlink("", "empty"));
	T(symlink("x", "none/x"));
	T(symlink("x", "new/"));
	T(link("s", "hard-s"));
	st("hard-s");
	T(linkat(AT_FDCWD, "s", AT_FDCWD, "hard-f", AT_SYMLINK_FOLLOW));
	st("hard-f");
	memset(target, 'a', 4095);
	T(symlink(target, "long"));
	st("long");
	memset(buf, 0, sizeof(buf));
	T(readlink("long", buf, sizeof(buf)));
	IS(!strcmp(buf, target));
	F(open("long", O_RDONLY));
	target[4095] = 'a';
	T(symlink(target, "longer"));
	memset(target, 0, sizeof(target));
	memset(target, 'b', 3000);
	T(symlink(target, "3000"));
	T(readlink("3000", buf, sizeof(buf)));
	T(symlink("/etc/hostname", "absolute"));
	T(access("absolute", F_OK));
	T(symlink("../links/d/../f", "winding"));
	st("winding");
	T(access("winding", R_OK));
	T(lchown("s", -1, -1));
	T(utimensat(AT_FDCWD, "s", (struct timespec[]){{1, 0}, {2, 0}}, AT_SYMLINK_NOFOLLOW));
	lstat("s", &a);
	say("%lld", (long long)a.st_mtim.tv_sec);
	T(fchmodat(AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
	T(setxattr("f", "user.x", "v", 1, 0));
	T(getxattr("hard", "user.x", buf, 10));
	T(lsetxattr("s", "user.x", "v", 1, 0));
	T(lgetxattr("s", "user.x", buf, 10));
	T(llistxattr("s", buf, 100));
}

static void do_names(void)
{
	static char name[300], path[5000], deep[256];
	char buf[PATH_MAX * 2];
	struct stat st1;
	int i, fd, depth;

	memset(name, 'n', 255);
	T(make(name, "x"));
	T(access(name, F_OK));
	st(name);
	T(rename(name, "short"));
	T(rename("short", name));
	T(link(name, "l"));
	T(unlink(name));
	T(mkdir(name, 0755));
	T(rmdir(name));
	T(symlink(name, name));
	T(unlink(name));
	name[255] = 'n';
	T(make(name, "x"));
	T(access(name, F_OK));
	T(mkdir(name, 0755));
	T(rename("l", name));
	T(link("l", name));
	T(symlink("l", name));
	T(unlink(name));
	T(mkfifo(name, 0600));
	name[255] = 0;

	/* "./././...": paths of 4095 and 4096 bytes */
	for (i = 0; i < 4094; i += 2)
		memcpy(path + i, "./", 2);
	path[4094] = 'l';
	path[4095] = 0;
	T(access(path, F_OK));
	fd = F(open(path, O_RDONLY));
	close(fd);
	path[4094] = '/';
	path[4095] = 'l';
	T(access(path, F_OK));

	T(make("with space", "1"));
	T(make("new\nline", "2"));
	T(make("back\\slash", "3"));
	T(make("\xff\xfe\x01", "4"));
	T(make("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "5"));
	T(make("*?[]", "6"));
	T(make("...", "7"));
	T(make("..a", "8"));
	T(make("-rf", "9"));
	T(make("Case", "10"));
	T(access("case", F_OK));
	text_of("new\nline");
	text_of("\xff\xfe\x01");
	text_of("..a");
	T(mkdir("..d", 0755));
	T(make("..d/../..d/x", "11"));
	text_of("..d/x");

	/* deeper than a path can be long */
	fd = open(".", O_RDONLY);
	memset(deep, 'd', 255);
	for (depth = 0; depth < 20; depth++)
		if (mkdir(deep, 0755) || chdir(deep))
			break;
	say("depth %d", depth);
	T(make("bottom", "deep down"));
	text_of("bottom");
	T(rename("bottom", "bottom2"));
	IS(!lstat("bottom2", &st1) && st1.st_size == 9);
	IS(syscall(SYS_getcwd, buf, sizeof(buf)) > 5000 || errno == ENAMETOOLONG);
	T(setxattr("bottom2", "user.deep", "x", 1, 0));
	T(unlink("bottom2"));
	for (; depth > 0; depth--)
		if (chdir("..") || rmdir(deep))
			break;
	say("depth %d", depth);
	T(fchdir(fd));
	close(fd);
}

static void do_rename(void)
{
	struct stat st1;
	ino_t ino;

	T(make("a", "a"));
	lstat("a", &st1);
	ino = st1.st_ino;
	snap("a");
	T(rename("a", "b"));
	delta("b");
	st("a");
	lstat("b", &st1);
	IS(st1.st_ino == ino);
	T(make("c", "c"));
	snap(".");
	T(rename("b", "c"));
	delta(".");
	text_of("c");
	T(rename("c", "c"));
	T(rename("none", "x"));
	T(rename("c", "none/x"));
	T(rename("c", "a-much-longer-name-than-it-had-before"));
	T(rename("a-much-longer-name-than-it-had-before", "c"));
	T(rename("c/", "x"));
	T(rename("c", "x/"));
	T(rename("c", ""));
	T(rename(".", "x"));
	T(rename("c", "."));
	T(rename("..", "x"));

	T(mkdir("d", 0755));
	T(mkdir("d/e", 0755));
	T(mkdir("full", 0755));
	T(make("full/x", "x"));
	T(mkdir("empty", 0755));
	T(rename("d", "d/e/d"));
	T(rename("d", "d/d"));
	T(rename("d", "full"));
	T(rename("d/e", "d"));
	T(rename("d", "c"));
	T(rename("c", "d"));
	T(rename("d", "empty"));
	st("empty");
	st(".");
	T(rename("empty/e", "moved"));
	st("empty");
	st(".");
	T(mkdir("to", 0755));
	T(rename("moved/", "to/moved/"));
	st("to");
	T(chdir("to/moved"));
	T(rename("../../to", "../../from"));
	T(access("../../from/moved", F_OK));
	T(chdir("../.."));
	T(link("c", "c2"));
	T(rename("c", "c2"));
	st("c");
	st("c2");
	T(symlink("c", "s"));
	T(rename("s", "s2"));
	st("s2");
	T(rename("s2", "c2"));
	st("c2");
	st("c");
	T(symlink("full", "sd"));
	T(rename("sd", "full"));
	T(rename("full", "sd"));
	T(rename("sd/x", "sd/y"));
	T(mkfifo("p", 0600));
	T(rename("p", "p2"));
	st("p2");

	T(make("n1", "1"));
	T(make("n2", "2"));
	T(syscall(SYS_renameat2, AT_FDCWD, "n1", AT_FDCWD, "n2", RENAME_NOREPLACE));
	text_of("n2");
	T(syscall(SYS_renameat2, AT_FDCWD, "n1", AT_FDCWD, "n3", RENAME_NOREPLACE));
	text_of("n3");
	T(syscall(SYS_renameat2, AT_FDCWD, "n2", AT_FDCWD, "n3", RENAME_EXCHANGE));
	text_of("n2");
	text_of("n3");
	T(syscall(SYS_renameat2, AT_FDCWD, "n2", AT_FDCWD, "none", RENAME_EXCHANGE));
	T(syscall(SYS_renameat2, AT_FDCWD, "n2", AT_FDCWD, "full", RENAME_EXCHANGE));
	st("n2");
	st("full");
	text_of("full");
	text_of("n2/x");
	T(syscall(SYS_renameat2, AT_FDCWD, "n2", AT_FDCWD, "from/moved", RENAME_EXCHANGE));
	st("from");
	text_of("from/moved/x");
	T(syscall(SYS_renameat2, AT_FDCWD, "from", AT_FDCWD, "from/moved", RENAME_EXCHANGE));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n4", RENAME_EXCHANGE | RENAME_NOREPLACE));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n4", RENAME_EXCHANGE | RENAME_WHITEOUT));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n4", 8));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n4", RENAME_WHITEOUT));
	st("n3");
	st("n4");
	T(syscall(SYS_renameat2, AT_FDCWD, "n4", AT_FDCWD, "n5", RENAME_WHITEOUT | RENAME_NOREPLACE));
	st("n4");
	st("n5");
	T(rename("/proc/self/status", "x"));
	T(rename("n5", "/proc/x"));
}

static void do_nodes(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "bound" };
	char buf[8];
	int fd, fd2, s;

	T(mknod("fifo", S_IFIFO | 0640, 0));
	st("fifo");
	T(mknod("sock", S_IFSOCK | 0600, 0));
	st("sock");
	T(mknod("reg", S_IFREG | 0604, 0));
	st("reg");
	T(mknod("zero", 0604, 0));
	st("zero");
	T(mknod("chr", S_IFCHR | 0600, makedev(1, 3)));
	st("chr");
	T(mknod("blk", S_IFBLK | 0600, makedev(259, 70000)));
	st("blk");
	T(mknod("white", S_IFCHR | 0600, makedev(0, 0)));
	st("white");
	T(mknod("dir", S_IFDIR | 0755, 0));
	T(mknod("bad", S_IFLNK | 0755, 0));
	T(mknod("fifo", S_IFIFO | 0640, 0));
	T(mknod("none/x", S_IFIFO | 0640, 0));
	F(open("sock", O_RDWR));
	F(open("fifo", O_WRONLY | O_NONBLOCK));
	fd = F(open("fifo", O_RDONLY | O_NONBLOCK));
	fd2 = F(open("fifo", O_WRONLY | O_NONBLOCK));
	T(read(fd, buf, 8));
	T(write(fd2, "fifo", 4));
	T(read(fd, buf, 8));
	T(read(fd, buf, 8));
	close(fd2);
	T(read(fd, buf, 8));
	T(lseek(fd, 0, SEEK_SET));
	stfd(fd);
	close(fd);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	T(bind(s, (struct sockaddr *)&addr, sizeof(addr)));
	st("bound");
	T(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&addr, sizeof(addr)));
	close(s);
	T(unlink("bound"));
	T(chmod("fifo", 0666));
	st("fifo");
	T(unlink("fifo"));
	T(unlink("sock"));
	T(unlink("blk"));
}

static void do_mode(void)
{
	int fd;

	T(make("f", "x"));
	snap("f");
	T(chmod("f", 0601));
	delta("f");
	st("f");
	T(chmod("f", 07777));
	st("f");
	T(chmod("f", 0177777));
	st("f");
	T(chmod("none", 0600));
	T(chmod("f/x", 0600));
	T(mkdir("d", 0700));
	T(chmod("d", 07770));
	st("d");
	/* the set-id bits go with writes and changes of owner */
	T(chmod("f", 06755));
	fd = F(open("f", O_WRONLY));
	T(write(fd, "y", 1));
	stfd(fd);
	close(fd);
	T(chmod("f", 06755));
	T(truncate("f", 0));
	st("f");
	T(chmod("f", 06755));
	close(F(open("f", O_WRONLY | O_TRUNC)));
	st("f");
	T(make("f", "text"));
	T(chmod("f", 06755));
	close(F(open("f", O_WRONLY | O_TRUNC)));
	st("f");
	T(chmod("f", 06745));
	T(truncate("f", 10));
	st("f");
	T(chmod("f", 06755));
	T(chown("f", -1, -1));
	st("f");
	T(chmod("f", 06755));
	T(chown("f", geteuid(), getegid()));
	st("f");
	T(chmod("f", 06755));
	T(chown("f", -1, 2000));
	st("f");
	T(chmod("f", 06745));
	T(chown("f", -1, 3000));
	st("f");
	T(chmod("f", 02755));
	st("f");
	T(chown("f", -1, 4000));
	st("f");
	T(chmod("f", 02755));
	st("f");
	T(chown("f", 1234, -1));
	st("f");
	T(chmod("f", 0644));
	T(chown("d", -1, 2000));
	st("d");
	T(chown("none", 1, 1));
	T(mkdir("sgid", 0755));
	T(chown("sgid", -1, 2000));
	T(chmod("sgid", 02775));
	st("sgid");
	T(mkdir("sgid/d", 0755));
	st("sgid/d");
	close(F(open("sgid/f", O_CREAT | O_RDWR, 02775)));
	st("sgid/f");
	T(mkfifo("sgid/p", 0600));
	st("sgid/p");
	T(symlink("x", "sgid/s"));
	st("sgid/s");
	T(chmod("sgid/f", 02775));
	st("sgid/f");
	T(chown("sgid", -1, 4000));
	T(mkdir("sgid/e", 02755));
	st("sgid/e");

	/* the mode counts for those who open, not for those who have opened */
	T(make("w", "0"));
	T(chmod("w", 0400));
	F(open("w", O_WRONLY));
	T(access("w", W_OK));
	T(access("w", R_OK));
	T(access("w", X_OK));
	T(chmod("w", 0));
	F(open("w", O_RDONLY));
	T(access("w", R_OK));
	T(access("w", F_OK));
	T(faccessat(AT_FDCWD, "w", R_OK, AT_EACCESS));
	T(access("w", 8));
	T(mkdir("nox", 0600));
	T(make("nox/f", "x"));
	T(access("nox/f", F_OK));
	st("nox/f");
	T(mkdir("nor", 0300));
	T(make("nor/f", "x"));
	F(open("nor", O_RDONLY));
	st("nor/f");
	T(mkdir("now", 0500));
	T(make("now/f", "x"));
	T(mkdir("now/d", 0700));
	T(symlink("x", "now/s"));
	T(unlink("now/f"));
	T(rename("w", "now/w"));
	T(chmod("nox", 0700));
	T(chmod("nor", 0700));
	T(chmod("now", 0700));

	umask(077);
	T(make("um1", "x"));
	st("um1");
	T(mkdir("um2", 0777));
	st("um2");
	T(mkfifo("um3", 0666));
	st("um3");
	umask(0);
	close(F(open("um4", O_CREAT | O_RDWR, 0666)));
	st("um4");
	T(mkdir("um5", 01777));
	st("um5");
	umask(022);
}

/* "many" has 3000 files e0 to e2999; "acl" has a default ACL (of u:1234:rwx, g:2000:r-x, mask rwx, other ---). */
static void do_acl(void)
{
	/* as posix_acl_xattr.h has it: version 2, then tag, permissions, id */
	static const uint32_t acl[] = {
		2, 0x60001, ~0u, 0x40002, 1234, 0x40004, ~0u, 0x40010, ~0u, 0x40020, ~0u,
	};
	char back[64];

	/* nothing else is asked between */
	T(make("plain", "x"));
	T(getxattr("plain", "system.posix_acl_access", back, sizeof(back)));
	T(setxattr("plain", "system.posix_acl_access", acl, sizeof(acl), 0));
	T(getxattr("plain", "system.posix_acl_access", back, sizeof(back)));
	IS(!memcmp(back, acl, sizeof(acl)));
	T(removexattr("plain", "system.posix_acl_access"));
	T(getxattr("plain", "system.posix_acl_access", back, sizeof(back)));
	st("plain");

	umask(077);
	close(F(open("acl/f", O_CREAT | O_RDWR, 0666)));
	st("acl/f");
	T(mkdir("acl/d", 0777));
	st("acl/d");
	T(mkdir("acl/d/e", 0700));
	st("acl/d/e");
	close(F(open("acl/d/x", O_CREAT | O_RDWR, 0777)));
	st("acl/d/x");
	T(mkfifo("acl/p", 0666));
	st("acl/p");
	T(symlink("f", "acl/s"));
	st("acl/s");
	T(chmod("acl/f", 0640));
	st("acl/f");
	umask(022);
}

/* What belongs to root and to others, made by parity.sh as root before. */
static void do_foreign(void)
{
	char buf[16];
	int fd;

	F(open("foreign/secret", O_RDONLY));
	F(open("foreign/public", O_WRONLY));
	F(open("foreign/public", O_RDONLY | O_TRUNC));
	F(open("foreign/public", O_RDONLY | O_NOATIME));
	F(open("foreign/new", O_CREAT | O_RDWR, 0600));
	close(F(open("foreign/public", O_CREAT | O_RDONLY, 0600)));
	F(open("foreign/public", O_CREAT | O_EXCL | O_RDONLY, 0600));
	text_of("foreign/public");
	text_of("foreign/bygroup");
	text_of("foreign/byacl");
	text_of("foreign/closed/f");
	fd = F(open("foreign/bygroup", O_WRONLY | O_APPEND));
	T(write(fd, "+", 1));
	close(fd);
	T(access("foreign/secret", R_OK));
	T(access("foreign/public", R_OK));
	T(access("foreign/public", W_OK));
	T(access("foreign/bygroup", R_OK | W_OK));
	T(access("foreign/closed/f", F_OK));
	T(chmod("foreign/public", 0777));
	T(chmod("foreign/bygroup", 0666));
	T(chown("foreign/public", geteuid(), -1));
	T(utimensat(AT_FDCWD, "foreign/public", NULL, 0));
	T(utimensat(AT_FDCWD, "foreign/bygroup", NULL, 0));
	T(utimensat(AT_FDCWD, "foreign/bygroup", (struct timespec[]){{1, 0}, {2, 0}}, 0));
	T(truncate("foreign/public", 0));
	T(unlink("foreign/public"));
	T(mkdir("foreign/d", 0700));
	T(rmdir("foreign/closed"));
	T(rename("foreign/public", "mine"));
	T(link("foreign/secret", "linked-secret"));
	T(link("foreign/public", "linked-public"));
	T(symlink("x", "foreign/s"));
	T(mkfifo("foreign/p", 0600));
	F(open("foreign/closed", O_RDONLY));
	if (!T(chdir("foreign/closed")))
		T(chdir("../.."));
	T(setxattr("foreign/public", "user.x", "v", 1, 0));
	T(setxattr("foreign/bygroup", "user.x", "v", 1, 0));
	T(getxattr("foreign/public", "user.here", buf, 16));
	T(getxattr("foreign/secret", "user.here", buf, 16));
	T(setxattr("foreign/public", "trusted.x", "v", 1, 0));
	T(setxattr("foreign/public", "security.x", "v", 1, 0));

	/* sticky: everybody may make, only owners may remove */
	T(make("sticky/mine", "mine"));
	st("sticky/mine");
	T(unlink("sticky/theirs"));
	T(rename("sticky/theirs", "sticky/taken"));
	T(rename("sticky/mine", "sticky/theirs"));
	T(rmdir("sticky/theirdir"));
	T(syscall(SYS_renameat2, AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/theirs", RENAME_EXCHANGE));
	F(open("sticky/theirs", O_CREAT | O_WRONLY, 0600));
	T(rename("sticky/mine", "sticky/mine2"));
	T(unlink("sticky/mine2"));

	/* a directory of one of our groups, with setgid */
	T(make("team/f", "x"));
	st("team/f");
	T(mkdir("team/d", 0770));
	st("team/d");
	T(chmod("team/f", 02770));
	st("team/f");
	T(make("others/f", "x"));
}

static void say_times(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		say("  %s: %s", path, strerrorname_np(errno));
	else
		say("  %s: atime %lld.%09ld mtime %lld.%09ld", path, (long long)st.st_atim.tv_sec,
		    st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void do_times(void)
{
	struct timespec now;
	struct stat st1;
	int fd;

#define TS(a, an, m, mn) ((struct timespec[]){{(a), (an)}, {(m), (mn)}})
	T(make("f", "x"));
	snap("f");
	T(utimensat(AT_FDCWD, "f", TS(1000000000, 123456789, 1100000000, 987654321), 0));
	say_times("f");
	lstat("f", &st1);
	say("ctime%c", change(before.st_ctim, st1.st_ctim));
	T(utimensat(AT_FDCWD, "f", TS(0, UTIME_OMIT, 5, 5), 0));
	say_times("f");
	T(utimensat(AT_FDCWD, "f", TS(6, 6, 0, UTIME_OMIT), 0));
	say_times("f");
	snap("f");
	T(utimensat(AT_FDCWD, "f", TS(0, UTIME_OMIT, 0, UTIME_OMIT), 0));
	delta("f");
	T(utimensat(AT_FDCWD, "f", TS(-1000, 1, -2000000000LL, 999999999), 0));
	say_times("f");
	T(utimensat(AT_FDCWD, "f", TS(4294967296LL, 0, 6442450943LL, 0), 0));
	say_times("f");
	T(utimensat(AT_FDCWD, "f", TS(1LL << 40, 0, -(1LL << 40), 0), 0));
	say_times("f");
	T(utimensat(AT_FDCWD, "f", TS(0, 1000000000, 0, 0), 0));
	T(utimensat(AT_FDCWD, "f", TS(0, 0, 0, -1), 0));
	T(utimensat(AT_FDCWD, "none", NULL, 0));
	T(utimensat(AT_FDCWD, "f", TS(1, 0, 0, UTIME_NOW), 0));
	lstat("f", &st1);
	clock_gettime(CLOCK_REALTIME, &now);
	IS(st1.st_atim.tv_sec == 1);
	IS(llabs(st1.st_mtim.tv_sec - now.tv_sec) < 60);
	T(utimensat(AT_FDCWD, "f", NULL, 0));
	lstat("f", &st1);
	IS(llabs(st1.st_atim.tv_sec - now.tv_sec) < 60);
	IS(!memcmp(&st1.st_atim, &st1.st_mtim, sizeof(st1.st_atim)));
	fd = F(open("f", O_RDONLY));
	T(futimens(fd, TS(11, 12, 13, 14)));
	say_times("f");
	close(fd);
	T(symlink("f", "s"));
	T(utimensat(AT_FDCWD, "s", TS(21, 22, 23, 24), AT_SYMLINK_NOFOLLOW));
	say_times("s");
	say_times("f");
	T(utimensat(AT_FDCWD, "s", TS(31, 32, 33, 34), 0));
	say_times("f");
	T(mkdir("d", 0755));
	T(utimensat(AT_FDCWD, "d", TS(41, 42, 43, 44), 0));
	say_times("d");
	T(mkfifo("p", 0644));
	T(utimensat(AT_FDCWD, "p", TS(51, 52, 53, 54), 0));
	say_times("p");

	/* what changes which time */
	T(utimensat(AT_FDCWD, "f", TS(1000, 0, 1000, 0), 0));
	snap("f");
	fd = F(open("f", O_RDWR));
	T(write(fd, "yy", 2));
	delta("f");
	close(fd);
	delta("f");
	T(utimensat(AT_FDCWD, "f", TS(1000, 0, 1000, 0), 0));
	snap("f");
	fd = F(open("f", O_RDWR));
	T(write(fd, "", 0));
	close(fd);
	delta("f");
	snap("f");
	text_of("f");
	delta("f");
	delta_atime("f");
	T(utimensat(AT_FDCWD, "f", TS(1000, 0, 1000, 0), 0));
	snap("f");
	T(rename("f", "g"));
	delta("g");
	snap("g");
	T(setxattr("g", "user.x", "v", 1, 0));
	delta("g");
	T(utimensat(AT_FDCWD, "d", TS(1000, 0, 1000, 0), 0));
	snap("d");
	T(rename("g", "d/g"));
	delta("d");
	T(utimensat(AT_FDCWD, "d", TS(1000, 0, 1000, 0), 0));
	snap("d");
	T(make("d/g", "again"));
	delta("d");
}

static void do_xattr(void)
{
	static const char *const spaces[] = { "user", "trusted", "security", "system", "nonsense" };
	static char big[70000], buf[70000];
	char name[300];
	ssize_t n;
	unsigned int i;
	int fd;

	T(make("f", "x"));
	T(mkdir("d", 0755));
	for (i = 0; i < sizeof(spaces) / sizeof(*spaces); i++) {
		snprintf(name, sizeof(name), "%s.test", spaces[i]);
		say("%s", name);
		T(getxattr("f", name, buf, 100));
		T(setxattr("f", name, "abc", 3, 0));
		T(getxattr("f", name, NULL, 0));
		memset(buf, 0, 10);
		T(getxattr("f", name, buf, 100));
		say("\"%s\"", buf);
		T(getxattr("f", name, buf, 2));
		T(getxattr("f", name, buf, 3));
		T(setxattr("f", name, "defg", 4, XATTR_CREATE));
		T(setxattr("f", name, "defgh", 5, XATTR_REPLACE));
		T(getxattr("f", name, buf, 100));
		T(setxattr("f", name, "x", 1, 8));
		T(setxattr("f", name, "", 0, 0));
		T(getxattr("f", name, buf, 100));
		T(getxattr("f", name, NULL, 0));
		T(listxattr("f", NULL, 0));
		T(removexattr("f", name));
		T(removexattr("f", name));
		T(getxattr("f", name, buf, 100));
		T(setxattr("f", name, "x", 1, XATTR_REPLACE));
		T(setxattr("d", name, "dir", 3, 0));
		T(getxattr("d", name, buf, 100));
	}
	T(setxattr("f", "user.", "x", 1, 0));
	T(setxattr("f", "user", "x", 1, 0));
	T(setxattr("f", "", "x", 1, 0));
	T(getxattr("f", "", buf, 1));
	T(getxattr("none", "user.x", buf, 1));
	T(setxattr("none", "user.x", "x", 1, 0));
	T(listxattr("none", buf, 100));
	T(removexattr("none", "user.x"));
	T(setxattr("f", "user.one", "1", 1, 0));
	T(setxattr("f", "user.two", "22", 2, 0));
	n = T(listxattr("f", buf, sizeof(buf)));
	say("sum %08x", sum(buf, n > 0 ? n : 0));
	T(listxattr("f", NULL, 0));
	T(listxattr("f", buf, 1));
	T(listxattr("f", buf, n > 0 ? n - 1 : 0));
	T(listxattr("f", buf, n > 0 ? n : 0));
	fd = F(open("f", O_RDONLY));
	T(fgetxattr(fd, "user.two", buf, 100));
	T(fsetxattr(fd, "user.three", "\0\1\2", 3, 0));
	T(flistxattr(fd, NULL, 0));
	T(fremovexattr(fd, "user.one"));
	T(fgetxattr(fd, "user.three", buf, 100));
	say("%02x%02x%02x", buf[0], buf[1], buf[2]);
	close(fd);
	memset(name, 0, sizeof(name));
	memcpy(name, "user.", 5);
	memset(name + 5, 'n', 250);
	T(setxattr("f", name, "long", 4, 0));
	T(getxattr("f", name, buf, 100));
	T(removexattr("f", name));
	name[255] = 'n';
	T(setxattr("f", name, "long", 4, 0));
	T(getxattr("f", name, buf, 100));
	fill(big, sizeof(big), 9);
	T(setxattr("f", "user.big", big, 3000, 0));
	T(getxattr("f", "user.big", buf, sizeof(buf)));
	IS(!memcmp(big, buf, 3000));
	T(setxattr("f", "user.big", big, 65536, 0));
	T(setxattr("f", "user.big", big, 65537, 0));
	T(getxattr("f", "user.big", buf, sizeof(buf)));
	T(mkfifo("p", 0666));
	T(setxattr("p", "user.x", "v", 1, 0));
	T(setxattr("p", "trusted.x", "v", 1, 0));
	T(symlink("f", "s"));
	T(setxattr("s", "user.by-link", "v", 1, 0));
	T(getxattr("f", "user.by-link", buf, 10));
	T(lsetxattr("s", "trusted.x", "v", 1, 0));
	T(lgetxattr("s", "trusted.x", buf, 10));
	T(chmod("f", 0444));
	T(setxattr("f", "user.x", "v", 1, 0));
	T(chmod("f", 0));
	T(getxattr("f", "user.two", buf, 10));
	T(chmod("f", 0644));
	T(setxattr("f", "security.capability",
		   "\0\0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0));
	T(getxattr("f", "security.capability", buf, 100));
	fd = F(open("f", O_WRONLY));
	T(write(fd, "z", 1));
	close(fd);
	T(getxattr("f", "security.capability", buf, 100));
}

#define ENTRIES 3000

static void do_readdir(void)
{
	static char seen[ENTRIES], names[ENTRIES + 2][16];
	static long at[ENTRIES + 2];
	struct dirent *entry;
	int i, n, wrong = 0, twice = 0, dots = 0, types = 0;
	unsigned int seed = 1;
	char name[32] = "", buf[4096];
	struct stat st1;
	DIR *dir;
	int fd;

	T(rename("../many", "d"));
	dir = opendir("d");
	if (!dir)
		return;
	for (n = 0; n < ENTRIES + 2; n++) {
		at[n] = telldir(dir);
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		snprintf(names[n], sizeof(names[n]), "%.15s", entry->d_name);
		if (entry->d_name[0] == '.') {
			dots++;
			types += entry->d_type == DT_DIR;
			continue;
		}
		types += entry->d_type == DT_REG;
		i = atoi(entry->d_name + 1);
		if (i < 0 || i >= ENTRIES)
			wrong++;
		else if (seen[i]++)
			twice++;
		if (i % 500 == 0 && (fstatat(dirfd(dir), entry->d_name, &st1, 0) ||
				     st1.st_ino != entry->d_ino))
			wrong++;
	}
	say("%d entries, %d twice, %d wrong, %d dots, %d types right, then %s", n, twice, wrong,
	    dots, types, readdir(dir) ? "more" : errno ? strerrorname_np(errno) : "the end");
	for (i = 0, wrong = 0; n && i < 300; i++) {
		int k;

		seed = seed * 1103515245 + 12345;
		k = (seed >> 8) % n;
		seekdir(dir, at[k]);
		entry = readdir(dir);
		if (!entry || strcmp(entry->d_name, names[k]))
			wrong++;
	}
	say("seekdir: %d of 300 wrong", wrong);
	rewinddir(dir);
	for (i = 0, wrong = 0; (entry = readdir(dir)); i++)
		wrong += i >= n || strcmp(entry->d_name, names[i]) != 0;
	say("rewinddir: %d entries, %d wrong", i, wrong);
	closedir(dir);

	/* buffers for one entry, and for none */
	fd = open("d", O_RDONLY | O_DIRECTORY);
	T(syscall(SYS_getdents64, fd, buf, 8));
	for (i = 0; i < 10000 && syscall(SYS_getdents64, fd, buf, 40) > 0; i++)
		;
	say("getdents of 40 bytes: %d calls", i);
	T(lseek(fd, 0, SEEK_SET));
	T(syscall(SYS_getdents64, fd, bad_address, 4096));
	T(lseek(fd, -1, SEEK_SET));
	T(lseek(fd, 0, SEEK_SET));
	close(fd);

	/* new entries show after a rewind */
	dir = opendir("d");
	for (i = 0; readdir(dir); i++)
		;
	T(make("d/e-new", ""));
	T(unlink("d/e7"));
	T(rename("d/e8", "d/e-renamed"));
	rewinddir(dir);
	for (n = 0, wrong = 0; (entry = readdir(dir)); n++)
		wrong += !strcmp(entry->d_name, "e-new") + !strcmp(entry->d_name, "e-renamed") -
			 10 * !strcmp(entry->d_name, "e7") - 10 * !strcmp(entry->d_name, "e8");
	say("%d entries, after a rewind %d, new ones %d", i, n, wrong);
	closedir(dir);

	/* delete while reading: some of the many, and all of a few */
	dir = opendir("d");
	for (n = 0, wrong = 0; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		if (n++ % 10 == 0 && unlinkat(dirfd(dir), entry->d_name, 0))
			wrong++;
	}
	rewinddir(dir);
	for (i = 0; readdir(dir); i++)
		;
	closedir(dir);
	say("%d read while deleting a tenth, %d wrong, %d left", n, wrong, i);
	T(mkdir("few", 0755));
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "few/%d", i);
		make(name, "");
	}
	dir = opendir("few");
	for (n = 0, wrong = 0; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			wrong++;
		n++;
	}
	closedir(dir);
	say("%d deleted, %d wrong", n, wrong);
	T(rmdir("few"));

	T(mkdir("types", 0755));
	T(mkdir("types/dir", 0755));
	T(make("types/reg", ""));
	T(symlink("x", "types/lnk"));
	T(mkfifo("types/fifo", 0644));
	T(mknod("types/sock", S_IFSOCK | 0644, 0));
	dir = opendir("types");
	for (n = 0; (entry = readdir(dir));) {
		static const char *const want[] = { "dir", "reg", "lnk", "fifo", "sock" };
		static const int type[] = { DT_DIR, DT_REG, DT_LNK, DT_FIFO, DT_SOCK };

		for (i = 0; i < 5; i++)
			n += !strcmp(entry->d_name, want[i]) && entry->d_type == type[i];
	}
	closedir(dir);
	say("%d types right", n);
	IS(!opendir("none"));
	IS(!opendir("types/reg"));
}

static void do_copy(void)
{
	static char buf[300000], back[300000];
	off_t in, out;
	int a, b;

	fill(buf, sizeof(buf), 11);
	a = F(open("a", O_CREAT | O_RDWR, 0644));
	T(write(a, buf, sizeof(buf)));
	b = F(open("b", O_CREAT | O_RDWR, 0644));
	in = 1000;
	T(sendfile(b, a, &in, 200000));
	say("%lld", (long long)in);
	T(pread(b, back, sizeof(back), 0));
	IS(!memcmp(back, buf + 1000, 200000));
	T(lseek(a, 0, SEEK_SET));
	T(sendfile(b, a, NULL, 400000));
	T(lseek(a, 0, SEEK_CUR));
	stfd(b);
	T(ftruncate(b, 0));
	in = 0;
	out = 5;
	T(copy_file_range(a, &in, b, &out, 250000, 0));
	say("%lld %lld", (long long)in, (long long)out);
	T(pread(b, back, sizeof(back), 0));
	IS(!memcmp(back + 5, buf, 250000));
	in = 300000;
	T(copy_file_range(a, &in, b, &out, 10, 0));
	T(copy_file_range(a, NULL, b, NULL, 10, 1));
	in = 0;
	out = 100;
	T(copy_file_range(a, &in, a, &out, 1000, 0));
	{
		int p[2];

		T(pipe(p));
		in = 0;
		T(splice(a, &in, p[1], NULL, 4096, 0));
		out = 0;
		T(splice(p[0], NULL, b, &out, 4096, 0));
		T(pread(b, back, 4096, 0));
		IS(!memcmp(back, buf, 100));
		T(tee(p[0], p[1], 1, SPLICE_F_NONBLOCK));
		close(p[0]);
		close(p[1]);
	}
	T(fsync(b));
	T(fdatasync(b));
	T(syncfs(b));
	T(posix_fadvise(b, 0, 0, POSIX_FADV_DONTNEED));
	T(pread(b, back, 300000, 0));
	T(sync_file_range(b, 0, 0, 0));
	T(readahead(b, 0, 4096));
	say("note: fallocate: %s", fallocate(b, 0, 0, 1 << 20) ? strerrorname_np(errno) : "0");
	say("note: FICLONE: %s", ioctl(b, FICLONE, a) ? strerrorname_np(errno) : "0");
	T(ioctl(b, 0x12345678, 0));
	close(a);
	close(b);
}

static void do_mmap(void)
{
	char *map, buf[8192];
	int fd;

	fill(buf, sizeof(buf), 5);
	fd = F(open("f", O_CREAT | O_RDWR, 0644));
	T(write(fd, buf, 5000));
	map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		say("note: private map: %s", strerrorname_np(errno));
		IS(errno == ENODEV || errno == EINVAL);
	} else {
		IS(!memcmp(map, buf, 5000));
		IS(map[5000] == 0 && map[8191] == 0);
		/* Stays right after a write by another way. */
		T(pwrite(fd, "changed", 7, 100));
		IS(!memcmp(map + 100, "changed", 7));
		munmap(map, 8192);
	}
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		say("note: shared map: %s", strerrorname_np(errno));
		IS(errno == ENODEV || errno == EINVAL);
	} else {
		memcpy(map + 200, "by map", 6);
		if (msync(map, 8192, MS_SYNC))
			say("note: msync: %s", strerrorname_np(errno));
		memset(buf, 0, 6);
		T(pread(fd, buf, 6, 200));
		IS(!memcmp(buf, "by map", 6));
		munmap(map, 8192);
	}
	close(fd);
	fd = F(open("f", O_RDONLY));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	IS(map == MAP_FAILED);
	close(fd);
}

static void do_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, fd2;

	fd = F(open("f", O_CREAT | O_RDWR, 0644));
	fd2 = F(open("f", O_RDWR));
	T(flock(fd, LOCK_EX | LOCK_NB));
	T(flock(fd2, LOCK_EX | LOCK_NB));
	T(flock(fd, LOCK_UN));
	T(flock(fd2, LOCK_SH | LOCK_NB));
	T(fcntl(fd, F_SETLK, &lock));
	lock.l_pid = 0;
	T(fcntl(fd, F_OFD_SETLK, &lock));
	T(fcntl(fd2, F_OFD_SETLK, &lock));
	close(fd);
	close(fd2);
}

static int run(const char *path)
{
	int status;

	fflush(stdout);
	if (!fork()) {
		execl(path, path, "arg", NULL);
		_exit(errno);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void copy_program(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0755);

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			say("short write");
	close(in);
	close(out);
}

static void do_exec(void)
{
	int fd;

	T(make("script", "#!/bin/sh\nexit 7\n"));
	T(run("./script") == EACCES);
	T(chmod("script", 0755));
	T(run("./script"));
	T(make("noshell", "#!/none/interpreter\n"));
	T(chmod("noshell", 0755));
	T(run("./noshell") == ENOENT);
	T(mkdir("dir", 0755));
	T(run("./dir") == EACCES);
	copy_program("/bin/false", "prog");
	st("prog");
	T(run("./prog"));
	fd = F(open("prog", O_WRONLY));
	T(run("./prog") == ETXTBSY);
	close(fd);
	T(run("./prog"));
	copy_program("/bin/true", "prog");
	T(run("./prog"));
	T(chmod("prog", 0644));
	T(run("./prog") == EACCES);
	/* who may only execute it needn't be able to read it: twice, by a known name and not */
	T(chmod("prog", 0111));
	T(run("./prog"));
	T(run("./prog"));
	T(make("unreadable", "#!/bin/sh\nexit 7\n"));
	T(chmod("unreadable", 0111));
	F(open("unreadable", O_RDONLY));
	T(chmod("prog", 0444));
	T(run("./prog") == EACCES);
	T(chmod("prog", 0011));
	T(run("./prog"));
}

static void do_statfs(void)
{
	struct statfs fs;

	if (T(statfs(".", &fs)))
		return;
	say("type %lx bsize %ld frsize %ld namelen %ld blocks %llu files %llu",
	    (unsigned long)fs.f_type, (long)fs.f_bsize, (long)fs.f_frsize, (long)fs.f_namelen,
	    (unsigned long long)fs.f_blocks, (unsigned long long)fs.f_files);
	IS(fs.f_bfree > 0 && fs.f_bfree < fs.f_blocks && fs.f_bavail <= fs.f_bfree);
	IS(fs.f_ffree > 0 && fs.f_ffree < fs.f_files);
	T(statfs("none", &fs));
	T(make("f", "x"));
	T(statfs("f", &fs));
	T(fstatfs(open("f", O_RDONLY), &fs));
	say("type %lx", (unsigned long)fs.f_type);
	T(pathconf(".", _PC_NAME_MAX));
	T(pathconf(".", _PC_LINK_MAX) > 0);
}

static void do_statx(void)
{
	struct statx x;

	T(make("f", "x"));
	T(statx(AT_FDCWD, "f", 0, STATX_ALL, &x));
	say("mask %x btime %s", x.stx_mask & STATX_ALL, x.stx_btime.tv_sec ? "known" : "unknown");
	IS(x.stx_btime.tv_sec <= x.stx_ctime.tv_sec);
	T(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_SIZE, &x));
	say("size %llu", (unsigned long long)x.stx_size);
	T(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_SIZE, &x));
	T(statx(AT_FDCWD, "none", 0, STATX_SIZE, &x));
	T(statx(AT_FDCWD, "f", 0x8000000, STATX_SIZE, &x));
	T(statx(AT_FDCWD, "f", 0, 0x80000000, &x));
	T(pathconf("f", _PC_PATH_MAX));
}

static const struct {
	const char *name;
	void (*run)(void);
} sections[] = {
	{ "open", do_open }, { "rw", do_rw }, { "direct", do_direct }, { "trunc", do_trunc },
	{ "dirs", do_dirs }, { "unlink", do_unlink }, { "links", do_links },
	{ "names", do_names }, { "rename", do_rename }, { "nodes", do_nodes },
	{ "mode", do_mode }, { "acl", do_acl }, { "foreign", do_foreign },
	{ "times", do_times }, { "xattr", do_xattr }, { "readdir", do_readdir },
	{ "copy", do_copy }, { "mmap", do_mmap }, { "locks", do_locks }, { "exec", do_exec },
	{ "statfs", do_statfs }, { "statx", do_statx },
};

int main(int argc, char **argv)
{
	unsigned int i;
	int a;

	if (argc < 2 || chdir(argv[1])) {
		fprintf(stderr, "usage: fsops DIR [SECTION...]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
	for (i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		for (a = 2; a < argc && strcmp(argv[a], sections[i].name); a++)
			;
		if (argc > 2 && a == argc)
			continue;
		section = sections[i].name;
		/* What needs no preparation has a directory of its own. */
		if (sections[i].run != do_foreign && sections[i].run != do_acl &&
		    (mkdir(section, 0755) || chdir(section))) {
			say("mkdir: %s", strerrorname_np(errno));
			continue;
		}
		sections[i].run();
		if (chdir(argv[1])) {
			say("chdir: %s", strerrorname_np(errno));
			return 1;
		}
	}
	printf("end\n");
	return 0;
}
