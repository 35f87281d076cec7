// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: a queue of outgoing frames and a thread that receives.
 *
 * Sending.  Whoever finds tx_busy clear becomes the sender: it takes frames
 * from the head of the queue and gives them to the transport without waiting.
 * When the transport has no room, or after a batch, the sender's role (that is,
 * tx_busy) passes to tx_work, which may wait.  So a frame usually leaves in its
 * sender's context, frames never mix, and nobody but tx_work ever waits for the
 * peer.  A signal can't tear a frame either: only tx_work waits inside one, and
 * workers take no signals.
 *
 * Ending.  The first error, from wherever, is kept in conn->error and shuts the
 * transport down; after that every queued and every new frame is done with
 * that error.  The receiving thread fails, calls closed() and ends.
 * qtfs_conn_stop() waits for thread and sender, and then nothing touches the
 * transport's part any more: late frames see conn->error, late shutdowns see
 * conn->closed, under down_lock.
 *
 * Receiving.  Frames are read in pieces, most of them small.  A small piece is taken
 * out of a buffer, which is filled with whatever the transport has: one call of a
 * socket instead of one for each piece.  Large ones go where they belong at once.
 *
 * References: the user's, and one for the thread while it runs.  tx_work needs
 * none, since qtfs_conn_stop() waits for it and comes before the last put.
 */
#include "transport.h"

#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>

/* Frames that a sender in a caller's context takes on before it leaves the rest to tx_work. */
#define TX_BATCH	8

/* The receiving thread's buffer; what is larger isn't copied twice. */
#define RX_BUFFER	2048

static struct workqueue_struct *tx_wq;

static const struct qtfs_transport *const transports[] = {
	&qtfs_transport_tcp,
	&qtfs_transport_vsock,
	&qtfs_transport_pcie,
	&qtfs_transport_loop,
};

/* Returns the transport with this name or NULL. */
const struct qtfs_transport *qtfs_transport_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(transports); i++)
		if (!strcmp(transports[i]->name, name))
			return transports[i];
	return NULL;
}

const struct qtfs_transport *qtfs_transport_of_option(const char *option)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(transports); i++)
		if (transports[i]->option && !strcmp(transports[i]->option, option))
			return transports[i];
	return NULL;
}

int qtfs_transport_init(const char *name)
{
	tx_wq = alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0, name);
	if (!tx_wq)
		return -ENOMEM;
	qtfs_crc_init();
	return 0;
}

void qtfs_transport_exit(void)
{
	qtfs_pool_exit();
	qtfs_crc_exit();
	destroy_workqueue(tx_wq);
}

/* Sends from @from, which is part of @frame, as much as there is room for. */
static ssize_t frame_send(struct qtfs_conn *conn, struct qtfs_frame *frame, struct iov_iter *from,
			  unsigned int how)
{
	size_t limit = qtfs_fault_limit(frame, iov_iter_count(from));
	struct iov_iter part = *from;
	ssize_t n;

	if (!limit)
		return -ECONNRESET;
	iov_iter_truncate(&part, limit);
	if (limit < iov_iter_count(from))
		how |= QTFS_SEND_MORE;
	n = conn->transport->send(conn, &part, how);
	if (n < 0)
		return n;
	iov_iter_advance(from, n);
	qtfs_fault_sent(frame, n);
	atomic64_add(n, &conn->bytes_sent);
	return n;
}

/* Sends what is left of @frame.  Returns 0 when all of it has been taken. */
static int frame_push(struct qtfs_conn *conn, struct qtfs_frame *frame, bool wait)
{
	unsigned int how = wait ? QTFS_SEND_WAIT : 0;
	ssize_t n;

	if (!qtfs_fault_begin(frame))
		return 0;
again:
	while (frame->head_sent < frame->head.iov_len) {
		struct kvec rest = {
			.iov_base = frame->head.iov_base + frame->head_sent,
			.iov_len = frame->head.iov_len - frame->head_sent,
		};
		struct iov_iter from;

		iov_iter_kvec(&from, ITER_SOURCE, &rest, 1, rest.iov_len);
		qtfs_fault_flip(frame);
		n = frame_send(conn, frame, &from,
			       how | (iov_iter_count(&frame->data) ? QTFS_SEND_MORE : 0));
		qtfs_fault_flip(frame);
		if (n < 0)
			return n;
		frame->head_sent += n;
	}
	while (iov_iter_count(&frame->data)) {
		n = frame_send(conn, frame, &frame->data,
			       how | (frame->lend ? QTFS_SEND_LENT : 0));
		if (n < 0)
			return n;
	}
	if (qtfs_fault_again(frame))
		goto again;
	return 0;
}

