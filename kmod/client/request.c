// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: encoding, slots, sending, waiting, ending.  Replies: reply.c.
 *
 * A request has up to three owners, each with a reference: the caller, the
 * frame while the transport has it, and the slot while no reply has come.
 * Everything that the transport reads or writes belongs to the request (the
 * head is part of it, buffers are counted), so the caller may leave at any
 * time.
 *
 * A request is answered once: whoever takes it out of its slot, under
 * session->lock, ends it.  Only a link's thread does that, when the reply has
 * come in whole, or the session's end, when no link is left.  So a request keeps
 * its slot, and the slot's reference, while its reply is being received
 * (receiving: one link does that at a time).
 *
 * A request stays in its slot while there is no link, and is sent on the next
 * one.  It may have been sent before, on a link that is gone or so long ago that
 * it may have got lost; the server knows it by slot and sequence number and
 * carries it out once.  Its frame is in one link's queue at a time (sending): a
 * sender that comes late to a broken link gets the frame back, and whoever gets
 * it back sends it again.
 *
 * A caller that was killed, or has waited long enough, marks its request
 * abandoned.  The request keeps its slot, whose sequence number it has used.  If
 * it has to be sent again, it is a PING; objects that its reply brings are given
 * back at once.
 *
 * When the server has forgotten the session, all slots are emptied and the session
 * gets its next epoch, see epoch.c.  A request is of one epoch, that of its numbers,
 * and gets a slot in no other.
 */
#include "qtfs.h"

#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "frame.h"
#include "trace.h"

/* Pauses between sending and sending again double so often. */
#define RETRY_DOUBLINGS	6u

/*
 * Which capabilities the server is told about.  Those of another user name space
 * are none over files of the server, whose ids are of the initial one.
 */
static u64 cred_caps(const struct cred *cred, bool recovery)
{
	u64 caps;

	if (cred->user_ns != &init_user_ns)
		return 0;

	BUILD_BUG_ON(sizeof(cred->cap_effective) != sizeof(caps));
	memcpy(&caps, &cred->cap_effective, sizeof(caps));
	if (recovery)
		caps |= BIT_ULL(CAP_DAC_OVERRIDE) | BIT_ULL(CAP_DAC_READ_SEARCH);
	return caps;
}

void qtfs_request_put(struct qtfs_request *req)
{
	if (!refcount_dec_and_test(&req->ref))
		return;
	qtfs_buf_put(req->out);
	qtfs_buf_put(req->in);
	if (req->file)
		qtfs_file_put(req->session, req->file);
	qtfs_session_put(req->session);
	kvfree(req);
}

/* The frame is ours again: it was sent, or the link is broken. */
static void request_sent(struct qtfs_frame *frame, int error)
{
	struct qtfs_request *req = container_of(frame, struct qtfs_request, frame);
	struct qtfs_session *session = req->session;
	bool again;

	spin_lock(&session->lock);
	req->sending = false;
	again = !req->link;
	spin_unlock(&session->lock);
	/* The link was dropped meanwhile, and nobody could take the frame along. */
	if (again)
		qtfs_request_send(session, req);
	qtfs_request_put(req);
}

static void encode(struct qtfs_request *req, const struct qtfs_rpc *rpc, const struct cred *cred)
{
	const struct qtfs_op_info *info = qtfs_op_info(rpc->op);
	const struct group_info *groups = cred->group_info;
	struct qtfs_hdr *hdr = (void *)req->head;
	struct qtfs_req *body = (void *)(hdr + 1);
	u8 *p = (void *)(body + 1);
	int i;

	qtfs_hdr_init(hdr, rpc->op, req->head_len + rpc->out_len);
	hdr->data_len = cpu_to_le32(rpc->out_len);
	hdr->body_len = cpu_to_le16(info->req_body);

	memset(body, 0, sizeof(*body));
	body->node = cpu_to_le64(rpc->node);
	body->node2 = cpu_to_le64(rpc->node2);
	body->open = cpu_to_le64(rpc->open);
	body->uid = cpu_to_le32(from_kuid_munged(&init_user_ns, cred->fsuid));
	body->gid = cpu_to_le32(from_kgid_munged(&init_user_ns, cred->fsgid));
	body->caps = cpu_to_le64(cred_caps(cred, rpc->recovery));
	body->ngroups = cpu_to_le32(groups->ngroups);
	body->umask = cpu_to_le16(current->fs ? current_umask() : 0);
	body->pid = cpu_to_le32(task_pid_nr(current));

	if (info->req_body)
		memcpy(p, rpc->body, info->req_body);
	if (rpc->op == QTFS_OP_COPY)
		((struct qtfs_copy *)p)->from = cpu_to_le64(rpc->from_open);
	p += info->req_body;
	for (i = 0; i < groups->ngroups; i++, p += sizeof(__le32)) {
		__le32 gid = cpu_to_le32(from_kgid_munged(&init_user_ns, groups->gid[i]));

		memcpy(p, &gid, sizeof(gid));
	}
	for (i = 0; i < 2; i++) {
		body->name_len[i] = cpu_to_le16(rpc->name[i].len);
		memcpy(p, rpc->name[i].name, rpc->name[i].len);
		p += rpc->name[i].len;
	}
}

