// SPDX-License-Identifier: GPL-2.0
/*
 * The rig's agent: runs commands for the host (`rig exec`) and for the other guest (`S` in a suite).
 *
 *	agent serve PORT		serve for ever; one connection = one command
 *	agent run [-i] ADDR PORT CMD	be the other end; -i passes standard input on
 *
 * It is C and static because it lives in the initramfs and has to be quick: an interpreter needs half a second
 * to start under emulation, and a suite calls S hundreds of times.
 *
 * Both directions carry frames: one byte of type, four of length (big endian), then the data.
 *	to the server:	 'c' command for bash -c (first, once)	'i' standard input, empty = end of file
 *	to the client:	 'o' output	'e' error output	'x' four bytes of exit status (last)
 * A client that hangs up before 'x' takes the command's process group with it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 65536

static void die(const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
	exit(255);
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}

static int read_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}

static int send_frame(int fd, char type, const void *data, uint32_t len)
{
	unsigned char head[5] = { type, len >> 24, len >> 16, len >> 8, len };

	return write_all(fd, head, sizeof(head)) || write_all(fd, data, len) ? -1 : 0;
}

/* The data is allocated, ends in a zero byte that is not counted, and belongs to the caller. */
static int recv_frame(int fd, char *type, char **data, uint32_t *len)
{
	unsigned char head[5];

	if (read_all(fd, head, sizeof(head)))
		return -1;
	*type = head[0];
	*len = (uint32_t)head[1] << 24 | head[2] << 16 | head[3] << 8 | head[4];
	if (*len > (64 << 20))
		return -1;
	*data = malloc(*len + 1);
	if (!*data)
		return -1;
	(*data)[*len] = 0;
	if (read_all(fd, *data, *len)) {
		free(*data);
		return -1;
	}
	return 0;
}