/*
 * Sends from the queue as its only sender.  Returns true when the queue is
 * empty and the role given up, false when somebody else must go on.
 */
static bool tx_run(struct qtfs_conn *conn, unsigned int batch, bool wait)
{
	struct qtfs_frame *frame;
	int error;

	for (;;) {
		spin_lock(&conn->tx_lock);
		frame = list_first_entry_or_null(&conn->tx_queue, struct qtfs_frame, list);
		if (!frame) {
			conn->tx_busy = false;
			spin_unlock(&conn->tx_lock);
			wake_up_var(&conn->tx_busy);
			return true;
		}
		error = conn->error;
		spin_unlock(&conn->tx_lock);

		if (!batch--)
			return false;
		if (!error) {
			error = frame_push(conn, frame, wait);
			if (error == -EAGAIN)
				return false;
			if (error)
				qtfs_conn_shutdown(conn, error);
		}

		spin_lock(&conn->tx_lock);
		list_del(&frame->list);
		spin_unlock(&conn->tx_lock);
		frame->done(frame, error);
	}
}

static void tx_work(struct work_struct *work)
{
	struct qtfs_conn *conn = container_of(work, struct qtfs_conn, tx_work);
	unsigned int nofs = memalloc_nofs_save();

	while (!tx_run(conn, UINT_MAX, true))
		;
	memalloc_nofs_restore(nofs);
}

void qtfs_conn_send(struct qtfs_conn *conn, struct qtfs_frame *frame)
{
	unsigned int nofs;
	bool sender;

	if (conn->crc)
		qtfs_crc_seal(frame);
	frame->head_sent = 0;
	memset(&frame->fault, 0, sizeof(frame->fault));
	spin_lock(&conn->tx_lock);
	list_add_tail(&frame->list, &conn->tx_queue);
	sender = !conn->tx_busy;
	conn->tx_busy = true;
	spin_unlock(&conn->tx_lock);
	if (!sender)
		return;

	nofs = memalloc_nofs_save();
	if (!tx_run(conn, TX_BATCH, false))
		queue_work(tx_wq, &conn->tx_work);
	memalloc_nofs_restore(nofs);
}

/* Fills as much of @to as the buffer has. */
static void rx_take(struct qtfs_conn *conn, struct iov_iter *to)
{
	size_t len = min(conn->rx_end - conn->rx_pos, iov_iter_count(to));

	/* All of it: it's kernel memory. */
	if (len)
		conn->rx_pos += copy_to_iter(conn->rx_buf + conn->rx_pos, len, to);
}

static int rx_fill(struct qtfs_conn *conn, struct iov_iter *to)
{
	rx_take(conn, to);
	while (conn->rx_buf && iov_iter_count(to) && iov_iter_count(to) < RX_BUFFER) {
		ssize_t n = conn->transport->recv_some(conn, conn->rx_buf, RX_BUFFER);

		if (n < 0)
			return n;
		conn->rx_pos = 0;
		conn->rx_end = n;
		rx_take(conn, to);
	}
	return iov_iter_count(to) ? conn->transport->recv(conn, to) : 0;
}

int qtfs_conn_recv_iter(struct qtfs_conn *conn, struct iov_iter *to)
{
	const struct iov_iter received = *to;
	size_t len = iov_iter_count(to);
	int error;

	if (!len)
		return 0;
	error = rx_fill(conn, to);
	if (error)
		return error;
	if (conn->crc)
		conn->rx_crc = qtfs_crc_iter(conn->rx_crc, &received);
	atomic64_add(len, &conn->bytes_received);
	return 0;
}

int qtfs_conn_recv(struct qtfs_conn *conn, void *buf, size_t len)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter to;

	iov_iter_kvec(&to, ITER_DEST, &kvec, 1, len);
	return qtfs_conn_recv_iter(conn, &to);
}