static struct qtfs_request *request_alloc(struct qtfs_session *session, const struct qtfs_rpc *rpc)
{
	const struct qtfs_op_info *info = qtfs_op_info(rpc->op);
	const struct cred *cred = rpc->cred ?: current_cred();
	struct qtfs_request *req;
	size_t head_len;

	BUILD_BUG_ON(sizeof(struct qtfs_lock_rep) > sizeof(req->reply) ||
		     sizeof(struct qtfs_open_rep) > sizeof(req->reply));

	head_len = sizeof(struct qtfs_hdr) + sizeof(struct qtfs_req) + info->req_body +
		   cred->group_info->ngroups * sizeof(__le32) +
		   rpc->name[0].len + rpc->name[1].len;
	req = kvmalloc(struct_size(req, head, head_len), GFP_KERNEL);
	if (!req)
		return NULL;

	memset(req, 0, offsetof(struct qtfs_request, head));
	refcount_set(&req->ref, 1);
	req->session = qtfs_session_get(session);
	req->op = rpc->op;
	req->slot = QTFS_NO_SLOT;
	req->known_node = rpc->node2;
	req->started = ktime_get();
	req->asked = jiffies;
	req->pid = task_pid_nr(current);
	get_task_comm(req->comm, current);
	INIT_LIST_HEAD(&req->list);
	req->age.epoch = rpc->epoch;
	req->age.version = atomic64_read(&session->version);
	init_completion(&req->done);
	req->head_len = head_len;
	req->frame.head.iov_base = req->head;
	req->frame.head.iov_len = head_len;
	req->frame.done = request_sent;
	if (rpc->out_len) {
		refcount_inc(&rpc->out->ref);
		req->out = rpc->out;
		qtfs_buf_iter(req->out, ITER_SOURCE, rpc->out_len, &req->frame.data);
		/* Folios under write-back, a pinned caller's, or pages of ours. */
		req->frame.lend = req->out->nr_bvecs;
	}
	if (rpc->in_max) {
		refcount_inc(&rpc->in->ref);
		req->in = rpc->in;
		req->in_max = rpc->in_max;
	}
	encode(req, rpc, cred);
	return req;
}

/*
 * Puts @req into a free slot.  Returns 0, -EAGAIN when all are taken,
 * -QTFS_RESTARTED when its numbers are of an earlier epoch, or why the session has
 * ended.
 */
static int slot_try(struct qtfs_session *session, struct qtfs_request *req)
{
	struct qtfs_hdr *hdr = (void *)req->head;
	int error = 0;
	u32 slot;

	spin_lock(&session->lock);
	if (session->error) {
		error = session->error;
		goto unlock;
	}
	if (req->age.epoch != session->epoch) {
		error = -QTFS_RESTARTED;
		goto unlock;
	}
	slot = find_first_bit(session->free_slots, session->nr_slots);
	if (slot >= session->nr_slots) {
		error = -EAGAIN;
		goto unlock;
	}
	__clear_bit(slot, session->free_slots);
	session->slots[slot] = req;
	refcount_inc(&req->ref);
	req->slot = slot;
	req->seq = ++session->seqs[slot];
	hdr->slot = cpu_to_le32(slot);
	hdr->seq = cpu_to_le64(req->seq);
unlock:
	spin_unlock(&session->lock);
	return error;
}

/* Waits for a slot on a soft mount. */
static int slot_wait_soft(struct qtfs_session *session, struct qtfs_request *req)
{
	unsigned long timeout = msecs_to_jiffies(qtfs_session_patience(session));
	int error = -EAGAIN;
	long left;

	left = wait_event_killable_timeout(session->slot_wait,
					   (error = slot_try(session, req)) != -EAGAIN, timeout);
	if (left < 0)
		return -EINTR;
	return left ? error : -ETIMEDOUT;
}

