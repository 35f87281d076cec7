// SPDX-License-Identifier: GPL-2.0
/*
 * workload DIR NAME: measures one thing in DIR and prints operations per second,
 * or megabytes per second for data, as one number.
 *
 * What a workload needs is made by another one before: see bench/guest.  It makes
 * no files but in DIR, and ends with status 1 and a message if anything fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB		(1 << 20)
#define DATA_MIB	32
#define FILES		400
#define SMALL		4096
#define DEPTH		8
#define DEEP		20

static char *buffer;

static void fail(const char *what, const char *on)
{
	fprintf(stderr, "workload: %s %s: %s\n", what, on, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int must_open(const char *name, int flags)
{
	int fd = open(name, flags, 0644);

	if (fd < 0)
		fail("open", name);
	return fd;
}

static const char *name_of(char *text, const char *prefix, int i)
{
	sprintf(text, "%s%03d", prefix, i);
	return text;
}

/* Each returns how many operations (or MiB) were done in the time that it measured. */

static double write_data(double *start)
{
	int fd, i;

	*start = now();
	fd = must_open("data", O_WRONLY | O_CREAT | O_TRUNC);
	for (i = 0; i < DATA_MIB; i++)
		if (write(fd, buffer, MIB) != MIB)
			fail("write", "data");
	if (close(fd))
		fail("close", "data");
	return DATA_MIB;
}

static double read_data(double *start)
{
	int fd, i;

	*start = now();
	fd = must_open("data", O_RDONLY);
	for (i = 0; i < DATA_MIB; i++)
		if (read(fd, buffer, MIB) != MIB)
			fail("read", "data");
	close(fd);
	return DATA_MIB;
}

static double read_random(double *start)
{
	const off_t blocks = (off_t)DATA_MIB * (MIB / SMALL);
	const int count = 500;
	unsigned int seed = 1;
	int fd, i;

	*start = now();
	fd = must_open("data", O_RDONLY | O_DIRECT);
	for (i = 0; i < count; i++) {
		seed = seed * 1103515245 + 12345;
		if (pread(fd, buffer, SMALL,
			  (off_t)(seed >> 4) % blocks * SMALL) != SMALL)
			fail("pread", "data");
	}
	close(fd);
	return count;
}

static double write_sync(double *start)
{
	const int count = 200;
	int fd, i;

	fd = must_open("synced", O_WRONLY | O_CREAT);
	*start = now();
	for (i = 0; i < count; i++)
		if (pwrite(fd, buffer, SMALL, (off_t)i * SMALL) != SMALL || fsync(fd))
			fail("write and fsync", "synced");
	close(fd);
	return count;
}

static double create(double *start)
{
	char name[32];
	int i;

	*start = now();
	for (i = 0; i < FILES; i++)
		close(must_open(name_of(name, "file", i), O_WRONLY | O_CREAT | O_EXCL));
	return FILES;
}

static double stat_all(double *start)
{
	struct stat st;
	char name[32];
	int i;

	*start = now();
	for (i = 0; i < FILES; i++)
		if (stat(name_of(name, "file", i), &st))
			fail("stat", name);
	return FILES;
}

static double unlink_all(double *start)
{
	char name[32];
	int i;

	*start = now();
	for (i = 0; i < FILES; i++)
		if (unlink(name_of(name, "file", i)))
			fail("unlink", name);
	return FILES;
}

/* Not timed by itself: what "small" and "walk" look at. */
static double make_small(double *start)
{
	char name[32];
	int fd, i;

	*start = now();
	for (i = 0; i < FILES; i++) {
		fd = must_open(name_of(name, "small", i), O_WRONLY | O_CREAT);
		if (write(fd, buffer, SMALL) != SMALL || close(fd))
			fail("write", name);
	}
	return FILES;
}

static double read_small(double *start)
{
	char name[32];
	int fd, i;

	*start = now();
	for (i = 0; i < FILES; i++) {
		fd = must_open(name_of(name, "small", i), O_RDONLY);
		if (read(fd, buffer, SMALL) != SMALL)
			fail("read", name);
		close(fd);
	}
	return FILES;
}

static double walked;

static int visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)st, (void)type, (void)at;
	walked++;
	return 0;
}

static double walk(double *start)
{
	*start = now();
	walked = 0;
	if (nftw(".", visit, 16, FTW_PHYS))
		fail("walk", ".");
	return walked;
}

static void deep_path(char *path, int i)
{
	int d;

	path += sprintf(path, "deep%03d", i);
	for (d = 0; d < DEPTH; d++)
		path += sprintf(path, "/d%d", d);
}

static double make_deep(double *start)
{
	char path[128];
	int d, i;

	*start = now();
	for (i = 0; i < DEEP; i++) {
		int at = sprintf(path, "deep%03d", i);

		if (mkdir(path, 0755))
			fail("mkdir", path);
		for (d = 0; d < DEPTH; d++) {
			at += sprintf(path + at, "/d%d", d);
			if (mkdir(path, 0755))
				fail("mkdir", path);
		}
	}
	return DEEP;
}

static double stat_deep(double *start)
{
	struct stat st;
	char path[128];
	int i;

	*start = now();
	for (i = 0; i < DEEP; i++) {
		deep_path(path, i);
		if (stat(path, &st))
			fail("stat", path);
	}
	return DEEP;
}

/* Files a second, by tar(1), of an archive that bench/guest has made. */
static double untar(double *start)
{
	const char *archive = getenv("BENCH_TAR"), *files = getenv("BENCH_TAR_FILES");
	int status;
	pid_t pid;

	if (!archive || !files)
		fail("BENCH_TAR, BENCH_TAR_FILES", "not set");
	*start = now();
	pid = fork();
	if (!pid) {
		execlp("tar", "tar", "-xf", archive, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail("tar", archive);
	return strtod(files, NULL);
}

static const struct {
	const char *name;
	double (*run)(double *start);
} workloads[] = {
	{ "write", write_data },
	{ "read", read_data },
	{ "random", read_random },
	{ "fsync", write_sync },
	{ "create", create },
	{ "stat", stat_all },
	{ "unlink", unlink_all },
	{ "make-small", make_small },
	{ "small", read_small },
	{ "walk", walk },
	{ "make-deep", make_deep },
	{ "deep", stat_deep },
	{ "untar", untar },
};

int main(int argc, char **argv)
{
	double start, done;
	size_t i;

	if (argc != 3) {
		fprintf(stderr, "usage: workload DIR NAME\n");
		return 2;
	}
	if (posix_memalign((void **)&buffer, 4096, MIB))
		fail("memory", "");
	memset(buffer, 'x', MIB);
	if (chdir(argv[1]))
		fail("chdir", argv[1]);
	for (i = 0; i < sizeof(workloads) / sizeof(*workloads); i++)
		if (!strcmp(workloads[i].name, argv[2])) {
			done = workloads[i].run(&start);
			printf("%.1f\n", done / (now() - start));
			return 0;
		}
	fprintf(stderr, "workload: no workload is called %s\n", argv[2]);
	return 2;
}
