/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the transports over kernel sockets share.  conn->priv and listener->priv
 * are their struct socket.
 */
#ifndef QTFS_SOCK_H
#define QTFS_SOCK_H

#include "transport.h"

#include <linux/net.h>

int qtfs_sock_connect(struct qtfs_conn *conn, const struct qtfs_addr *addr, int addr_len,
		      int protocol, unsigned long timeout, void (*tune)(struct socket *sock));
int qtfs_sock_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr, int addr_len,
		     int protocol, void (*tune)(struct socket *sock));
int qtfs_sock_accept(struct qtfs_listener *listener, struct qtfs_conn *conn,
		     void (*tune)(struct socket *sock));
void qtfs_sock_shutdown_listener(struct qtfs_listener *listener);
void qtfs_sock_unlisten(struct qtfs_listener *listener);
ssize_t qtfs_sock_send(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how);
ssize_t qtfs_sock_send_lent(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how);
int qtfs_sock_recv(struct qtfs_conn *conn, struct iov_iter *to);
ssize_t qtfs_sock_recv_some(struct qtfs_conn *conn, void *buf, size_t len);
void qtfs_sock_shutdown(struct qtfs_conn *conn);
void qtfs_sock_close(struct qtfs_conn *conn);

#endif /* QTFS_SOCK_H */