int qtfs_slot_get(struct qtfs_session *session, struct qtfs_request *req, bool wait)
{
	int error = slot_try(session, req);
	int interrupted;

	if (error != -EAGAIN || !wait)
		return error;

	atomic64_inc(&session->slot_waits);
	trace_qtfs_request_queued(req);
	if (READ_ONCE(session->patience.soft))
		return slot_wait_soft(session, req);
	interrupted = wait_event_killable_exclusive(session->slot_wait,
						    (error = slot_try(session, req)) != -EAGAIN);
	/* A wake-up that was taken with the signal is for the next in line. */
	if (interrupted) {
		wake_up(&session->slot_wait);
		return -EINTR;
	}
	return error;
}

void qtfs_slot_put_locked(struct qtfs_session *session, struct qtfs_request *req)
{
	session->slots[req->slot] = NULL;
	__set_bit(req->slot, session->free_slots);
}

/* Makes @req, which nobody waits for, a request for nothing. */
static void request_void(struct qtfs_request *req)
{
	struct qtfs_hdr *hdr = (void *)req->head;
	u32 len = sizeof(*hdr) + sizeof(struct qtfs_req);

	hdr->op = cpu_to_le16(QTFS_OP_PING);
	hdr->len = cpu_to_le32(len);
	hdr->data_len = 0;
	hdr->body_len = 0;
	memset(hdr + 1, 0, sizeof(struct qtfs_req));
	req->frame.head.iov_len = len;
	iov_iter_truncate(&req->frame.data, 0);
}

/* Prepares a request that was sent before. */
static void request_rewind(struct qtfs_request *req, bool abandoned)
{
	struct qtfs_hdr *hdr = (void *)req->head;

	hdr->flags |= cpu_to_le16(QTFS_FRAME_RESENT);
	if (abandoned)
		request_void(req);
	else if (req->out)
		qtfs_buf_iter(req->out, ITER_SOURCE, le32_to_cpu(hdr->data_len),
			      &req->frame.data);
	atomic64_inc(&req->session->resent);
}

/* How a request is sent. */
struct sending {
	struct qtfs_link *link;		/* NULL: not now */
	bool again;
	bool abandoned;
};

/* What others should not have to wait behind. */
#define BULK_BYTES	(16 << 10)

/* By which lane @req goes: see link.c. */
static unsigned int request_lane(const struct qtfs_session *session,
				 const struct qtfs_request *req)
{
	const struct qtfs_hdr *hdr = (const void *)req->head;
	size_t bytes = max_t(size_t, le32_to_cpu(hdr->data_len), req->in_max);

	if (session->nr_lanes == 1 || bytes <= BULK_BYTES)
		return 0;
	return 1 + req->slot % (session->nr_lanes - 1);
}

/* Finds @req a link and makes its frame the link's.  Under session->lock. */
static struct sending send_prepare(struct qtfs_session *session, struct qtfs_request *req)
{
	struct sending sending = {
		.again = req->attempts,
		.abandoned = req->abandoned,
	};

	if (session->slots[req->slot] != req || req->sending || req->receiving)
		return sending;
	sending.link = qtfs_link_get(session, request_lane(session, req));
	if (!sending.link)
		return sending;
	req->link = sending.link;
	req->sending = true;
	req->sent = jiffies;
	req->attempts++;
	refcount_inc(&req->ref);
	return sending;
}

static void send_begin(struct qtfs_request *req, const struct sending *sending)
{
	if (!sending->link)
		return;
	if (sending->again)
		request_rewind(req, sending->abandoned);
	trace_qtfs_request_send(req);
	qtfs_conn_send(&sending->link->conn, &req->frame);
	qtfs_conn_put(&sending->link->conn);
}

void qtfs_request_send(struct qtfs_session *session, struct qtfs_request *req)
{
	struct sending sending = {};

	spin_lock(&session->lock);
	if (!req->link)
		sending = send_prepare(session, req);
	spin_unlock(&session->lock);
	send_begin(req, &sending);
}

/* Sends @req again if no answer has come for @timeo ms; each time it waits longer. */
void qtfs_request_retry(struct qtfs_request *req, unsigned int timeo)
{
	struct qtfs_session *session = req->session;
	struct sending sending = {};
	unsigned long wait;

	spin_lock(&session->lock);
	wait = msecs_to_jiffies(timeo) << min(req->retries, RETRY_DOUBLINGS);
	if (req->link && time_after_eq(jiffies, req->sent + wait)) {
		sending = send_prepare(session, req);
		if (sending.link)
			req->retries++;
	}
	spin_unlock(&session->lock);
	send_begin(req, &sending);
}

