// SPDX-License-Identifier: GPL-2.0
/*
 * Behaviour of unix sockets, told in lines that are the same wherever the two
 * programs run.
 *
 *	sockets serve DIR	listens on DIR/stream, DIR/seqpacket, DIR/datagram; says "ready"
 *	sockets ask DIR		connects there, prints a line for each behaviour
 *
 * What a behaviour needs of the server is the first message of its connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "socket_io.h"

#define BULK	(8 << 20)

static const char *dir;

static const char *name_of(int error)
{
	return error ? strerrorname_np(error) : "0";
}

static socklen_t address(struct sockaddr_un *un, const char *name)
{
	char path[sizeof(un->sun_path)];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return unix_address(un, path);
}

static int wait_event(int fd, short events, int ms)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

static unsigned int sum(const unsigned char *p, size_t len, unsigned int s)
{
	while (len--)
		s = s * 31 + *p++;
	return s;
}

static void send_fds(int fd, const char *text, size_t len, const int *fds, int nr)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)text, len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = CMSG_SPACE(nr * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(c), fds, nr * sizeof(int));
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) != (ssize_t)len)
		die("sendmsg");
}

static int receive_fds(int fd, char *text, size_t size, int *fds, ssize_t *len)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { text, size };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	int nr = 0;

	*len = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	if (*len < 0)
		die("recvmsg");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), nr * sizeof(int));
		}
	return nr;
}

/* ---- the server ---- */

/* Bytes arrive while the other side is stuck: none may be lost or be one too many. */
static void drain(int fd)
{
	static unsigned char data[65536];
	char text[64];
	size_t total = 0;
	unsigned int s = 0;
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
		s = sum(data, n, s);
		total += n;
	}
	snprintf(text, sizeof(text), "%zu %u", total, s);
	send_all(fd, text, strlen(text));
}

/* What a program finds in a file that it was passed, and what it can do with it. */
static void use_file(int fd, int file)
{
	int flags = fcntl(file, F_GETFL);
	char text[4] = "";
	ssize_t n = read(file, text, 3);

	dprintf(fd, "%s%s at %ld ", flags & O_APPEND ? "append " : "",
		(flags & O_ACCMODE) == O_RDONLY ? "reads" :
		(flags & O_ACCMODE) == O_RDWR ? "reads and writes" : "writes",
		(long)lseek(file, 0, SEEK_CUR));
	if (n < 0)
		dprintf(fd, "read:%s ", name_of(errno));
	else
		dprintf(fd, "read:%s ", text);
	n = write(file, "XY", 2);
	if (n < 0)
		dprintf(fd, "write:%s ", name_of(errno));
	else
		dprintf(fd, "write:%zd ", n);
}

static void use_fds(int fd)
{
	static char data[65536];
	char text[16];
	ssize_t len;
	int fds[16], nr = receive_fds(fd, text, sizeof(text), fds, &len);

	for (int i = 0; i < len && i < nr; i++) {
		struct stat st;
		ssize_t n = -1;

		switch (text[i]) {
		case 'r':
		case 'm':
			n = read(fds[i], data, sizeof(data));
			break;
		case 'w':
			n = write(fds[i], "written", 7);
			break;
		case 's':
			n = recv(fds[i], data, sizeof(data), 0);
			if (n > 0)
				n = send(fds[i], "answer", 6, MSG_NOSIGNAL);
			break;
		case 'f':
			use_file(fd, fds[i]);
			continue;
		case 'x':
			n = read(fds[i], data, 1);
			if (fstat(fds[i], &st))
				n = -2;
			break;
		}
		if (n < 0)
			dprintf(fd, "%c:%s ", text[i], name_of(errno));
		else
			dprintf(fd, "%c:%zd:%.*s ", text[i], n, text[i] == 'w' ? 0 : 8, data);
	}
	for (int i = 0; i < nr; i++)
		close(fds[i]);
	dprintf(fd, "%d", nr);
}

static void pass_fds(int fd)
{
	int ends[2], fds[2];

	if (pipe(ends))
		die("pipe");
	fds[0] = ends[0];
	fds[1] = memfd_create("content", MFD_ALLOW_SEALING);
	if (write(fds[1], "memory", 6) != 6 || write(ends[1], "through a pipe", 14) != 14)
		die("write");
	send_fds(fd, "ab", 2, fds, 2);
}

