// SPDX-License-Identifier: GPL-2.0
/*
 * Peers: connections as the server sees them.
 *
 * Life.  The listener's thread makes a peer (alloc), the transport fills it with
 * a connection, accepted() enters it into qtfsd.peers and starts its thread.
 * That thread runs peer_receive() until an error, then peer_closed().  From
 * anywhere qtfsd_peer_close() breaks the connection; it, peer_closed() and a
 * failed start queue close_work, whoever comes first.  close_work
 *
 *	1. shuts qtfsd_reply() out and waits for those inside: after that nobody
 *	   but the connection itself sends;
 *	2. stops the connection: its thread ends, every frame is done;
 *	3. leaves the session, which may end if this was its last connection;
 *	4. drops the owner's reference.
 *
 * Calls have references too, so the peer itself goes with the last of them;
 * its reference to the session goes then.  The calls are the session's: they go
 * on, and the client may come for the replies on another connection.
 *
 * What a hostile peer can do: send anything, at any speed, and read nothing.
 * Everything is checked by frame.h before memory is taken for it; a bad frame
 * costs the connection.  Who has said no HELLO after HELLO_TIMEOUT is gone, and
 * only STRANGERS_MAX of them may be there at a time.  A peer has one request in
 * its hands while it is received, one in each of its session's slots, and
 * replies_max() replies that it hasn't read: then its thread waits.  FORGET is
 * carried out by the connection's thread while it comes in.
 *
 * When memory is short for a request's arguments or data, they are read and
 * thrown away, and the answer is ENOMEM.  For the call itself, which is small and
 * without which there is no answer, the connection's thread waits.
 */
#include "server/qtfsd.h"

#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "server/trace.h"

#define HELLO_TIMEOUT		(10 * HZ)
#define STRANGERS_MAX		32

static const struct qtfs_conn_ops peer_ops;

static struct qtfsd_peer *to_peer(struct qtfs_conn *conn)
{
	return container_of(conn, struct qtfsd_peer, conn);
}

/* Notes a bad frame and returns the error that closes the connection. */
int qtfsd_peer_bad(struct qtfsd_peer *peer, enum qtfs_frame_error bad, const struct qtfs_hdr *hdr)
{
	if (peer->session)
		this_cpu_inc(peer->session->stats->bad[bad]);
	this_cpu_inc(qtfsd.stats->bad[bad]);
	qtfsd_log(QTFSD_LOG_WARN, "%s: bad frame (%s; op %u, length %u), closing the connection",
		  peer->conn.peer, qtfs_frame_strerror(bad), le16_to_cpu(hdr->op),
		  le32_to_cpu(hdr->len));
	return -EPROTO;
}

/*
 * Sends @frame.  False, and the frame is still the caller's, when the connection
 * is closing.  What holds the peer may be gone when this returns, the peer isn't
 * before: its owner waits for senders_gone.
 */
bool qtfsd_peer_send(struct qtfsd_peer *peer, struct qtfs_frame *frame)
{
	if (!refcount_inc_not_zero(&peer->senders))
		return false;
	qtfs_conn_send(&peer->conn, frame);
	if (refcount_dec_and_test(&peer->senders))
		complete(&peer->senders_gone);
	return true;
}

/* What is allowed when, beyond what every frame has to be. */
static enum qtfs_frame_error peer_check(const struct qtfsd_peer *peer, const struct qtfs_hdr *hdr)
{
	const struct qtfs_op_info *info = qtfs_op_info(le16_to_cpu(hdr->op));
	bool slotless = info->flags & (QTFS_ONE_WAY | QTFS_HANDSHAKE);
	bool no_slot = hdr->slot == cpu_to_le32(QTFS_NO_SLOT);

	if (!!peer->session == !!(info->flags & QTFS_HANDSHAKE))
		return QTFS_FRAME_BAD_OP;
	if (slotless != no_slot && !(info->flags & QTFS_MAY_SLOT))
		return QTFS_FRAME_BAD_SLOT;
	if (le16_to_cpu(hdr->op) == QTFS_OP_FORGET && le32_to_cpu(hdr->data_len) % sizeof(__le64))
		return QTFS_FRAME_BAD_COUNT;
	return QTFS_FRAME_OK;
}

