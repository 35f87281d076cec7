// SPDX-License-Identifier: GPL-2.0
/*
 * A program whose timer goes off each millisecond and that uses a directory: a call
 * of a file system never fails because of that, and no read or write is torn.
 *
 *	interrupted DIRECTORY SA_RESTART ROUNDS
 *
 * Says on standard output "good", or what failed, and on standard error how many
 * signals came.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define SIZE 300000
#define ENOUGH 20 /* signals, that the test is one */

static volatile sig_atomic_t signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

static void must(const char *what, int done)
{
	if (done)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static int entries(const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *entry;
	int n = 0;

	must("opendir", dir != NULL);
	for (errno = 0; (entry = readdir(dir)); errno = 0)
		n += entry->d_name[0] != '.';
	must("readdir", !errno);
	must("closedir", !closedir(dir));
	return n;
}

static void use_data(const char *name, int round)
{
	static char data[SIZE], got[SIZE + 1];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
	size_t i;

	for (i = 0; i < SIZE; i++)
		data[i] = (char)(i * (size_t)round >> 3);
	must("open", fd >= 0);
	must("write", write(fd, data, SIZE) == SIZE);
	must("fsync", !fsync(fd));
	must("read", pread(fd, got, SIZE + 1, 0) == SIZE);
	must("what is read", !memcmp(data, got, SIZE));
	must("flock", !flock(fd, LOCK_EX));
	must("fcntl", !fcntl(fd, F_SETLKW, &lock));
	must("ftruncate", !ftruncate(fd, 1000));
	must("close", !close(fd));
}

static void use(int round)
{
	char target[16];
	struct stat st;

	must("mkdir", !mkdir("directory", 0755));
	use_data("file", round);
	must("stat", !stat("file", &st));
	must("size", st.st_size == 1000);
	must("link", !link("file", "directory/link"));
	must("symlink", !symlink("file", "directory/symlink"));
	must("readlink", readlink("directory/symlink", target, sizeof(target)) == 4);
	must("rename", !rename("file", "directory/renamed"));
	must("utimensat", !utimensat(AT_FDCWD, "directory/renamed", NULL, 0));
	must("chmod", !chmod("directory/renamed", 0600));
	must("entries", entries("directory") == 3);
	must("unlink", !unlink("directory/link") && !unlink("directory/symlink") &&
			       !unlink("directory/renamed"));
	must("rmdir", !rmdir("directory"));
}

int main(int argc, char **argv)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action = { .sa_handler = count };
	int round, rounds;

	if (argc != 4 || chdir(argv[1])) {
		fprintf(stderr, "usage: interrupted DIRECTORY SA_RESTART ROUNDS\n");
		return 2;
	}
	rounds = atoi(argv[3]);
	if (atoi(argv[2]))
		action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	/* Where all is fast, more of it. */
	for (round = 1; round <= rounds || (signals < ENOUGH && round < 100 * rounds); round++)
		use(round);
	fprintf(stderr, "# %d signals\n", (int)signals);
	if (signals < ENOUGH)
		printf("only %d signals came\n", (int)signals);
	else
		printf("good\n");
	return 0;
}
