// SPDX-License-Identifier: GPL-2.0
/*
 * Loops for tests of races and of load:
 *
 *	racer swap A B SECONDS		exchange two names again and again
 *	racer hit DIR SECONDS		work below DIR/a and on DIR/f while somebody swaps
 *					them; never sees a file that says SECRET
 *	racer load DIR			each operation must succeed, exactly once;
 *					until SIGTERM
 *	racer storm DIR SECONDS SEED	create, rename, read, unlink by chance
 *
 * Prints what it has counted.  Status 1: something was wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int swap(const char *a, const char *b, double end)
{
	unsigned long n = 0;

	do {
		if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)) {
			perror("exchange");
			return 1;
		}
		n++;
		/* Rather often, but the other side shall get somewhere as well. */
		usleep(rand() % 2000);
	} while (now() < end);
	/* As it was. */
	if (n % 2 && syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE))
		return 1;
	printf("swaps %lu\n", n + n % 2);
	return 0;
}

static unsigned long done, refused, other, secrets;

static void count(int result)
{
	if (result >= 0)
		done++;
	else if (errno == EACCES || errno == EPERM)
		refused++;
	else
		other++;
}

static void look_in(const char *path)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY);

	count(fd);
	if (fd < 0)
		return;
	if (read(fd, buf, sizeof(buf) - 1) > 0 && strstr(buf, "SECRET")) {
		fprintf(stderr, "%s: read SECRET\n", path);
		secrets++;
	}
	close(fd);
}

static void open_close(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	count(fd);
	if (fd < 0)
		return;
	if ((flags & O_ACCMODE) != O_RDONLY && write(fd, "overwritten", 11) < 0)
		other++;
	close(fd);
}

static int hit(double end)
{
	unsigned long n = 0;

	do {
		DIR *dir;

		look_in("a/canary");
		look_in("f");
		open_close("a/canary", O_WRONLY | O_TRUNC);
		open_close("f", O_WRONLY);
		open_close("a/new", O_CREAT | O_WRONLY);
		open_close("a/fresh", O_CREAT | O_EXCL | O_WRONLY);
		count(unlink("a/fresh"));
		count(rename("a/new", "a/newer"));
		count(rename("a/canary", "a/canary2"));
		count(rename("a/canary2", "a/canary"));
		count(link("f", "a/linked"));
		count(unlink("a/linked"));
		count(mkdir("a/dir", 0755));
		count(rmdir("a/dir"));
		count(symlink("x", "a/sym"));
		count(unlink("a/sym"));
		count(chmod("a/canary", 0600));
		count(truncate("f", 0));
		count(chmod("f", 0666));
		dir = opendir("a");
		if (dir) {
			struct dirent *entry;

			while ((entry = readdir(dir)))
				if (!strcmp(entry->d_name, "SECRET-NAME")) {
					fprintf(stderr, "a: listed SECRET-NAME\n");
					secrets++;
				}
			closedir(dir);
		}
		n++;
	} while (now() < end);
	printf("rounds %lu done %lu refused %lu other %lu secrets %lu\n", n, done, refused, other,
	       secrets);
	return secrets != 0;
}

static int failed(const char *what, unsigned long i)
{
	fprintf(stderr, "%s %lu: %s\n", what, i, strerrorname_np(errno));
	return 1;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int load(void)
{
	struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESTART };
	char a[32], b[32], line[32];
	unsigned long i = 0;
	int fd, log;

	sigaction(SIGTERM, &action, NULL);
	log = open("log", O_CREAT | O_EXCL | O_WRONLY | O_APPEND, 0644);
	if (log < 0)
		return failed("log", 0);
	do {
		snprintf(a, sizeof(a), "d%lu", i);
		if (mkdir(a, 0755))
			return failed("mkdir", i);
		snprintf(a, sizeof(a), "f%lu", i);
		fd = open(a, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			return failed("create", i);
		if (write(fd, a, strlen(a)) != (ssize_t)strlen(a))
			return failed("write", i);
		if (close(fd))
			return failed("close", i);
		snprintf(b, sizeof(b), "g%lu", i);
		if (rename(a, b))
			return failed("rename", i);
		if (symlink(b, a))
			return failed("symlink", i);
		if (unlink(a))
			return failed("unlink", i);
		if (link(b, a))
			return failed("link", i);
		snprintf(line, sizeof(line), "%09lu\n", i);
		if (write(log, line, 10) != 10)
			return failed("append", i);
		i++;
	} while (!stopped);
	close(log);
	printf("%lu\n", i);
	return 0;
}

static int storm(double end, unsigned int seed)
{
	unsigned long n = 0, errors = 0;
	char a[64], b[64], buf[4096];
	int fd;

	memset(buf, 's', sizeof(buf));
	do {
		int x = rand_r(&seed) % 40, y = rand_r(&seed) % 40, dx = rand_r(&seed) % 4;
		int dy = rand_r(&seed) % 4, result;

		snprintf(a, sizeof(a), "dir%d/file%d", dx, x);
		snprintf(b, sizeof(b), "dir%d/file%d", dy, y);
		switch (rand_r(&seed) % 12) {
		case 0: case 1: case 2:
			fd = open(a, O_CREAT | O_WRONLY | (x & 1 ? O_TRUNC : 0), 0644);
			result = fd < 0 ? -1 : (int)write(fd, buf, rand_r(&seed) % sizeof(buf));
			if (fd >= 0)
				close(fd);
			break;
		case 3: case 4:
			result = rename(a, b);
			break;
		case 5:
			result = (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b,
					      RENAME_EXCHANGE);
			break;
		case 6: case 7:
			fd = open(a, O_RDONLY);
			result = fd < 0 ? -1 : (int)read(fd, buf, sizeof(buf));
			memset(buf, 's', sizeof(buf));
			if (fd >= 0)
				close(fd);
			break;
		case 8:
			result = link(a, b);
			break;
		case 9:
			result = symlink(a, b);
			break;
		case 10:
			snprintf(a, sizeof(a), "dir%d", dx);
			result = mkdir(a, 0755);
			break;
		default:
			result = unlink(a);
			break;
		}
		if (result < 0 && errno != ENOENT && errno != EEXIST && errno != ELOOP) {
			fprintf(stderr, "%s %s: %s\n", a, b, strerrorname_np(errno));
			errors++;
		}
		n++;
	} while (now() < end);
	printf("operations %lu errors %lu\n", n, errors);
	return errors != 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";

	if (!strcmp(mode, "swap") && argc == 5)
		return swap(argv[2], argv[3], now() + atof(argv[4]));
	if (argc > 2 && chdir(argv[2])) {
		perror(argv[2]);
		return 1;
	}
	if (!strcmp(mode, "load") && argc == 3)
		return load();
	if (!strcmp(mode, "hit") && argc == 4)
		return hit(now() + atof(argv[3]));
	if (!strcmp(mode, "storm") && argc == 5)
		return storm(now() + atof(argv[3]), atoi(argv[4]));
	fprintf(stderr, "usage: see racer.c\n");
	return 2;
}
