// SPDX-License-Identifier: GPL-2.0
/*
 * workload DIR NAME [PROCESSES]: measures one thing in DIR and prints operations per
 * second, or megabytes per second for data, and how many it did.
 *
 * With several processes each does all of it, with files of its own.  What a workload
 * needs is made by another one before: see bench/guest.  It makes no files but in DIR,
 * and ends with status 1 and a message if anything fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdbool.h>
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
#define MANY_DIRS	200
#define MANY_FILES	100
#define QUEUE		16
#define RANDOM		512		/* a multiple of QUEUE */

static char *buffer;
static int process;			/* which of several */

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
	sprintf(text, "%s%d-%03d", prefix, process, i);
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

/*
 * Past the page cache.  A file system that refuses O_DIRECT here, as 9p does, has to be
 * mounted without a cache, so that there is none to go past.
 */
static int must_open_direct(int flags)
{
	int fd = open("data", flags | O_DIRECT);

	if (fd < 0 && errno != EINVAL)
		fail("open", "data");
	return fd < 0 ? must_open("data", flags) : fd;
}

static double write_direct(double *start)
{
	int fd, i;

	*start = now();
	fd = must_open_direct(O_WRONLY);
	for (i = 0; i < DATA_MIB; i++)
		if (write(fd, buffer, MIB) != MIB)
			fail("write", "data");
	if (close(fd))
		fail("close", "data");
	return DATA_MIB;
}

static double read_direct(double *start)
{
	int fd, i;

	*start = now();
	fd = must_open_direct(O_RDONLY);
	for (i = 0; i < DATA_MIB; i++)
		if (read(fd, buffer, MIB) != MIB)
			fail("read", "data");
	close(fd);
	return DATA_MIB;
}

struct random {
	int fd;
	int count;
	unsigned int seed;
	char *block;			/* of this thread */
	bool writes;
};

static void *random_run(void *arg)
{
	const off_t blocks = (off_t)DATA_MIB * (MIB / SMALL);
	struct random *r = arg;
	int i;

	for (i = 0; i < r->count; i++) {
		off_t at;

		r->seed = r->seed * 1103515245 + 12345;
		at = (off_t)(r->seed >> 4) % blocks * SMALL;
		if ((r->writes ? pwrite(r->fd, r->block, SMALL, at) :
				 pread(r->fd, r->block, SMALL, at)) != SMALL)
			fail(r->writes ? "pwrite" : "pread", "data");
	}
	return NULL;
}

