// SPDX-License-Identifier: GPL-2.0
/*
 * Calls: requests on their way through the module.
 *
 * A call is made by its connection's thread and passes from owner to owner:
 *
 *	RECEIVED   the connection's thread
 *	WORKING    that thread, or a worker of io_wq
 *	QUEUED     the channel's queue
 *	FETCHED    a slot of the channel, that is, a thread of the engine
 *	REPLIED    the connection, until the last byte of the reply has gone
 *
 * QUEUED and FETCHED may come again when an engine dies, WORKING may turn into
 * QUEUED when the policy changes.  Two things end a call: qtfsd_reply(), and
 * qtfsd_call_drop() where nobody waits for a reply any more.
 *
 * Its references to connection and session go when it is freed.  The objects it
 * names go before the reply is queued, so that RELEASE means it.
 *
 * A call outlives its connection: the client may come back on another one and
 * ask for the reply (session.c), which redirects it there.  It is carried out as
 * long as the session lives.
 *
 * A peer that never reads its replies keeps at most as many calls alive as
 * peer.c allows: the connection's thread waits before it makes more.
 */
#include "server/qtfsd.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "server/trace.h"

/* Makes a call for a request whose headers are good.  NULL when memory is short. */
struct qtfsd_call *qtfsd_call_alloc(struct qtfsd_peer *peer, const struct qtfs_hdr *hdr,
				    const struct qtfs_req *req)
{
	struct qtfsd_call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	if (!call)
		return NULL;
	INIT_LIST_HEAD(&call->list);
	call->hdr = *hdr;
	call->req = *req;
	call->info = qtfs_op_info(qtfsd_call_op(call));
	call->args_len = qtfs_request_args_len(hdr, req);
	call->data_len = le32_to_cpu(hdr->data_len);
	call->state = QTFSD_RECEIVED;
	call->start = ktime_get();

	qtfs_conn_get(&peer->conn);
	call->peer = peer;
	if (peer->session) {
		kref_get(&peer->session->ref);
		call->session = peer->session;
	}
	return call;
}

static void call_free_request(struct qtfsd_call *call)
{
	qtfsd_node_put(call->node[0]);
	qtfsd_node_put(call->node[1]);
	qtfsd_open_put(call->open);
	call->node[0] = NULL;
	call->node[1] = NULL;
	call->open = NULL;

	if (call->args != call->inline_args)
		kvfree(call->args);
	kvfree(call->data);
	qtfsd_pages_free(&call->data_pages);
	kfree(call->note);
	call->args = NULL;
	call->data = NULL;
	call->note = NULL;
}

/* For a call that holds no slot. */
void qtfsd_call_free(struct qtfsd_call *call)
{
	call_free_request(call);
	if (call->kept)
		qtfsd_data_put(call->kept);
	else
		kvfree(call->reply_data);
	qtfsd_pages_free(&call->reply_pages);
	kvfree(call->listed);
	qtfsd_session_put(call->session);
	qtfs_conn_put(&call->peer->conn);
	kfree(call);
}

/* Ends a call that nobody waits for. */
void qtfsd_call_drop(struct qtfsd_call *call)
{
	if (call->session) {
		this_cpu_inc(call->session->stats->dropped);
		qtfsd_session_unclaim(call->session, call, false);
	}
	this_cpu_inc(qtfsd.stats->dropped);
	qtfsd_call_free(call);
}

void qtfsd_data_put(struct qtfsd_data *data)
{
	if (data && refcount_dec_and_test(&data->ref))
		kvfree(data);
}

/*
 * Memory for @len bytes of the reply's data, aligned well enough for direct
 * I/O.  NULL when memory is short.
 */
void *qtfsd_call_alloc_data(struct qtfsd_call *call, u32 len)
{
	call->reply_len = len;
	if (!qtfsd_call_consumes(call)) {
		call->reply_data = kvmalloc(round_up(len, QTFSD_IO_ALIGN), GFP_KERNEL);
		return call->reply_data;
	}
	call->kept = kvmalloc(struct_size(call->kept, bytes, len), GFP_KERNEL);
	if (!call->kept)
		return NULL;
	refcount_set(&call->kept->ref, 1);
	call->reply_data = call->kept->bytes;
	return call->reply_data;
}