/* Receives the numbers of a FORGET and carries it out, with no memory but the stack. */
static int receive_forget(struct qtfsd_peer *peer, u32 len)
{
	__le64 numbers[64];
	u32 n, i;
	int error;

	for (; len; len -= n) {
		n = min_t(u32, len, sizeof(numbers));
		error = qtfs_conn_recv(&peer->conn, numbers, n);
		if (error)
			return error;
		for (i = 0; i < n / sizeof(*numbers); i++)
			qtfsd_node_forget(peer->session, le64_to_cpu(numbers[i]));
		cond_resched();
	}
	return 0;
}

/* Makes a call, however long it takes.  NULL: the connection has ended meanwhile. */
static struct qtfsd_call *call_make(struct qtfsd_peer *peer, const struct qtfs_hdr *hdr,
				    const struct qtfs_req *req)
{
	struct qtfsd_call *call;

	while (!(call = qtfsd_call_alloc(peer, hdr, req))) {
		if (READ_ONCE(peer->conn.error))
			return NULL;
		schedule_timeout_idle(QTFSD_NO_MEMORY_PAUSE);
	}
	return call;
}

/* Memory for arguments and data.  Whether there is so much. */
static bool alloc_parts(struct qtfsd_call *call)
{
	call->args = call->inline_args;
	if (call->args_len > sizeof(call->inline_args))
		call->args = kvmalloc(call->args_len, GFP_KERNEL);
	if (!call->args)
		return false;
	if (!call->data_len || qtfsd_call_op(call) == QTFS_OP_FORGET)
		return true;
	if (call->data_len >= QTFSD_PAGES_MIN)
		return qtfsd_pages_alloc(&call->data_pages, call->data_len);
	call->data = kvmalloc(round_up(call->data_len, QTFSD_IO_ALIGN), GFP_KERNEL);
	return call->data;
}

static int receive_data(struct qtfsd_peer *peer, struct qtfsd_call *call)
{
	struct iov_iter iter;

	if (qtfsd_call_op(call) == QTFS_OP_FORGET)
		return receive_forget(peer, call->data_len);
	if (!call->data_pages.nr)
		return qtfs_conn_recv(&peer->conn, call->data, call->data_len);
	qtfsd_pages_iter(&call->data_pages, ITER_DEST, call->data_len, &iter);
	return qtfs_conn_recv_iter(&peer->conn, &iter);
}

/* Receives arguments and data.  -ENOBUFS: there was no memory and they are gone. */
static int receive_parts(struct qtfsd_peer *peer, struct qtfsd_call *call)
{
	struct qtfs_conn *conn = &peer->conn;
	int error;

	if (!alloc_parts(call)) {
		error = qtfs_conn_discard(conn, call->args_len + call->data_len);
		return error ?: -ENOBUFS;
	}
	error = qtfs_conn_recv(conn, call->args, call->args_len);
	if (!error && call->data_len)
		error = receive_data(peer, call);
	return error;
}

static unsigned int replies_max(const struct qtfsd_peer *peer)
{
	/* A client may use a slot again before its last reply is done here. */
	return peer->session ? 2 * READ_ONCE(peer->session->nr_slots) : 2;
}

/* Sends a request that has its slot on its way.  The call isn't the caller's after. */
static void call_begin(struct qtfsd_call *call, bool no_memory)
{
	unsigned int error;

	trace_qtfsd_call_received(call, 0);
	if (qtfs_fault(QTFS_FAULT_FAIL, qtfsd_call_op(call), &error))
		qtfsd_reply(call, -(int)error);
	else if (no_memory)
		qtfsd_reply(call, -ENOMEM);
	else if (qtfsd_call_op(call) == QTFS_OP_AUTH)
		qtfsd_auth(call);
	else if (qtfsd_call_op(call) == QTFS_OP_HELLO)
		qtfsd_hello(call);
	else
		qtfsd_dispatch(call);
}