int qtfs_conn_recv_hdr(struct qtfs_conn *conn, struct qtfs_hdr *hdr)
{
	int error = qtfs_conn_recv(conn, hdr, sizeof(*hdr));

	if (error || !conn->crc)
		return error;
	conn->rx_crc_said = hdr->crc;
	hdr->crc = 0;
	conn->rx_crc = qtfs_crc(~0u, hdr, sizeof(*hdr));
	return 0;
}

bool qtfs_conn_crc_good(const struct qtfs_conn *conn)
{
	return !conn->crc || cpu_to_le32(~conn->rx_crc) == conn->rx_crc_said;
}

int qtfs_conn_discard(struct qtfs_conn *conn, size_t len)
{
	char buf[256];
	size_t n;
	int error;

	for (; len; len -= n) {
		n = min(len, sizeof(buf));
		error = qtfs_conn_recv(conn, buf, n);
		if (error)
			return error;
	}
	return 0;
}

static int rx_thread(void *data)
{
	struct qtfs_conn *conn = data;
	unsigned int nofs = memalloc_nofs_save();
	int error;

	/* Who reclaims memory may wait for write-back that this thread ends. */
	do {
		error = conn->ops->receive(conn);
	} while (!error && !READ_ONCE(conn->error));
	memalloc_nofs_restore(nofs);

	qtfs_conn_shutdown(conn, error ?: -ECONNABORTED);
	conn->ops->closed(conn, READ_ONCE(conn->error));
	qtfs_conn_put(conn);
	return 0;
}

void qtfs_conn_init(struct qtfs_conn *conn, const struct qtfs_transport *transport,
		    const struct qtfs_conn_ops *ops)
{
	memset(conn, 0, sizeof(*conn));
	conn->transport = transport;
	conn->ops = ops;
	kref_init(&conn->ref);
	spin_lock_init(&conn->tx_lock);
	mutex_init(&conn->down_lock);
	INIT_LIST_HEAD(&conn->tx_queue);
	INIT_WORK(&conn->tx_work, tx_work);
}

int qtfs_conn_start(struct qtfs_conn *conn, const char *thread_name)
{
	struct task_struct *task;

	/* Without memory for it, it goes on as without. */
	if (conn->transport->recv_some)
		conn->rx_buf = kmalloc(RX_BUFFER, GFP_KERNEL | __GFP_NOWARN);
	task = kthread_create(rx_thread, conn, "%s", thread_name);
	if (IS_ERR(task))
		return PTR_ERR(task);

	qtfs_conn_get(conn);
	get_task_struct(task);		/* kthread_stop() may come after its end */
	conn->rx_task = task;
	wake_up_process(task);
	return 0;
}

void qtfs_conn_shutdown(struct qtfs_conn *conn, int error)
{
	spin_lock(&conn->tx_lock);
	if (!conn->error)
		conn->error = error;
	spin_unlock(&conn->tx_lock);

	mutex_lock(&conn->down_lock);
	if (!conn->closed)
		conn->transport->shutdown(conn);
	mutex_unlock(&conn->down_lock);
}

void qtfs_conn_stop(struct qtfs_conn *conn)
{
	qtfs_conn_shutdown(conn, -ESHUTDOWN);

	if (conn->rx_task) {
		/*
		 * The thread doesn't ask kthread_should_stop(), it ends because
		 * the transport fails.  -EINTR: it never began.
		 */
		if (kthread_stop(conn->rx_task) == -EINTR)
			qtfs_conn_put(conn);
		put_task_struct(conn->rx_task);
		conn->rx_task = NULL;
	}

	/* A sender meets conn->error and soon empties the queue. */
	wait_var_event(&conn->tx_busy, !READ_ONCE(conn->tx_busy));
	flush_work(&conn->tx_work);

	mutex_lock(&conn->down_lock);
	conn->closed = true;
	conn->transport->close(conn);
	mutex_unlock(&conn->down_lock);
}

void qtfs_conn_get(struct qtfs_conn *conn)
{
	kref_get(&conn->ref);
}

static void conn_release(struct kref *ref)
{
	struct qtfs_conn *conn = container_of(ref, struct qtfs_conn, ref);

	kfree(conn->rx_buf);
	conn->ops->release(conn);
}

void qtfs_conn_put(struct qtfs_conn *conn)
{
	kref_put(&conn->ref, conn_release);
}
