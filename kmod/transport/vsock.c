// SPDX-License-Identifier: GPL-2.0
/*
 * vsock: between a host and its guests, or a card that speaks it, or in one
 * kernel by vsock_loopback.  An address is a context id.
 *
 * The default buffers of vsock hold 256 KiB; a frame holds a mebibyte.  The
 * peer's credit is granted by the receiver's buffer, so both sides raise
 * theirs.
 */
#include "sock.h"

#include <linux/module.h>
#include <linux/vm_sockets.h>

#define BUFFER_BYTES	(4ULL << 20)

/* Best effort: a smaller buffer is slower, not wrong. */
static void vsock_tune(struct socket *sock)
{
	u64 bytes = BUFFER_BYTES;

	sock->ops->setsockopt(sock, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE,
			      KERNEL_SOCKPTR(&bytes), sizeof(bytes));
	sock->ops->setsockopt(sock, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE,
			      KERNEL_SOCKPTR(&bytes), sizeof(bytes));
}

/* A context id, in any base; VMADDR_CID_ANY to listen on all of this machine's. */
static int vsock_parse(struct qtfs_addr *addr, const char *host, unsigned int port)
{
	struct sockaddr_vm *vm = (struct sockaddr_vm *)&addr->ss;
	unsigned int cid;

	if (kstrtouint(host, 0, &cid) || port == VMADDR_PORT_ANY)
		return -EINVAL;
	memset(vm, 0, sizeof(*vm));
	vm->svm_family = AF_VSOCK;
	vm->svm_cid = cid;
	vm->svm_port = port;
	snprintf(addr->text, sizeof(addr->text), "vsock %u:%u", cid, port);
	return 0;
}

static int vsock_connect_to(struct qtfs_conn *conn, const struct qtfs_addr *addr,
			    unsigned long timeout)
{
	return qtfs_sock_connect(conn, addr, sizeof(struct sockaddr_vm), 0, timeout, vsock_tune);
}

static int vsock_listen_on(struct qtfs_listener *listener, const struct qtfs_addr *addr)
{
	return qtfs_sock_listen(listener, addr, sizeof(struct sockaddr_vm), 0, vsock_tune);
}

static int vsock_accept_from(struct qtfs_listener *listener, struct qtfs_conn *conn)
{
	const struct sockaddr_vm *from = (const struct sockaddr_vm *)&conn->from;
	int error;

	error = qtfs_sock_accept(listener, conn, vsock_tune);
	if (!error)
		snprintf(conn->peer, sizeof(conn->peer), "vsock %u:%u", from->svm_cid,
			 from->svm_port);
	return error;
}

const struct qtfs_transport qtfs_transport_vsock = {
	.name = "vsock",
	.option = "cid",
	.has_port = true,
	.parse = vsock_parse,
	.connect = vsock_connect_to,
	.listen = vsock_listen_on,
	.accept = vsock_accept_from,
	.shutdown_listener = qtfs_sock_shutdown_listener,
	.unlisten = qtfs_sock_unlisten,
	.send = qtfs_sock_send,
	.recv = qtfs_sock_recv,
	.recv_some = qtfs_sock_recv_some,
	.shutdown = qtfs_sock_shutdown,
	.close = qtfs_sock_close,
};
