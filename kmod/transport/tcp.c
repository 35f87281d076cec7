// SPDX-License-Identifier: GPL-2.0
/*
 * TCP, IPv4 and IPv6.
 *
 * A peer that vanishes is noticed by keep-alive when nothing is under way, and
 * by the user timeout when something is: in both cases after about 20 s.
 */
#include "sock.h"

#include <linux/inet.h>
#include <linux/module.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#define KEEP_IDLE_S		10
#define KEEP_INTERVAL_S		5
#define KEEP_PROBES		2
#define USER_TIMEOUT_MS		20000

static void tcp_tune(struct socket *sock)
{
	tcp_sock_set_nodelay(sock->sk);
	sock_set_keepalive(sock->sk);
	tcp_sock_set_keepidle(sock->sk, KEEP_IDLE_S);
	tcp_sock_set_keepintvl(sock->sk, KEEP_INTERVAL_S);
	tcp_sock_set_keepcnt(sock->sk, KEEP_PROBES);
	tcp_sock_set_user_timeout(sock->sk, USER_TIMEOUT_MS);
}

static int tcp_addr_len(const struct qtfs_addr *addr)
{
	return addr->ss.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
						sizeof(struct sockaddr_in);
}

/* A numeric IPv4 or IPv6 address, the latter with or without brackets and scope. */
static int tcp_parse(struct qtfs_addr *addr, const char *host, unsigned int port)
{
	char buf[INET6_ADDRSTRLEN + IFNAMSIZ + 2];
	size_t len = strlen(host);
	char port_text[8];
	int error;

	if (!port || port > U16_MAX)
		return -EINVAL;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (!len || len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, host, len);
	buf[len] = '\0';

	snprintf(port_text, sizeof(port_text), "%u", port);
	error = inet_pton_with_scope(addr->net, AF_UNSPEC, buf, port_text, &addr->ss);
	if (error)
		return -EINVAL;
	snprintf(addr->text, sizeof(addr->text), "tcp %pISpc", &addr->ss);
	return 0;
}

static int tcp_connect_to(struct qtfs_conn *conn, const struct qtfs_addr *addr,
			  unsigned long timeout)
{
	return qtfs_sock_connect(conn, addr, tcp_addr_len(addr), IPPROTO_TCP, timeout, tcp_tune);
}

static int tcp_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr)
{
	return qtfs_sock_listen(listener, addr, tcp_addr_len(addr), IPPROTO_TCP, tcp_tune);
}

static int tcp_accept(struct qtfs_listener *listener, struct qtfs_conn *conn)
{
	int error;

	error = qtfs_sock_accept(listener, conn, tcp_tune);
	if (!error)
		snprintf(conn->peer, sizeof(conn->peer), "tcp %pISpc", &conn->from);
	return error;
}

/* The thread isn't woken for less of what is large. */
#define BULK		(128 << 10)

static int tcp_low_water(struct socket *sock, int bytes)
{
	int error;

	lock_sock(sock->sk);
	error = sock->ops->set_rcvlowat(sock->sk, bytes);
	release_sock(sock->sk);
	return error;
}

/*
 * Any part that the low-water mark holds back is followed by as much of the same
 * frame, so there is nothing that it could keep waiting.
 */
static int tcp_recv(struct qtfs_conn *conn, struct iov_iter *to)
{
	struct socket *sock = conn->priv;
	size_t len = iov_iter_count(to);
	int error;

	if (len <= 2 * BULK || tcp_low_water(sock, BULK))
		return qtfs_sock_recv(conn, to);
	iov_iter_truncate(to, len - BULK);
	error = qtfs_sock_recv(conn, to);
	tcp_low_water(sock, 1);
	if (error)
		return error;
	iov_iter_reexpand(to, BULK);
	return qtfs_sock_recv(conn, to);
}

const struct qtfs_transport qtfs_transport_tcp = {
	.name = "tcp",
	.option = "addr",
	.has_port = true,
	.wants_crc = true,
	.parse = tcp_parse,
	.connect = tcp_connect_to,
	.listen = tcp_listen,
	.accept = tcp_accept,
	.shutdown_listener = qtfs_sock_shutdown_listener,
	.unlisten = qtfs_sock_unlisten,
	.send = qtfs_sock_send_lent,
	.recv = tcp_recv,
	.recv_some = qtfs_sock_recv_some,
	.shutdown = qtfs_sock_shutdown,
	.close = qtfs_sock_close,
};