/* The error for the wire: the kernel's private ones mean nothing elsewhere. */
static int public_error(int error)
{
	switch (error) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EINTR;
	case -EOPENSTALE:
		return -ESTALE;
	case -ENOTSUPP:
		return -EOPNOTSUPP;
	case -EJUKEBOX:
		return -EAGAIN;
	default:
		return error <= 0 && error > -ERESTARTSYS ? error : -EIO;
	}
}

static void reply_done(struct qtfs_frame *frame, int error)
{
	struct qtfsd_call *call = container_of(frame, struct qtfsd_call, frame);
	struct qtfsd_peer *peer = call->peer;

	atomic_dec(&peer->replies);
	wake_up(&peer->replies_wait);
	qtfsd_call_free(call);
}

static void reply_count(struct qtfsd_call *call, u32 status)
{
	struct qtfsd_stats __percpu *all[] = {
		qtfsd.stats, call->session ? call->session->stats : NULL,
	};
	u64 ns = ktime_to_ns(ktime_sub(ktime_get(), call->start));
	unsigned int op = qtfsd_call_op(call), i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i])
			continue;
		qtfs_opstat_add(&all[i]->ops[op], status, call->data_len + call->reply_len, ns);
		if (call->in_module)
			this_cpu_inc(all[i]->in_module[op]);
	}
}

/* As of now, also in a reply that was kept. */
static __le16 slots_granted(const struct qtfsd_session *session)
{
	return cpu_to_le16(session ? READ_ONCE(session->slots_granted) : 0);
}

/* Hands the reply to the connection.  The call isn't the caller's after. */
static void reply_send(struct qtfsd_call *call)
{
	struct qtfsd_peer *peer = call->peer;

	call->reply.hdr.slots = slots_granted(call->session);
	call->frame.head.iov_base = &call->reply;
	call->frame.head.iov_len = sizeof(call->reply.hdr) +
				   le16_to_cpu(call->reply.hdr.body_len);
	call->reply_vec.iov_base = call->reply_data;
	call->reply_vec.iov_len = call->reply_len;
	call->frame.lend = call->reply_pages.nr;
	if (call->reply_pages.nr)
		qtfsd_pages_iter(&call->reply_pages, ITER_SOURCE, call->reply_len,
				 &call->frame.data);
	else
		iov_iter_kvec(&call->frame.data, ITER_SOURCE, &call->reply_vec, 1,
			      call->reply_len);
	call->frame.done = reply_done;
	atomic_inc(&peer->replies);
	if (qtfs_fault(QTFS_FAULT_DROP_REPLY, qtfsd_call_op(call), NULL))
		qtfs_conn_shutdown(&peer->conn, -ECONNRESET);
	if (!qtfsd_peer_send(peer, &call->frame)) {
		this_cpu_inc(qtfsd.stats->dropped);
		reply_done(&call->frame, -ENOTCONN);
	}
}

/*
 * Answers @call with @error or, if that is 0, with call->reply's body and
 * call->reply_len bytes of call->reply_data.  The call isn't the caller's after.
 */
void qtfsd_reply(struct qtfsd_call *call, int error)
{
	const struct qtfs_op_info *info = call->info;
	struct qtfs_hdr *hdr = &call->reply.hdr;
	u32 status = -public_error(error);
	u32 body_len = !status || (info->flags & QTFS_HANDSHAKE) ? info->rep_body : 0;

	if (status)
		call->reply_len = 0;
	reply_count(call, status);
	call->state = QTFSD_REPLIED;
	trace_qtfsd_call_replied(call, status);
	call_free_request(call);

	qtfs_hdr_init(hdr, qtfsd_call_op(call), sizeof(*hdr) + body_len + call->reply_len);
	hdr->flags = cpu_to_le16(QTFS_FRAME_REPLY);
	hdr->slot = call->hdr.slot;
	hdr->seq = call->hdr.seq;
	hdr->stamp = cpu_to_le64(call->stamp);
	hdr->status = cpu_to_le32(status);
	hdr->data_len = cpu_to_le32(call->reply_len);
	hdr->body_len = cpu_to_le16(body_len);

	if (call->session)
		qtfsd_session_unclaim(call->session, call, true);
	if (info->flags & QTFS_ONE_WAY)
		qtfsd_call_free(call);
	else
		reply_send(call);
}

/* Answers @call, a repeat, with the reply that was kept and is in it. */
void qtfsd_reply_again(struct qtfsd_call *call)
{
	call->state = QTFSD_REPLIED;
	call_free_request(call);
	reply_send(call);
}
