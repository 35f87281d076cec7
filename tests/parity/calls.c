// SPDX-License-Identifier: GPL-2.0
/*
 * System calls that qtrun looks at, made directly; linked statically.
 *
 *	calls mount SOURCE DIR TYPE	mount(2)
 *	calls umount DIR		umount2(2)
 *	calls interrupted DIR N		mounts and unmounts a tmpfs so often, with signals all the time
 *	calls kill PID SIGNAL		kill(2), also of groups
 *	calls tgkill PID TID SIGNAL
 *	calls pidfd PID SIGNAL		pidfd_open(2), pidfd_send_signal(2)
 *	calls speed N			nanoseconds for getpid(2) and kill(2) with signal 0 to itself
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

static int interrupted(const char *directory, int times)
{
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
	int i;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < times; i++)
		if (mount("none", directory, "tmpfs", 0, NULL) || umount2(directory, 0))
			return -1;
	fprintf(stderr, "%d signals\n", (int)signals);
	return signals ? 0 : 1;
}

static int pidfd(pid_t pid, int signal_nr)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, signal_nr, NULL, 0);
}

static long time_of(int nr, long first, long n)
{
	struct timespec begin, end;
	long i;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < n; i++)
		syscall(nr, first, 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec) /
	       (n > 0 ? n : 1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int result;

	if (argc == 5 && !strcmp(what, "mount")) {
		result = mount(argv[2], argv[3], argv[4],
			       !strcmp(argv[4], "bind") ? MS_BIND : 0, NULL);
	} else if (argc == 3 && !strcmp(what, "umount")) {
		result = umount2(argv[2], 0);
	} else if (argc == 4 && !strcmp(what, "interrupted")) {
		result = interrupted(argv[2], atoi(argv[3]));
	} else if (argc == 4 && !strcmp(what, "kill")) {
		result = kill(atoi(argv[2]), atoi(argv[3]));
	} else if (argc == 5 && !strcmp(what, "tgkill")) {
		result = syscall(SYS_tgkill, atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	} else if (argc == 4 && !strcmp(what, "pidfd")) {
		result = pidfd(atoi(argv[2]), atoi(argv[3]));
	} else if (argc == 3 && !strcmp(what, "speed")) {
		long n = atol(argv[2]);

		printf("getpid %ld ns, kill %ld ns\n", time_of(SYS_getpid, 0, n),
		       time_of(SYS_kill, getpid(), n / 100));
		return 0;
	} else {
		fprintf(stderr, "calls mount|umount|interrupted|kill|tgkill|pidfd|speed ...\n");
		return 2;
	}
	if (result < 0)
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return result != 0;
}
