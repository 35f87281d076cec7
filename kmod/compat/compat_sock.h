/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets. */
#ifndef QTFS_COMPAT_SOCK_H
#define QTFS_COMPAT_SOCK_H

#include <linux/socket.h>
#include <net/sock.h>

/* What kernel_bind() and kernel_connect() take. */
#ifndef QTFS_HAVE_SOCKADDR_UNSIZED
#include <linux/net.h>
#define sockaddr_unsized sockaddr
#endif

/* Without it sendmsg() copies. */
#ifndef MSG_SPLICE_PAGES
#define MSG_SPLICE_PAGES 0
#endif

/* For a socket that is used while memory is reclaimed. */
static inline void qtfs_sk_no_task_frag(struct sock *sk)
{
#ifdef QTFS_HAVE_SK_USE_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

#endif