static int make_file(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, "0123456789", 10) != 10)
		die(path);
	return fd;
}

static int open_file(const char *name, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags);
	if (fd < 0)
		die(path);
	return fd;
}

static void pass_file(int fd)
{
	int fds[2] = { make_file("given"), open_file("given", O_RDONLY) };

	if (lseek(fds[0], 4, SEEK_SET) != 4)
		die("lseek");
	send_fds(fd, "ab", 2, fds, 2);
	close(fds[0]);
	close(fds[1]);
}

static void serve(int fd, const char *what)
{
	static unsigned char data[1 << 18];
	struct ucred cred;
	socklen_t size = sizeof(cred);
	ssize_t n;

	if (!strcmp(what, "echo")) {
		while ((n = recv(fd, data, sizeof(data), 0)) > 0)
			send_all(fd, data, n);
	} else if (!strcmp(what, "drain")) {
		drain(fd);
	} else if (!strcmp(what, "stuck")) {
		pause();
	} else if (!strcmp(what, "bye")) {
		send_all(fd, "bye", 3);
	} else if (!strcmp(what, "shut read")) {
		shutdown(fd, SHUT_RD);
		send_all(fd, "done", 4);
		recv(fd, data, 1, 0);
		pause();
	} else if (!strcmp(what, "who")) {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size);
		dprintf(fd, "%d:%d", cred.uid, cred.gid);
	} else if (!strcmp(what, "packets")) {
		/* As many as come, each answered by its length; then the end. */
		for (int i = 0; i < 5; i++) {
			n = recv(fd, data, sizeof(data), 0);
			dprintf(fd, "%zd:%u", n, sum(data, n > 0 ? n : 0, 0));
		}
	} else if (!strcmp(what, "fds")) {
		use_fds(fd);
	} else if (!strcmp(what, "give")) {
		pass_fds(fd);
	} else if (!strcmp(what, "give file")) {
		pass_file(fd);
	} else if (!strcmp(what, "bulk")) {
		for (size_t i = 0; i < BULK / sizeof(data); i++) {
			memset(data, (int)i, sizeof(data));
			send_all(fd, data, sizeof(data));
		}
	}
}

static int listen_on(const char *name, int type)
{
	struct sockaddr_un un;
	socklen_t len = address(&un, name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	unlink(un.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, len) || chmod(un.sun_path, 0777) ||
	    (type != SOCK_DGRAM && listen(fd, 4096)))
		die(un.sun_path);
	return fd;
}

static void answer_datagram(int fd)
{
	static char data[1 << 18];
	struct sockaddr_un un;
	socklen_t len = sizeof(un);
	char text[64];
	ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&un, &len);

	if (n < 0)
		return;
	snprintf(text, sizeof(text), "%zd:%u", n, sum((unsigned char *)data, n, 0));
	if (len > sizeof(sa_family_t))
		sendto(fd, text, strlen(text), MSG_DONTWAIT, (struct sockaddr *)&un, len);
}

static int serve_all(void)
{
	struct pollfd p[3] = {
		{ listen_on("stream", SOCK_STREAM), POLLIN, 0 },
		{ listen_on("seqpacket", SOCK_SEQPACKET), POLLIN, 0 },
		{ listen_on("datagram", SOCK_DGRAM), POLLIN, 0 },
	};

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[2].revents)
			answer_datagram(p[2].fd);
		for (int i = 0; i < 2; i++) {
			char what[32] = "";
			int fd;

			if (!p[i].revents)
				continue;
			fd = accept4(p[i].fd, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				continue;
			if (!fork()) {
				/* A line for streams, a packet otherwise. */
				for (size_t at = 0; at < sizeof(what) - 1; at++) {
					if (i) {
						if (recv(fd, what, sizeof(what) - 1, 0) < 0)
							_exit(1);
						break;
					}
					if (recv(fd, what + at, 1, 0) != 1 || what[at] == '\n') {
						what[at] = 0;
						break;
					}
				}
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				for (int k = 0; k < 3; k++)
					close(p[k].fd);
				alarm(60);
				serve(fd, what);
				_exit(0);
			}
			close(fd);
		}
	}
}