/* @link is stopped: what it carried is free for another one. */
void qtfs_requests_detach(struct qtfs_session *session, struct qtfs_link *link)
{
	u32 slot;

	for (slot = 0; slot < session->slots_top; slot++) {
		struct qtfs_request *req;

		spin_lock(&session->lock);
		req = session->slots[slot];
		if (req && req->link == link)
			req->link = NULL;
		spin_unlock(&session->lock);
	}
}

/* Sends all that wait for a link. */
void qtfs_requests_resend(struct qtfs_session *session)
{
	u32 slot;

	for (slot = 0; slot < session->slots_top; slot++) {
		struct qtfs_request *req;

		spin_lock(&session->lock);
		req = session->slots[slot];
		if (req)
			refcount_inc(&req->ref);
		spin_unlock(&session->lock);
		if (!req)
			continue;
		qtfs_request_send(session, req);
		qtfs_request_put(req);
	}
}

void qtfs_request_end(struct qtfs_request *req, int error)
{
	struct qtfs_session *session = req->session;
	bool abandoned;

	spin_lock(&session->lock);
	if (!req->abandoned)
		req->error = error;
	spin_unlock(&session->lock);
	trace_qtfs_request_end(req);
	qtfs_stats_count(req);
	if (error)
		atomic64_inc(&session->errors[req->op]);

	spin_lock(&session->lock);
	abandoned = req->abandoned;
	if (!abandoned)
		complete(&req->done);
	spin_unlock(&session->lock);
	wake_up(&session->slot_wait);
	if (abandoned && !error)
		qtfs_reply_give_back(req);
	else if (!abandoned && req->complete)
		req->complete(req);
	qtfs_request_put(req);
}

/* Ends what nobody waits for in person, and whose reply isn't coming just now. */
void qtfs_request_time_out(struct qtfs_request *req)
{
	struct qtfs_session *session = req->session;
	bool mine;

	spin_lock(&session->lock);
	mine = session->slots[req->slot] == req && req->complete && !req->receiving &&
	       !req->abandoned;
	if (mine) {
		req->abandoned = true;
		req->error = -ETIMEDOUT;
	}
	spin_unlock(&session->lock);
	if (!mine)
		return;
	atomic64_inc(&session->errors[req->op]);
	req->complete(req);
}

/* A CANCEL under way. */
struct cancel {
	struct qtfs_frame frame;
	struct {
		struct qtfs_hdr hdr;
		struct qtfs_req req;
		struct qtfs_cancel body;
	} __packed wire;
};

static void cancel_sent(struct qtfs_frame *frame, int error)
{
	kfree(container_of(frame, struct cancel, frame));
}

/* Tells the server that nobody waits for @req, if it can be told: it's no more than a hint. */
static void request_cancel(struct qtfs_request *req)
{
	struct qtfs_session *session = req->session;
	struct cancel *cancel = kzalloc(sizeof(*cancel), GFP_NOFS | __GFP_NOWARN);
	struct qtfs_link *link;

	if (!cancel)
		return;
	qtfs_hdr_init(&cancel->wire.hdr, QTFS_OP_CANCEL, sizeof(cancel->wire));
	cancel->wire.hdr.body_len = cpu_to_le16(sizeof(cancel->wire.body));
	cancel->wire.body.seq = cpu_to_le64(req->seq);
	cancel->wire.body.slot = cpu_to_le32(req->slot);
	cancel->frame.head.iov_base = &cancel->wire;
	cancel->frame.head.iov_len = sizeof(cancel->wire);
	cancel->frame.done = cancel_sent;

	spin_lock(&session->lock);
	link = qtfs_link_get(session, request_lane(session, req));
	spin_unlock(&session->lock);
	if (!link) {
		kfree(cancel);
		return;
	}
	atomic64_inc(&session->requests[QTFS_OP_CANCEL]);
	qtfs_conn_send(&link->conn, &cancel->frame);
	qtfs_conn_put(&link->conn);
}