/* A request has come in whole: on with it.  The call isn't the caller's after. */
static int receive_call(struct qtfsd_peer *peer, struct qtfsd_call *call, bool no_memory)
{
	enum qtfs_frame_error bad = QTFS_FRAME_OK;
	enum qtfsd_claim claim = QTFSD_CLAIM_NEW;
	struct qtfs_hdr hdr = call->hdr;

	if (!qtfs_conn_crc_good(&peer->conn))
		bad = QTFS_FRAME_BAD_CRC;
	else if (!no_memory)
		bad = qtfs_check_args(&call->hdr, &call->req, call->args);
	if (!bad && hdr.slot != cpu_to_le32(QTFS_NO_SLOT))
		claim = qtfsd_session_claim(peer->session, call);
	if (bad)
		claim = QTFSD_CLAIM_BAD;

	switch (claim) {
	case QTFSD_CLAIM_NEW:
		qtfsd_listed_forget(call);
		call_begin(call, no_memory);
		return 0;
	case QTFSD_CLAIM_KEPT:
		qtfsd_listed_forget(call);
		qtfsd_reply_again(call);
		return 0;
	case QTFSD_CLAIM_RUNS:
	case QTFSD_CLAIM_OLD:
		qtfsd_call_free(call);
		return 0;
	case QTFSD_CLAIM_BAD:
		break;
	}
	qtfsd_call_free(call);
	return qtfsd_peer_bad(peer, bad ?: QTFS_FRAME_BAD_SLOT, &hdr);
}

static u32 peer_max_data(const struct qtfsd_peer *peer)
{
	return peer->session ? peer->session->max_data : QTFS_DATA_MIN;
}

static int receive_one(struct qtfsd_peer *peer)
{
	struct qtfs_conn *conn = &peer->conn;
	enum qtfs_frame_error bad;
	struct qtfsd_call *call;
	struct qtfs_hdr hdr;
	struct qtfs_req req;
	int error;

	/* Ends with the connection too: then every frame is done. */
	wait_event_idle(peer->replies_wait, atomic_read(&peer->replies) < replies_max(peer));

	error = qtfs_conn_recv_hdr(conn, &hdr);
	if (error)
		return error;
	bad = qtfs_check_hdr(&hdr, 0, peer_max_data(peer)) ?: peer_check(peer, &hdr);
	if (bad)
		return qtfsd_peer_bad(peer, bad, &hdr);

	error = qtfs_conn_recv(conn, &req, sizeof(req));
	if (error)
		return error;
	bad = qtfs_check_req(&hdr, &req);
	if (bad)
		return qtfsd_peer_bad(peer, bad, &hdr);

	call = call_make(peer, &hdr, &req);
	if (!call)
		return -ENOMEM;
	error = receive_parts(peer, call);
	if (error && error != -ENOBUFS) {
		qtfsd_call_free(call);
		return error;
	}
	return receive_call(peer, call, error);
}

static int peer_receive(struct qtfs_conn *conn)
{
	/* The client may be in this kernel: its inodes must not be waited for here. */
	unsigned int nofs = memalloc_nofs_save();
	int error = receive_one(to_peer(conn));

	memalloc_nofs_restore(nofs);
	return error;
}

static void peer_queue_close(struct qtfsd_peer *peer)
{
	if (!test_and_set_bit(0, &peer->stopping))
		queue_work(qtfsd.conn_wq, &peer->close_work);
}

static void peer_closed(struct qtfs_conn *conn, int error)
{
	struct qtfsd_peer *peer = to_peer(conn);

	qtfsd_log(QTFSD_LOG_DEBUG, "%s: connection closed (%d)", conn->peer, error);
	peer_queue_close(peer);
}

/* Breaks the connection of @peer, for the reason @error, and lets it go. */
void qtfsd_peer_close(struct qtfsd_peer *peer, int error)
{
	qtfs_conn_shutdown(&peer->conn, error);
	peer_queue_close(peer);
}

static void peer_close_work(struct work_struct *work)
{
	struct qtfsd_peer *peer = container_of(work, struct qtfsd_peer, close_work);

	cancel_delayed_work_sync(&peer->hello_work);
	if (!refcount_dec_and_test(&peer->senders))
		wait_for_completion(&peer->senders_gone);
	qtfs_conn_stop(&peer->conn);
	if (peer->session)
		qtfsd_session_leave(peer);

	mutex_lock(&qtfsd.lock);
	list_del(&peer->list);
	mutex_unlock(&qtfsd.lock);
	qtfs_conn_put(&peer->conn);
}