/* A machine whose power was cut says nothing more: half a minute of silence is its end. */
static void watch_peer(int sock)
{
	int one = 1, idle = 10, interval = 5, count = 4, limit_ms = 30000;

	setsockopt(sock, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(sock, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(sock, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(sock, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(sock, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Memory may be short in a test: it shall not be the agent that dies. */
static void set_oom_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		write_all(fd, score, strlen(score));
		close(fd);
	}
}

struct command {
	pid_t pid;
	int pidfd;
	int in, out, err;		/* our ends of its pipes, -1 when closed */
};

static void start_command(struct command *cmd, const char *text)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	cmd->pid = fork();
	if (cmd->pid < 0)
		die("fork");
	if (!cmd->pid) {
		setsid();
		signal(SIGPIPE, SIG_DFL);
		set_oom_score("0");
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (chdir("/root"))
			die("/root");
		execl("/bin/bash", "bash", "-c", text, (char *)NULL);
		die("bash");
	}
	cmd->pidfd = syscall(SYS_pidfd_open, cmd->pid, 0);
	if (cmd->pidfd < 0)
		die("pidfd_open");
	close(in[0]);
	close(out[1]);
	close(err[1]);
	cmd->in = in[1];
	cmd->out = out[0];
	cmd->err = err[0];
	fcntl(cmd->in, F_SETFL, O_NONBLOCK);
	fcntl(cmd->out, F_SETFL, O_NONBLOCK);
	fcntl(cmd->err, F_SETFL, O_NONBLOCK);
}

/* Pass on what there is now. Closes the pipe at its end. */
static int pump(int sock, char type, int *fd)
{
	static char buf[CHUNK];

	for (;;) {
		ssize_t n = read(*fd, buf, sizeof(buf));

		if (n > 0) {
			if (send_frame(sock, type, buf, n))
				return -1;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN) {
			close(*fd);
			*fd = -1;
		}
		return 0;
	}
}

/* 0: the client is gone. */
static int session_step(int sock, struct command *cmd, char **pending, uint32_t *at, uint32_t *len)
{
	struct pollfd p[5] = {
		/* While input waits for the command nothing more is read: that is the flow control. */
		{ .fd = sock, .events = POLLRDHUP | (*pending ? 0 : POLLIN) },
		{ .fd = cmd->out, .events = POLLIN },
		{ .fd = cmd->err, .events = POLLIN },
		{ .fd = cmd->pidfd, .events = POLLIN },
		{ .fd = *pending ? cmd->in : -1, .events = POLLOUT },
	};

	if (poll(p, 5, -1) < 0)
		return errno == EINTR;
	if (p[1].revents && pump(sock, 'o', &cmd->out))
		return 0;
	if (p[2].revents && pump(sock, 'e', &cmd->err))
		return 0;
	if (p[3].revents) {
		int status;
		unsigned char code[4] = { 0 };

		waitpid(cmd->pid, &status, 0);
		code[3] = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		/* What it wrote is in the pipes. What its background children may still write is nobody's. */
		if (cmd->out >= 0)
			pump(sock, 'o', &cmd->out);
		if (cmd->err >= 0)
			pump(sock, 'e', &cmd->err);
		send_frame(sock, 'x', code, 4);
		exit(0);
	}
	if (p[4].revents) {
		ssize_t n = write(cmd->in, *pending + *at, *len - *at);

		if (n > 0)
			*at += n;
		if (*at == *len || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			free(*pending);
			*pending = NULL;
		}
	}
	if (p[0].revents & (POLLRDHUP | POLLHUP | POLLERR))
		return 0;
	if (p[0].revents & POLLIN) {
		char type;

		if (recv_frame(sock, &type, pending, len))
			return 0;
		*at = 0;
		if (type != 'i' || !*len || cmd->in < 0) {
			if (type == 'i' && !*len && cmd->in >= 0) {
				close(cmd->in);
				cmd->in = -1;
			}
			free(*pending);
			*pending = NULL;
		}
	}
	return 1;
}

static void session(int sock)
{
	struct command cmd;
	char type, *text, *pending = NULL;
	uint32_t at = 0, len;

	watch_peer(sock);
	if (recv_frame(sock, &type, &text, &len) || type != 'c')
		exit(1);
	start_command(&cmd, text);
	while (session_step(sock, &cmd, &pending, &at, &len))
		;
	kill(-cmd.pid, SIGKILL);
	exit(1);
}

static __attribute__((noreturn)) void serve(int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, sock, con;

	signal(SIGCHLD, SIG_IGN);	/* no zombies of ended sessions */
	signal(SIGPIPE, SIG_IGN);
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sock < 0 || bind(sock, (void *)&any, sizeof(any)) || listen(sock, 64))
		die("listen");
	set_oom_score("-1000");
	con = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (con >= 0)
		dprintf(con, "\nrig: ready\n");
	close(con);
	for (;;) {
		int peer = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		if (peer < 0)
			continue;
		if (!fork()) {
			close(sock);
			signal(SIGCHLD, SIG_DFL);
			session(peer);
		}
		close(peer);
	}
}

static int run(int input, const char *addr, int port, const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = 20 };
	struct pollfd p[2];
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGPIPE, SIG_IGN);
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));	/* bounds connect() */
	watch_peer(sock);
	if (sock < 0 || inet_pton(AF_INET, addr, &to.sin_addr) != 1 ||
	    connect(sock, (void *)&to, sizeof(to)))
		die(addr);
	send_frame(sock, 'c', text, strlen(text));
	if (!input)
		send_frame(sock, 'i', "", 0);
	p[0] = (struct pollfd){ .fd = sock, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = input ? 0 : -1, .events = POLLIN };
	for (;;) {
		char type, *data;
		uint32_t len;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents) {
			static char buf[CHUNK];
			ssize_t n = read(0, buf, sizeof(buf));

			send_frame(sock, 'i', buf, n > 0 ? n : 0);
			if (n <= 0)
				p[1].fd = -1;
		}
		if (!p[0].revents)
			continue;
		if (recv_frame(sock, &type, &data, &len)) {
			fprintf(stderr, "agent: %s hung up\n", addr);
			return 255;
		}
		if (type == 'x')
			return data[3] & 255;
		write_all(type == 'e' ? 2 : 1, data, len);
		free(data);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "run"))
		return run(0, argv[2], atoi(argv[3]), argv[4]);
	if (argc == 6 && !strcmp(argv[1], "run") && !strcmp(argv[2], "-i"))
		return run(1, argv[3], atoi(argv[4]), argv[5]);
	fprintf(stderr, "usage: agent serve PORT | agent run [-i] ADDR PORT CMD\n");
	return 255;
}
