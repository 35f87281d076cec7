// SPDX-License-Identifier: GPL-2.0
/*
 * Load on a stream socket, and how it went.
 *
 *	socketload serve PATH		echoes; says "ready"
 *	socketload many PATH N		N connections at once, each of them used
 *	socketload cycles PATH N	N connections one after the other, each used
 *	socketload send PATH MIB	so much data there, checked there: MiB/s
 *	socketload rtt PATH N		N round trips: microseconds each
 *	socketload stuck PATH N		N connections that write and never read; says "stuck", stays
 *
 * A connection begins with a letter: e echo, d read everything and tell its sum, s never read.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "socket_io.h"

#define CHUNK	(256 << 10)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static uint64_t sum(const unsigned char *p, size_t len, uint64_t s)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t v;

		memcpy(&v, p + i, 8);
		s = (s ^ v) * 0x9e3779b97f4a7c15 + (s >> 29);
	}
	return s;
}

/* ---- the server: one process, so that it costs little to have many connections ---- */

struct connection {
	int fd;
	char mode;
	uint64_t sum;
	unsigned char part[8];	/* sums are of whole words */
	unsigned int have;
};

static int use(struct connection *c, unsigned char *data)
{
	ssize_t n;

	if (!c->mode)
		return recv(c->fd, &c->mode, 1, 0) == 1 ? 0 : -1;
	if (c->mode == 's')
		return 0;
	memcpy(data, c->part, c->have);
	n = recv(c->fd, data + c->have, CHUNK, 0);
	if (n < 0)
		return -1;
	if (n == 0) {
		if (c->mode == 'd')
			send_all(c->fd, &c->sum, sizeof(c->sum));
		return -1;
	}
	if (c->mode == 'e') {
		send_all(c->fd, data, n);
		return 0;
	}
	n += c->have;
	c->have = n % 8;
	c->sum = sum(data, n - c->have, c->sum);
	memcpy(c->part, data + n - c->have, c->have);
	return 0;
}

static void serve(const char *path)
{
	static unsigned char data[CHUNK + 8];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN }, events[64];
	struct sockaddr_un un;
	socklen_t len = unix_address(&un, path);

	unlink(path);
	if (bind(listener, (struct sockaddr *)&un, len) || chmod(path, 0777) || listen(listener, 4096))
		die(path);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			int fd;

			if (c) {
				if (c->mode == 's' && !(events[i].events & EPOLLHUP))
					continue;
				if (c->mode == 's' || use(c, data)) {
					close(c->fd);
					free(c);
				} else if (c->mode == 's') {
					event.events = EPOLLHUP;
					event.data.ptr = c;
					epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
				}
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
				c = calloc(1, sizeof(*c));
				c->fd = fd;
				event.events = EPOLLIN;
				event.data.ptr = c;
				epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
			}
		}
	}
}

/* ---- clients ---- */

static int open_one(const char *path, char mode)
{
	struct sockaddr_un un;
	socklen_t len = unix_address(&un, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&un, len))
		die(path);
	send_all(fd, &mode, 1);
	return fd;
}

static void ask(int fd, unsigned int number)
{
	unsigned int answer;

	send_all(fd, &number, sizeof(number));
	if (receive_all(fd, &answer, sizeof(answer)) != sizeof(answer) || answer != number) {
		fprintf(stderr, "connection %u: a wrong answer\n", number);
		exit(1);
	}
}

static void many(const char *path, unsigned int nr)
{
	int *fds = calloc(nr, sizeof(*fds));

	for (unsigned int i = 0; i < nr; i++)
		fds[i] = open_one(path, 'e');
	for (int round = 0; round < 2; round++)
		for (unsigned int i = 0; i < nr; i++)
			ask(fds[(i * 7919UL) % nr], (i * 7919UL) % nr);
	printf("%u\n", nr);
	free(fds); /* the descriptors stay open until the end */
}

static void cycles(const char *path, unsigned int nr)
{
	double start = now();

	for (unsigned int i = 0; i < nr; i++) {
		int fd = open_one(path, 'e');

		ask(fd, i);
		close(fd);
	}
	printf("%u %.0f/s\n", nr, nr / (now() - start));
}

static void send_much(const char *path, unsigned int mib)
{
	static unsigned char data[CHUNK];
	uint64_t s = 0, there = 0, x = 88172645463325252;
	int fd = open_one(path, 'd');
	double start = now();

	for (unsigned int i = 0; i < mib * 4; i++) {
		/* Each chunk differs from each other; to fill all of it would be what is measured. */
		for (unsigned int k = 0; k < sizeof(data); k += 4096) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(data + k, &x, sizeof(x));
		}
		s = sum(data, sizeof(data), s);
		send_all(fd, data, sizeof(data));
	}
	shutdown(fd, SHUT_WR);
	if (receive_all(fd, &there, sizeof(there)) != sizeof(there) || there != s) {
		fprintf(stderr, "what arrived is not what was sent\n");
		exit(1);
	}
	printf("%.0f MiB/s\n", mib / (now() - start));
}

static void round_trips(const char *path, unsigned int nr)
{
	int fd = open_one(path, 'e');
	double start = now();

	for (unsigned int i = 0; i < nr; i++)
		ask(fd, i);
	printf("%.1f us\n", (now() - start) * 1e6 / nr);
}

static void stick(const char *path, unsigned int nr)
{
	static char data[65536];

	for (unsigned int i = 0; i < nr; i++) {
		int fd = open_one(path, 's');
		struct pollfd p = { fd, POLLOUT, 0 };

		while (poll(&p, 1, 300) == 1)
			if (send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
				die("send");
	}
	printf("stuck\n");
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	unsigned int nr = argc > 3 ? atoi(argv[3]) : 0;

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "many"))
		many(argv[2], nr);
	else if (argc == 4 && !strcmp(argv[1], "cycles"))
		cycles(argv[2], nr);
	else if (argc == 4 && !strcmp(argv[1], "send"))
		send_much(argv[2], nr);
	else if (argc == 4 && !strcmp(argv[1], "rtt"))
		round_trips(argv[2], nr);
	else if (argc == 4 && !strcmp(argv[1], "stuck"))
		stick(argv[2], nr);
	else
		return 2;
	return 0;
}