/* ---- the client ---- */

/* A name is there before anybody listens: bind(2) comes first.  Ten seconds, then it's true. */
static int connect_soon(int fd, const struct sockaddr_un *un, socklen_t len)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (!connect(fd, (const struct sockaddr *)un, len))
			return 0;
		if (errno != ECONNREFUSED)
			break;
		poll(NULL, 0, 10);
	}
	return -1;
}

static int ask_for(const char *name, int type, const char *what)
{
	struct sockaddr_un un;
	socklen_t len = address(&un, name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	char text[64];

	if (fd < 0 || connect_soon(fd, &un, len))
		die(un.sun_path);
	snprintf(text, sizeof(text), type == SOCK_STREAM ? "%s\n" : "%s", what);
	send_all(fd, text, strlen(text));
	return fd;
}

static int stream(const char *what)
{
	return ask_for("stream", SOCK_STREAM, what);
}

/* Returns what a call returned, and keeps its error for error(). */
static int failed;

static ssize_t did(ssize_t result)
{
	failed = result < 0 ? errno : 0;
	return result;
}

static const char *error(void)
{
	return name_of(failed);
}

/* A name without the directory. */
static const char *name_below(const struct sockaddr_un *un)
{
	size_t len = strlen(dir);

	return strncmp(un->sun_path, dir, len) ? un->sun_path : un->sun_path + len;
}

static void show_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_un un = { 0 };
	socklen_t len = sizeof(un);

	get(fd, (struct sockaddr *)&un, &len);
	printf("%s: %s\n", what, len <= sizeof(sa_family_t) ? "none" : name_below(&un));
}

static void ask_names(void)
{
	int fd = stream("who");
	char text[64] = "";

	show_name("getpeername", fd, getpeername);
	show_name("getsockname", fd, getsockname);
	receive_all(fd, text, sizeof(text) - 1);
	printf("SO_PEERCRED there is me: %d\n",
	       atoi(text) == (int)getuid() && atoi(strchr(text, ':') + 1) == (int)getgid());
	close(fd);
}

static void ask_echo(void)
{
	char text[16] = "";
	int fd = stream("echo");
	ssize_t n;

	printf("poll before: %#x\n", wait_event(fd, POLLIN | POLLOUT, 0));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	n = did(read(fd, text, 1));
	printf("read with nothing there: %zd %s\n", n, error());
	fcntl(fd, F_SETFL, 0);
	send_all(fd, "hello", 5);
	printf("poll after: %#x\n", wait_event(fd, POLLIN, 5000));
	printf("peeked: %zd\n", recv(fd, text, 5, MSG_PEEK | MSG_WAITALL));
	printf("echo: %zu %s\n", receive_all(fd, text, 5), text);
	shutdown(fd, SHUT_WR);
	printf("half-closed, poll: %#x\n", wait_event(fd, POLLIN | POLLRDHUP, 5000));
	printf("half-closed, end: %zd\n", recv(fd, text, 1, 0));
	n = did(send(fd, text, 1, MSG_NOSIGNAL));
	printf("half-closed, write: %zd %s\n", n, error());
	close(fd);
}

static void ask_bye(void)
{
	char text[16] = "";
	int fd = stream("bye");
	ssize_t n;

	printf("the rest of one who left: %zu %s\n", receive_all(fd, text, 10), text);
	/* Both ends of the connection are gone, though not at the same moment. */
	printf("poll on the end: %d\n", (wait_event(fd, 0, 5000) & POLLHUP) != 0);
	n = did(send(fd, text, 1, MSG_NOSIGNAL));
	printf("write to nobody: %zd %s\n", n, error());
	close(fd);

	fd = stream("shut read");
	receive_all(fd, text, 4);
	/* It is told, not polled for: until then it is as if it was on its way. */
	for (int i = 0; i < 5000 && did(send(fd, text, 1, MSG_NOSIGNAL)) == 1; i++)
		usleep(1000);
	printf("write to who doesn't read: %s\n", error());
	close(fd);
}