/* Waits for @req.  The caller's reference is gone after. */
static int request_wait(struct qtfs_request *req, struct qtfs_rpc *rpc)
{
	struct qtfs_session *session = req->session;
	unsigned long timeout = rpc->timeout;
	long left;
	int error;

	if (!timeout && READ_ONCE(session->patience.soft))
		timeout = msecs_to_jiffies(qtfs_session_patience(session));
	left = wait_for_completion_killable_timeout(&req->done,
						    timeout ?: MAX_SCHEDULE_TIMEOUT);
	if (left <= 0) {
		spin_lock(&session->lock);
		req->abandoned = !completion_done(&req->done);
		error = req->abandoned ? (left ? -EINTR : -ETIMEDOUT) : 0;
		spin_unlock(&session->lock);
		if (error) {
			rpc->sent = true;
			request_cancel(req);
			qtfs_request_put(req);
			return error;
		}
	}

	error = req->error;
	rpc->sent = req->attempts;
	rpc->in_len = req->in_len;
	rpc->age = req->age;
	if (!error && rpc->reply)
		memcpy(rpc->reply, req->reply, qtfs_op_info(req->op)->rep_body);
	qtfs_request_put(req);
	return error;
}

/* Finds the numbers for @rpc, after a restart of the server once what was open is open again. */
static int rpc_prepare(struct qtfs_session *session, struct qtfs_rpc *rpc, bool wait)
{
	int error;

	while ((error = qtfs_rpc_resolve(session, rpc)) == -QTFS_RESTARTED && !rpc->recovery) {
		if (!wait)
			return -EAGAIN;
		error = qtfs_recover_wait(session);
		if (error)
			break;
	}
	return error;
}

static int call_once(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	struct qtfs_request *req;
	int error;

	rpc->sent = false;
	error = rpc_prepare(session, rpc, true);
	if (error)
		return error;
	req = request_alloc(session, rpc);
	if (!req)
		return -ENOMEM;
	error = qtfs_slot_get(session, req, true);
	if (error) {
		qtfs_request_put(req);
		return error;
	}
	atomic64_inc(&session->requests[req->op]);
	qtfs_request_send(session, req);
	return request_wait(req, rpc);
}

/*
 * Whether a dentry that @rpc names has got another number since: then the one that was
 * sent may have been given back before it arrived, and nothing was done.
 */
static bool renumbered(const struct qtfs_rpc *rpc)
{
	u64 epoch;

	return (rpc->dentry && qtfs_dentry_node(rpc->dentry, &epoch) != rpc->node) ||
	       (rpc->dentry2 && qtfs_dentry_node(rpc->dentry2, &epoch) != rpc->node2) ||
	       (rpc->known && rpc->node2 && qtfs_dentry_node(rpc->known, &epoch) != rpc->node2);
}

int qtfs_rpc_call(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	bool maybe_done = false;
	unsigned int fault;
	int error, may;

	if (qtfs_fault(QTFS_FAULT_FAIL, rpc->op, &fault))
		return -(int)fault;
	for (;;) {
		error = call_once(session, rpc);
		if (error == -ESTALE && renumbered(rpc))
			continue;
		if (error != -QTFS_RESTARTED || rpc->recovery)
			break;
		if (!rpc->sent)
			continue;
		maybe_done = true;
		may = qtfs_replay_begin(session, rpc);
		if (may <= 0)
			return may;
	}
	return maybe_done ? qtfs_replay_result(session, rpc, error) : error;
}

static void nobody_cares(struct qtfs_request *req)
{
}

static int start_once(struct qtfs_session *session, struct qtfs_rpc *rpc, bool wait,
		      void (*complete)(struct qtfs_request *req), void *private)
{
	struct qtfs_request *req;
	int error;

	error = rpc_prepare(session, rpc, wait);
	if (error)
		return error;
	req = request_alloc(session, rpc);
	if (!req)
		return -ENOMEM;
	req->complete = complete ?: nobody_cares;
	req->private = private;
	if (rpc->op == QTFS_OP_READ || rpc->op == QTFS_OP_WRITE) {
		refcount_inc(&rpc->file->ref);
		req->file = rpc->file;
	}

	error = qtfs_slot_get(session, req, wait);
	if (!error) {
		atomic64_inc(&session->requests[req->op]);
		qtfs_request_send(session, req);
	}
	qtfs_request_put(req);
	return error;
}

int qtfs_rpc_start(struct qtfs_session *session, struct qtfs_rpc *rpc, bool wait,
		   void (*complete)(struct qtfs_request *req), void *private)
{
	int error;

	do {
		error = start_once(session, rpc, wait, complete, private);
	} while (error == -QTFS_RESTARTED);
	return error;
}
