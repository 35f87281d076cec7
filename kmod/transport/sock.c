// SPDX-License-Identifier: GPL-2.0
/*
 * Connections over kernel stream sockets, whatever their family.
 *
 * conn->priv is set once, before anybody else knows the connection has a
 * socket, except that connect() may be interrupted by shutdown(): so it is set
 * before connecting and read with READ_ONCE().
 */
#include "sock.h"

#include <linux/module.h>
#include <net/sock.h>

#define BACKLOG		64

static void sock_setup(struct socket *sock)
{
	/* Frames are sent and received while pages are written back. */
	sock->sk->sk_allocation = GFP_NOFS;
}

/*
 * Connects to @addr.  -ETIMEDOUT after @timeout jiffies, -EINTR after a signal,
 * else what the network says.  On an error conn->priv may be set: close() frees
 * it.
 */
int qtfs_sock_connect(struct qtfs_conn *conn, const struct qtfs_addr *addr, int addr_len,
		      int protocol, unsigned long timeout, void (*tune)(struct socket *sock))
{
	struct sockaddr_storage ss = addr->ss;
	struct socket *sock;
	int error;

	error = sock_create_kern(addr->net, ss.ss_family, SOCK_STREAM, protocol, &sock);
	if (error)
		return error;
	sock_setup(sock);
	tune(sock);
	sock->sk->sk_sndtimeo = timeout;
	/* Pairs with qtfs_sock_shutdown(). */
	smp_store_release(&conn->priv, sock);

	error = kernel_connect(sock, (struct sockaddr_unsized *)&ss, addr_len, 0);
	if (error == -EINPROGRESS || error == -EAGAIN)
		error = -ETIMEDOUT;
	else if (error == -ERESTARTSYS)
		error = -EINTR;
	if (error)
		return error;

	sock->sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	strscpy(conn->peer, addr->text, sizeof(conn->peer));
	return 0;
}

int qtfs_sock_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr, int addr_len,
		     int protocol, void (*tune)(struct socket *sock))
{
	struct sockaddr_storage ss = addr->ss;
	struct socket *sock;
	int error;

	error = sock_create_kern(addr->net, ss.ss_family, SOCK_STREAM, protocol, &sock);
	if (error)
		return error;
	sock_setup(sock);
	tune(sock);
	sock_set_reuseaddr(sock->sk);

	error = kernel_bind(sock, (struct sockaddr_unsized *)&ss, addr_len);
	if (!error)
		error = kernel_listen(sock, BACKLOG);
	if (error) {
		sock_release(sock);
		return error;
	}
	listener->priv = sock;
	return 0;
}

/* Sets conn->from; conn->peer is the caller's.  -ECONNABORTED if the peer is gone already. */
int qtfs_sock_accept(struct qtfs_listener *listener, struct qtfs_conn *conn,
		     void (*tune)(struct socket *sock))
{
	struct socket *sock;
	int error;

	error = kernel_accept(listener->priv, &sock, 0);
	if (error)
		return error;
	if (kernel_getpeername(sock, (struct sockaddr *)&conn->from) < 0) {
		sock_release(sock);
		return -ECONNABORTED;
	}
	sock_setup(sock);
	tune(sock);
	/* Pairs with qtfs_sock_shutdown(). */
	smp_store_release(&conn->priv, sock);
	return 0;
}

/* vsock refuses to shut a listener down: there it's an error that ends accept(). */
void qtfs_sock_shutdown_listener(struct qtfs_listener *listener)
{
	struct socket *sock = listener->priv;
	struct sock *sk = sock->sk;

	if (!kernel_sock_shutdown(sock, SHUT_RDWR))
		return;
	lock_sock(sk);
	WRITE_ONCE(sk->sk_err, ESHUTDOWN);
	sk->sk_state_change(sk);
	release_sock(sk);
}

void qtfs_sock_unlisten(struct qtfs_listener *listener)
{
	sock_release(listener->priv);
	listener->priv = NULL;
}

static ssize_t sock_send(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how, bool lend)
{
	struct msghdr msg = {
		.msg_flags = MSG_NOSIGNAL,
		.msg_iter = *from,
	};
	int n;

	if (how & QTFS_SEND_MORE)
		msg.msg_flags |= MSG_MORE;
	if (!(how & QTFS_SEND_WAIT))
		msg.msg_flags |= MSG_DONTWAIT;
	n = lend ? qtfs_sock_splice(conn->priv, &msg) : sock_sendmsg(conn->priv, &msg);
	if (n > 0)
		iov_iter_advance(from, n);
	return n ?: -EPIPE;
}

ssize_t qtfs_sock_send(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how)
{
	return sock_send(conn, from, how, false);
}

/* Less than this is sooner copied. */
#define LEND_MIN	(8 << 10)

/* Whether the network may have references to the pages of @from: not to those of a slab. */
static bool lendable(const struct iov_iter *from)
{
	size_t left = iov_iter_count(from);
	unsigned long i;

	if (left < LEND_MIN || !iov_iter_is_bvec(from))
		return false;
	left += from->iov_offset;
	for (i = 0; left; i++) {
		if (!sendpage_ok(from->bvec[i].bv_page))
			return false;
		left -= min_t(size_t, left, from->bvec[i].bv_len);
	}
	return true;
}

/* Likewise, for a network that need not copy what it's lent. */
ssize_t qtfs_sock_send_lent(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how)
{
	return sock_send(conn, from, how, (how & QTFS_SEND_LENT) && lendable(from));
}

int qtfs_sock_recv(struct qtfs_conn *conn, struct iov_iter *to)
{
	while (iov_iter_count(to)) {
		struct msghdr msg = {
			.msg_flags = MSG_WAITALL | MSG_NOSIGNAL,
			.msg_iter = *to,
		};
		int n = sock_recvmsg(conn->priv, &msg, msg.msg_flags);

		if (n <= 0)
			return n ?: -EPIPE;
		iov_iter_advance(to, n);
	}
	return 0;
}

ssize_t qtfs_sock_recv_some(struct qtfs_conn *conn, void *buf, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	int n;

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &kvec, 1, len);
	n = sock_recvmsg(conn->priv, &msg, msg.msg_flags);
	return n ?: -EPIPE;
}

void qtfs_sock_shutdown(struct qtfs_conn *conn)
{
	/* Pairs with smp_store_release() where the socket was made. */
	struct socket *sock = smp_load_acquire(&conn->priv);

	if (sock)
		kernel_sock_shutdown(sock, SHUT_RDWR);
}

void qtfs_sock_close(struct qtfs_conn *conn)
{
	struct socket *sock = conn->priv;

	conn->priv = NULL;
	if (sock)
		sock_release(sock);
}