static void ask_pressure(void)
{
	static unsigned char data[65536];
	size_t total = 0;
	unsigned int s = 0;
	char text[64] = "", expected[64];
	int fd = stream("stuck");

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (total < 64 << 20 && wait_event(fd, POLLOUT, 500)) {
		ssize_t n = did(send(fd, data, sizeof(data), MSG_NOSIGNAL));

		if (n > 0)
			total += n;
	}
	printf("a stuck reader stops who writes: %d\n", total < 64 << 20);
	close(fd);

	fd = stream("drain");
	for (total = 0; total < 3 * BULK;) {
		size_t len = 1 + (total * 7919) % sizeof(data);

		for (size_t i = 0; i < len; i++)
			data[i] = (unsigned char)(total + i * 13);
		s = sum(data, len, s);
		send_all(fd, data, len);
		total += len;
	}
	shutdown(fd, SHUT_WR);
	receive_all(fd, text, sizeof(text) - 1);
	snprintf(expected, sizeof(expected), "%zu %u", total, s);
	printf("what was written was read: %d\n", !strcmp(text, expected));
	close(fd);

	fd = stream("bulk");
	for (total = 0;;) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, total++)
			if (data[i] != (unsigned char)(total >> 18))
				printf("wrong byte at %zu\n", total);
	}
	printf("bulk: %zu\n", total);
	close(fd);
}

static void ask_packets(void)
{
	static unsigned char data[150000];
	static const size_t lens[] = { 1, 0, 4096, 150000, 7 };
	char text[64];
	int fd = ask_for("seqpacket", SOCK_SEQPACKET, "packets");

	memset(data, 'x', sizeof(data));
	for (int i = 0; i < 5; i++)
		if (send(fd, data, lens[i], MSG_NOSIGNAL) < 0)
			die("send packet");
	for (int i = 0; i < 5; i++) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = 0;
		printf("packet %d: %s\n", i, text);
	}
	printf("the end of packets: %zd\n", recv(fd, text, sizeof(text), 0));
	close(fd);

	fd = ask_for("seqpacket", SOCK_SEQPACKET, "echo");
	send(fd, "four", 4, 0);
	printf("a packet cut: %zd\n", recv(fd, text, 2, 0));
	send(fd, "five!", 5, 0);
	printf("the next one: %zd\n", recv(fd, text, sizeof(text), 0));
	shutdown(fd, SHUT_WR);
	printf("packets, half-closed: %zd\n", recv(fd, text, 1, 0));
	close(fd);
}

static void ask_datagrams(void)
{
	static char data[100000];
	static const size_t lens[] = { 1, 0, 5000, 100000 };
	struct sockaddr_un un, from;
	socklen_t len = address(&un, "datagram");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	char text[64];

	printf("datagram of nobody: %zd\n", sendto(fd, data, 1, 0, (struct sockaddr *)&un, len));
	close(fd);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t));
	for (int i = 0; i < 4; i++) {
		socklen_t size = sizeof(from);
		ssize_t n;

		if (sendto(fd, data, lens[i], 0, (struct sockaddr *)&un, len) < 0)
			die("sendto");
		n = wait_event(fd, POLLIN, 10000) ?
			recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &size) : 0;
		text[n > 0 ? n : 0] = 0;
		printf("datagram %d: %s from %s\n", i, text,
		       n > 0 ? name_below(&from) : "nobody");
	}
	connect(fd, (struct sockaddr *)&un, len);
	printf("connected: %zd\n", send(fd, data, 3, 0));
	printf("answer: %d\n", wait_event(fd, POLLIN, 10000));
	show_name("of a datagram socket", fd, getpeername);
	close(fd);
}