/* Blocks of 4 KiB with O_DIRECT, @depth at a time. */
static double random_blocks(double *start, int depth, bool writes)
{
	struct random r[QUEUE];
	pthread_t threads[QUEUE];
	int fd, i;

	*start = now();
	fd = must_open_direct(writes ? O_WRONLY : O_RDONLY);
	for (i = 0; i < depth; i++) {
		r[i] = (struct random){ fd, RANDOM / depth, i + 1, buffer + (size_t)i * SMALL, writes };
		if (pthread_create(&threads[i], NULL, random_run, &r[i]))
			fail("thread", "");
	}
	for (i = 0; i < depth; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	return RANDOM;
}

static double random_read(double *start)
{
	return random_blocks(start, 1, false);
}

static double random_read_queue(double *start)
{
	return random_blocks(start, QUEUE, false);
}

static double random_write(double *start)
{
	return random_blocks(start, 1, true);
}

static double random_write_queue(double *start)
{
	return random_blocks(start, QUEUE, true);
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

/* There and back. */
static double rename_all(double *start)
{
	char name[32], other[32];
	int i, back;

	*start = now();
	for (back = 0; back < 2; back++)
		for (i = 0; i < FILES; i++) {
			name_of(name, back ? "moved" : "file", i);
			name_of(other, back ? "file" : "moved", i);
			if (rename(name, other))
				fail("rename", name);
		}
	return 2 * FILES;
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

static double make_many(double *start)
{
	char path[64];
	int d, i;

	*start = now();
	for (d = 0; d < MANY_DIRS; d++) {
		sprintf(path, "many%03d", d);
		if (mkdir(path, 0755))
			fail("mkdir", path);
		for (i = 0; i < MANY_FILES; i++) {
			sprintf(path, "many%03d/%03d", d, i);
			close(must_open(path, O_WRONLY | O_CREAT));
		}
	}
	return MANY_DIRS * MANY_FILES;
}

static double run_program(double *start, char *const argv[])
{
	int status;
	pid_t pid;

	*start = now();
	pid = fork();
	if (!pid) {
		int fd = open("/dev/null", O_WRONLY);

		dup2(fd, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail(argv[0], "");
	return MANY_DIRS * MANY_FILES;
}

static double list_long(double *start)
{
	char *const argv[] = { "ls", "-lR", NULL };

	return run_program(start, argv);
}

static double find_names(double *start)
{
	char *const argv[] = { "find", ".", "-type", "f", NULL };

	return run_program(start, argv);
}

/* As git-status(1): each file that the index has, in its order, then what else there is. */
static double status(double *start)
{
	struct stat st;
	char path[64];
	int d, i;

	*start = now();
	for (d = 0; d < MANY_DIRS; d++)
		for (i = 0; i < MANY_FILES; i++) {
			sprintf(path, "many%03d/%03d", d, i);
			if (lstat(path, &st))
				fail("lstat", path);
		}
	if (nftw(".", visit, 16, FTW_PHYS))
		fail("walk", ".");
	return MANY_DIRS * MANY_FILES;
}

/* DIR is a /proc. */
static double read_proc(double *start)
{
	int fd, i;

	*start = now();
	for (i = 0; i < FILES; i++) {
		fd = must_open("version", O_RDONLY);
		if (read(fd, buffer, SMALL) <= 0)
			fail("read", "version");
		close(fd);
	}
	return FILES;
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
	{ "write-direct", write_direct },
	{ "read-direct", read_direct },
	{ "random-read", random_read },
	{ "random-read-16", random_read_queue },
	{ "random-write", random_write },
	{ "random-write-16", random_write_queue },
	{ "fsync", write_sync },
	{ "create", create },
	{ "stat", stat_all },
	{ "rename", rename_all },
	{ "unlink", unlink_all },
	{ "make-small", make_small },
	{ "small", read_small },
	{ "walk", walk },
	{ "make-deep", make_deep },
	{ "deep", stat_deep },
	{ "untar", untar },
	{ "make-many", make_many },
	{ "ls-lR", list_long },
	{ "find", find_names },
	{ "status", status },
	{ "proc", read_proc },
};

/* Runs @run in @processes at once, and returns what they did together. */
static double run_many(double (*run)(double *start), long processes, double *start)
{
	double done = 0, began;
	int status, failed = 0;

	if (processes == 1)
		return run(start);
	*start = now();
	for (process = 1; process <= processes; process++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork", "");
		if (!pid) {
			/* How much it is doesn't depend on the process. */
			run(&began);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	if (failed)
		exit(1);
	done = (double)processes * FILES;
	return run == rename_all ? 2 * done : done;
}

int main(int argc, char **argv)
{
	long processes = argc == 4 ? strtol(argv[3], NULL, 10) : 1;
	double start, done;
	size_t i;

	if (argc < 3 || argc > 4 || processes < 1 || processes > 1000) {
		fprintf(stderr, "usage: workload DIR NAME [PROCESSES]\n");
		return 2;
	}
	if (posix_memalign((void **)&buffer, 4096, MIB))
		fail("memory", "");
	memset(buffer, 'x', MIB);
	if (chdir(argv[1]))
		fail("chdir", argv[1]);
	for (i = 0; i < sizeof(workloads) / sizeof(*workloads); i++)
		if (!strcmp(workloads[i].name, argv[2])) {
			done = run_many(workloads[i].run, processes, &start);
			printf("%.1f %.0f\n", done / (now() - start), done);
			return 0;
		}
	fprintf(stderr, "workload: no workload is called %s\n", argv[2]);
	return 2;
}
