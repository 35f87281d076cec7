/* SPDX-License-Identifier: GPL-2.0 */
/* Unix sockets, for programs that end with the first thing that goes wrong. */
#ifndef QTFS_TESTS_SOCKET_IO_H
#define QTFS_TESTS_SOCKET_IO_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Returns the length for bind() and connect(). */
static inline socklen_t unix_address(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(un->sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(un->sun_path, path);
	return sizeof(*un);
}

static inline void send_all(int fd, const void *data, size_t len)
{
	for (const char *p = data; len;) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("send");
		p += n;
		len -= n;
	}
}

/* Up to a number of bytes or the end. */
static inline size_t receive_all(int fd, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = recv(fd, (char *)data + got, len - got, 0);

		if (n < 0)
			die("recv");
		if (!n)
			break;
		got += n;
	}
	return got;
}

#endif
