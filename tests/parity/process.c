// SPDX-License-Identifier: GPL-2.0
/*
 * Asks the server about its processes, as qtrun does, or is a process that is asked about.
 *
 *	process kill DIR SIGNAL			DIR: /proc/PID on the mount
 *	process group PROC SIGNAL GROUP
 *	process thread DIR SIGNAL
 *	process cpus DIR [MASK]			hexadecimal; prints it without one
 *	process limit DIR RESOURCE [SOFT HARD]	numbers; prints what they are or were
 *	process count FILE SIGNAL		writes how often it has got the signal to FILE
 *	process threads				has two; prints the second one's number
 *	process raise SIGNAL			dies by it
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl.h"
#include "wire.h"

static int usage(void)
{
	fprintf(stderr, "process kill|group|thread|cpus|limit|count|threads|raise ...\n");
	return 2;
}

static int ask(const char *path, struct qtfs_ctl_process *args)
{
	int device = open(QTFS_CTL_DEV, O_RDWR | O_CLOEXEC);

	args->target = open(path, O_PATH | O_CLOEXEC);
	if (device < 0 || args->target < 0 || ioctl(device, QTFS_CTL_PROCESS, args) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static int count(const char *path, int signal_nr)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	unsigned int n = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal_nr);
	sigprocmask(SIG_BLOCK, &set, NULL);
	do {
		char text[16];
		int len = snprintf(text, sizeof(text), "%u\n", n++);

		if (pwrite(fd, text, len, 0) != len)
			return 1;
	} while (sigwaitinfo(&set, NULL) == signal_nr);
	return 1;
}

static void *second_thread(void *arg)
{
	(void)arg;
	printf("%ld\n", syscall(SYS_gettid));
	fflush(stdout);
	while (pause() < 0)
		;
	return NULL;
}

static int threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, second_thread, NULL))
		return 1;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct qtfs_ctl_process args = {};
	const char *what = argc > 1 ? argv[1] : "";
	int status;

	if (argc == 4 && !strcmp(what, "count"))
		return count(argv[2], atoi(argv[3]));
	if (argc == 2 && !strcmp(what, "threads"))
		return threads();
	if (argc == 3 && !strcmp(what, "raise"))
		return raise(atoi(argv[2]));
	if (argc < 3)
		return usage();
	if (argc > 3)
		args.arg = strtoul(argv[3], NULL, 0);
	if (argc == 4 && !strcmp(what, "kill")) {
		args.what = QTFS_PROCESS_KILL;
	} else if (argc == 5 && !strcmp(what, "group")) {
		args.what = QTFS_PROCESS_KILL_GROUP;
		args.group = strtoul(argv[4], NULL, 0);
	} else if (argc == 4 && !strcmp(what, "thread")) {
		args.what = QTFS_PROCESS_KILL_THREAD;
	} else if (!strcmp(what, "cpus")) {
		uint64_t mask = argc > 3 ? strtoull(argv[3], NULL, 16) : 0;

		args.what = argc > 3 ? QTFS_PROCESS_SET_CPUS : QTFS_PROCESS_GET_CPUS;
		args.arg = 0;
		memcpy(args.cpus, &mask, sizeof(mask));
	} else if (argc >= 4 && !strcmp(what, "limit")) {
		args.what = argc == 6 ? QTFS_PROCESS_SET_LIMIT : QTFS_PROCESS_GET_LIMIT;
		if (argc == 6) {
			args.soft = strtoull(argv[4], NULL, 0);
			args.hard = strtoull(argv[5], NULL, 0);
		}
	} else {
		return usage();
	}

	status = ask(argv[2], &args);
	if (!status && args.what == QTFS_PROCESS_GET_CPUS) {
		uint64_t mask;

		memcpy(&mask, args.cpus, sizeof(mask));
		printf("%" PRIx64 "\n", mask);
	} else if (!status && args.what >= QTFS_PROCESS_GET_LIMIT) {
		printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)args.soft, (uint64_t)args.hard);
	}
	return status;
}
