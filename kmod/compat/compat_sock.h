/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets. */
#ifndef QTFS_COMPAT_SOCK_H
#define QTFS_COMPAT_SOCK_H

#include <linux/net.h>
#include <linux/socket.h>
#include <net/sock.h>

/* What kernel_bind() and kernel_connect() take. */
#ifndef QTFS_HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized sockaddr
#endif

/* For a socket that is used while memory is reclaimed. */
static inline void qtfs_sk_no_task_frag(struct sock *sk)
{
#ifdef QTFS_HAVE_SK_USE_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

/*
 * Sends what @msg's iterator, over pages, goes over by references to them. Some kernels
 * know MSG_SPLICE_PAGES and copy: it's not to be asked for.
 */
#ifdef QTFS_HAVE_KERNEL_SENDPAGE
static inline int qtfs_sock_splice(struct socket *sock, struct msghdr *msg)
{
	const struct bio_vec *bvec = msg->msg_iter.bvec;
	size_t skip = msg->msg_iter.iov_offset, left = iov_iter_count(&msg->msg_iter);
	int done = 0;

	for (; left; bvec++, skip = 0) {
		size_t len = min_t(size_t, left, bvec->bv_len - skip);
		int more = len < left ? MSG_MORE | MSG_SENDPAGE_NOTLAST : 0;
		int n = kernel_sendpage(sock, bvec->bv_page, bvec->bv_offset + skip, len,
					msg->msg_flags | more);

		if (n <= 0)
			return done ?: n;
		done += n;
		left -= n;
		if (n < len)
			break;
	}
	return done;
}
#else
static inline int qtfs_sock_splice(struct socket *sock, struct msghdr *msg)
{
	msg->msg_flags |= MSG_SPLICE_PAGES;
	return sock_sendmsg(sock, msg);
}
#endif

#endif