static void peer_hello_work(struct work_struct *work)
{
	struct qtfsd_peer *peer = container_of(to_delayed_work(work), struct qtfsd_peer,
					       hello_work);

	if (READ_ONCE(peer->session))
		return;
	qtfsd_log(QTFSD_LOG_WARN, "%s: no greeting after %d s, closing the connection",
		  peer->conn.peer, HELLO_TIMEOUT / HZ);
	qtfs_conn_shutdown(&peer->conn, -ETIMEDOUT);
}

static void peer_release(struct qtfs_conn *conn)
{
	struct qtfsd_peer *peer = to_peer(conn);

	if (!peer->session)
		atomic_dec(&qtfsd.nr_strangers);
	qtfsd_session_put(peer->session);
	kfree(peer);
	if (atomic_dec_and_test(&qtfsd.nr_peers))
		wake_up_all(&qtfsd.idle);
}

static const struct qtfs_conn_ops peer_ops = {
	.receive = peer_receive,
	.closed = peer_closed,
	.release = peer_release,
};

static struct qtfs_conn *listener_alloc(struct qtfs_listener *listener)
{
	struct qtfsd_peer *peer;

	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return NULL;

	qtfs_conn_init(&peer->conn, listener->transport, &peer_ops);
	INIT_LIST_HEAD(&peer->list);
	INIT_WORK(&peer->close_work, peer_close_work);
	INIT_DELAYED_WORK(&peer->hello_work, peer_hello_work);
	refcount_set(&peer->senders, 1);
	init_completion(&peer->senders_gone);
	init_waitqueue_head(&peer->replies_wait);
	atomic_inc(&qtfsd.nr_peers);
	atomic_inc(&qtfsd.nr_strangers);
	return &peer->conn;
}

/* Whether there is a place for who has connected; says why not. */
static bool welcome(const struct qtfs_conn *conn)
{
	if (!qtfsd_allowed(conn)) {
		this_cpu_inc(qtfsd.stats->not_allowed);
		qtfsd_log(QTFSD_LOG_WARN, "%s: not in allow=, closing it", conn->peer);
		return false;
	}
	/* Those that still have calls count as well.  Only listeners add. */
	if (atomic_read(&qtfsd.nr_peers) > READ_ONCE(qtfsd.limits.conns) ||
	    atomic_read(&qtfsd.nr_strangers) > STRANGERS_MAX) {
		qtfsd_log(QTFSD_LOG_WARN, "%s: one connection too many, closing it", conn->peer);
		return false;
	}
	return true;
}

static void listener_accepted(struct qtfs_listener *listener, struct qtfs_conn *conn)
{
	struct qtfsd_peer *peer = to_peer(conn);
	int error;

	if (!welcome(conn)) {
		qtfs_conn_stop(conn);
		qtfs_conn_put(conn);
		return;
	}

	qtfsd_log(QTFSD_LOG_DEBUG, "%s: connected", conn->peer);
	mutex_lock(&qtfsd.lock);
	list_add_tail(&peer->list, &qtfsd.peers);
	mutex_unlock(&qtfsd.lock);

	queue_delayed_work(qtfsd.conn_wq, &peer->hello_work, HELLO_TIMEOUT);
	error = qtfs_conn_start(conn, "qtfsd");
	if (error) {
		qtfsd_log(QTFSD_LOG_ERROR, "%s: no thread for it (%d)", conn->peer, error);
		qtfsd_peer_close(peer, error);
	}
}

void qtfsd_listener_init(struct qtfs_listener *listener)
{
	listener->alloc = listener_alloc;
	listener->accepted = listener_accepted;
}

/*
 * Closes every connection, ends every session and waits until no connection
 * exists; no new one comes.
 */
void qtfsd_peers_stop(void)
{
	struct qtfsd_peer *peer;

	mutex_lock(&qtfsd.lock);
	qtfsd.ending = true;
	list_for_each_entry(peer, &qtfsd.peers, list)
		qtfsd_peer_close(peer, -ESHUTDOWN);
	mutex_unlock(&qtfsd.lock);
	/* Those without a connection; the others end with it. */
	qtfsd_sessions_end();

	while (!wait_event_timeout(qtfsd.idle, !atomic_read(&qtfsd.nr_peers), 10 * HZ))
		pr_info("waiting for the calls of %d connection(s)\n",
			atomic_read(&qtfsd.nr_peers));
}