static void ask_rights(void)
{
	char text[256] = "", piped[32] = "";
	int in[2], out[2], pair[2], ep, fds[8], fd, nr;
	ssize_t len;

	if (pipe(in) || pipe(out) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("pipe");
	fd = stream("fds");
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = pair[1];
	fds[3] = memfd_create("test", MFD_ALLOW_SEALING);
	if (write(in[1], "pipe in", 7) != 7 || send(pair[0], "ask", 3, 0) != 3 ||
	    write(fds[3], "in mem", 6) != 6 || lseek(fds[3], 0, SEEK_SET))
		die("write");
	send_fds(fd, "rwsm", 4, fds, 4);
	close(in[0]);
	close(out[1]);
	close(pair[1]);
	receive_all(fd, text, sizeof(text) - 1);
	printf("four descriptors: %s\n", text);
	printf("from the pipe: %zd %s\n", read(out[0], piped, sizeof(piped) - 1), piped);
	printf("and its end: %zd\n", read(out[0], piped, 1));
	memset(piped, 0, sizeof(piped));
	printf("from the socket: %zd %s\n", recv(pair[0], piped, sizeof(piped) - 1, 0), piped);
	printf("and its end: %zd\n", recv(pair[0], piped, 1, 0));
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 5000 && did(write(in[1], "x", 1)) == 1; i++)
		usleep(1000);
	printf("write to a pipe that is closed there: %s\n", error());
	printf("O_NONBLOCK here: %d\n", (fcntl(out[0], F_GETFL) & O_NONBLOCK) != 0);
	close(fd);

	fd = stream("give");
	nr = receive_fds(fd, text, sizeof(text), fds, &len);
	printf("given: %d %zd\n", nr, len);
	memset(text, 0, sizeof(text));
	if (nr == 2) {
		printf("pipe: %zd %s\n", read(fds[0], text, sizeof(text) - 1), text);
		printf("its end: %zd\n", read(fds[0], text, 1));
		memset(text, 0, sizeof(text));
		printf("memory: %zd %s\n", pread(fds[1], text, sizeof(text) - 1, 0), text);
	}
	close(fd);

	/* What the two runs are not the same in comes last, and is marked. */
	fd = stream("fds");
	ep = open("/", O_RDONLY | O_DIRECTORY);
	send_fds(fd, "x", 1, &ep, 1);
	memset(text, 0, sizeof(text));
	receive_all(fd, text, sizeof(text) - 1);
	printf("- a directory: %s\n", text);
	close(fd);
}

static void ask_file(const char *how, int flags, off_t offset, const char *kinds)
{
	char text[256] = "", content[32] = "";
	int fd, fds[2], file = make_file("passed");

	close(file);
	fd = stream("fds");
	fds[0] = open_file("passed", flags);
	fds[1] = fds[0];
	if (lseek(fds[0], offset, SEEK_SET) != offset)
		die("lseek");
	send_fds(fd, kinds, strlen(kinds), fds, strlen(kinds));
	close(fds[0]);
	receive_all(fd, text, sizeof(text) - 1);
	close(fd);
	file = open_file("passed", O_RDONLY);
	if (read(file, content, sizeof(content) - 1) < 0)
		die("read");
	close(file);
	printf("a file %s: %s, then %s\n", how, text, content);
}

/* Between machines where one of the two has it on a mount. */
static void ask_files(void)
{
	char text[256] = "";
	int fds[8], fd, nr, file;
	ssize_t len;

	ask_file("to read and write", O_RDWR, 4, "f");
	ask_file("to read", O_RDONLY, 2, "f");
	ask_file("to write", O_WRONLY, 8, "f");
	ask_file("to append", O_RDWR | O_APPEND, 1, "f");

	fd = stream("give file");
	nr = receive_fds(fd, text, sizeof(text), fds, &len);
	printf("given: %d %zd\n", nr, len);
	for (int i = 0; i < nr; i++) {
		memset(text, 0, sizeof(text));
		printf("a file that was given: %zd ", did(read(fds[i], text, 3)));
		printf("%s %ld ", text, (long)lseek(fds[i], 0, SEEK_CUR));
		printf("%zd\n", did(write(fds[i], "z", 1)));
	}
	close(fd);

	/* The offset is shared between two local processes alone. */
	fd = stream("fds");
	file = make_file("passed");
	lseek(file, 0, SEEK_SET);
	send_fds(fd, "f", 1, &file, 1);
	memset(text, 0, sizeof(text));
	receive_all(fd, text, sizeof(text) - 1);
	printf("- the offset afterwards: %ld\n", (long)lseek(file, 0, SEEK_CUR));
	close(fd);
	close(file);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s serve|ask DIR\n", argv[0]);
		return 2;
	}
	dir = argv[2];
	if (!strcmp(argv[1], "serve"))
		return serve_all();
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	ask_names();
	ask_echo();
	ask_bye();
	ask_pressure();
	ask_packets();
	ask_datagrams();
	ask_rights();
	ask_files();
	return 0;
}
