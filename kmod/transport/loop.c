// SPDX-License-Identifier: GPL-2.0
/*
 * loop: client and server in one kernel, by an abstract unix socket in the
 * network name space that both modules were given.
 *
 * Any process may bind or connect to an abstract name.  So each side asks who
 * the other is: only a socket that root made (listen() and connect() note the
 * credentials of their callers) is talked to.  The kernel never changes these
 * credentials once the connection is there, so they may be read without a lock.
 */
#include "sock.h"

#include <linux/module.h>
#include <linux/un.h>
#include <net/sock.h>

#define NAME		"qtfs-server"
#define ADDR_LEN	(offsetof(struct sockaddr_un, sun_path) + sizeof(NAME))
#define BUFFER_BYTES	(4 << 20)

static void loop_tune(struct socket *sock)
{
	struct sock *sk = sock->sk;

	/* A unix socket's send buffer is its peer's receive queue. */
	lock_sock(sk);
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf, BUFFER_BYTES);
	release_sock(sk);
}

static bool made_by_root(const struct qtfs_conn *conn)
{
	struct socket *sock = conn->priv;
	const struct cred *cred = sock->sk->sk_peer_cred;

	return cred && uid_eq(cred->euid, GLOBAL_ROOT_UID);
}

/* There is one server, whatever the address and port. */
static int loop_parse(struct qtfs_addr *addr, const char *host, unsigned int port)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&addr->ss;

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path + 1, NAME, sizeof(NAME) - 1);
	strscpy(addr->text, "loop", sizeof(addr->text));
	return 0;
}

static int loop_connect_to(struct qtfs_conn *conn, const struct qtfs_addr *addr,
			   unsigned long timeout)
{
	int error;

	error = qtfs_sock_connect(conn, addr, ADDR_LEN, 0, timeout, loop_tune);
	if (!error && !made_by_root(conn))
		error = -EACCES;
	return error;
}

static int loop_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr)
{
	return qtfs_sock_listen(listener, addr, ADDR_LEN, 0, loop_tune);
}

static int loop_accept(struct qtfs_listener *listener, struct qtfs_conn *conn)
{
	int error;

	error = qtfs_sock_accept(listener, conn, loop_tune);
	if (error)
		return error;
	strscpy(conn->peer, "loop", sizeof(conn->peer));
	return made_by_root(conn) ? 0 : -ECONNABORTED;
}

const struct qtfs_transport qtfs_transport_loop = {
	.name = "loop",
	.parse = loop_parse,
	.connect = loop_connect_to,
	.listen = loop_listen,
	.accept = loop_accept,
	.shutdown_listener = qtfs_sock_shutdown_listener,
	.unlisten = qtfs_sock_unlisten,
	.send = qtfs_sock_send,
	.recv = qtfs_sock_recv,
	.shutdown = qtfs_sock_shutdown,
	.close = qtfs_sock_close,
};
