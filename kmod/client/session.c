// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: connecting, saying hello, ending.
 *
 * A session has one owner, a super block, which opens and closes it, and counted
 * references to its memory: the owner's, the connection's, and one for each
 * request.  The last of them may be put by the connection's own thread or by a
 * sender, so nothing is waited for then; all waiting is in qtfs_session_close().
 */
#include "qtfs.h"

#include <linux/random.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#include "frame.h"

/* With ATTACH's in super.c these add up to less than the ten seconds a mount may take. */
#define CONNECT_TIMEOUT		(3 * HZ)
#define HELLO_TIMEOUT		(3 * HZ)

/* HELLO and its answer; the connection's frame and its owner wait for both. */
struct qtfs_hello_frame {
	struct qtfs_frame frame;
	refcount_t ref;			/* session and frame */
	int error;
	struct qtfs_hello_rep rep;

	struct {
		struct qtfs_hdr hdr;
		struct qtfs_req req;
		struct qtfs_hello body;
		char label[QTFS_LABEL_MAX];
	} __packed wire;
};

static void hello_put(struct qtfs_hello_frame *hello)
{
	if (refcount_dec_and_test(&hello->ref))
		kfree(hello);
}

static void hello_sent(struct qtfs_frame *frame, int error)
{
	hello_put(container_of(frame, struct qtfs_hello_frame, frame));
}

static size_t hello_label(char *label)
{
	const char *node = init_utsname()->nodename;
	size_t len = 0;

	for (; node[len] && len < QTFS_LABEL_MAX; len++)
		label[len] = node[len] >= 0x20 && node[len] <= 0x7e ? node[len] : '?';
	return len;
}

static struct qtfs_hello_frame *hello_alloc(struct qtfs_session *session)
{
	struct qtfs_hello_frame *hello = kzalloc(sizeof(*hello), GFP_KERNEL);
	size_t label_len, len;

	if (!hello)
		return NULL;
	refcount_set(&hello->ref, 1);
	hello->error = -ETIMEDOUT;

	label_len = hello_label(hello->wire.label);
	len = offsetof(typeof(hello->wire), label) + label_len;
	hello->wire.hdr.magic = cpu_to_le32(QTFS_MAGIC);
	hello->wire.hdr.len = cpu_to_le32(len);
	hello->wire.hdr.op = cpu_to_le16(QTFS_OP_HELLO);
	hello->wire.hdr.slot = cpu_to_le32(QTFS_NO_SLOT);
	hello->wire.hdr.body_len = cpu_to_le16(sizeof(hello->wire.body));
	hello->wire.req.name_len[0] = cpu_to_le16(label_len);
	memcpy(hello->wire.body.client, session->client, sizeof(session->client));
	hello->wire.body.epoch = cpu_to_le64(session->epoch);
	hello->wire.body.max_data = cpu_to_le32(QTFS_DATA_DEFAULT);
	hello->wire.body.slots = cpu_to_le32(QTFS_SLOTS_DEFAULT);
	hello->wire.body.version = cpu_to_le16(QTFS_VERSION);
	hello->wire.body.version_min = cpu_to_le16(QTFS_VERSION_MIN);

	hello->frame.head.iov_base = &hello->wire;
	hello->frame.head.iov_len = len;
	hello->frame.done = hello_sent;
	return hello;
}

/* Judges the server's answer.  Returns 0 or why there can be no session. */
static int hello_accept(struct qtfs_session *session, const struct qtfs_hdr *hdr,
			const struct qtfs_hello_rep *rep)
{
	u32 max_data = le32_to_cpu(rep->max_data);
	u32 slots = le32_to_cpu(rep->slots);

	if (hdr->status)
		return -(int)le32_to_cpu(hdr->status);
	if (max_data < QTFS_DATA_MIN || max_data > QTFS_DATA_DEFAULT ||
	    !slots || slots > QTFS_SLOTS_MAX || rep->features ||
	    le16_to_cpu(rep->version) != QTFS_VERSION)
		return -EPROTO;

	session->slots = kvcalloc(slots, sizeof(*session->slots), GFP_KERNEL);
	session->seqs = kvcalloc(slots, sizeof(*session->seqs), GFP_KERNEL);
	session->free_slots = bitmap_zalloc(slots, GFP_KERNEL);
	if (!session->slots || !session->seqs || !session->free_slots)
		return -ENOMEM;

	bitmap_fill(session->free_slots, slots);
	memcpy(session->boot, rep->boot, sizeof(session->boot));
	session->id = le64_to_cpu(rep->session);
	session->max_data = max_data;
	session->nr_slots = slots;
	spin_lock(&session->lock);
	session->state = QTFS_SESSION_CONNECTED;
	spin_unlock(&session->lock);
	return 0;
}

static int hello_receive(struct qtfs_session *session, struct qtfs_conn *conn)
{
	struct qtfs_hello_frame *hello = session->hello;
	struct qtfs_hdr hdr;
	int error;

	error = qtfs_conn_recv(conn, &hdr, sizeof(hdr));
	if (!error && (qtfs_check_hdr(&hdr, true, QTFS_DATA_MIN) ||
		       le16_to_cpu(hdr.op) != QTFS_OP_HELLO))
		error = -EPROTO;
	if (!error)
		error = qtfs_conn_recv(conn, &hello->rep, sizeof(hello->rep));
	if (!error)
		error = hello_accept(session, &hdr, &hello->rep);
	hello->error = error;
	complete(&session->hello_done);
	return error;
}

static int session_receive(struct qtfs_conn *conn)
{
	struct qtfs_session *session = container_of(conn, struct qtfs_session, conn);

	/* Written by this thread alone, but for the error that ends it. */
	if (READ_ONCE(session->state) == QTFS_SESSION_CONNECTING)
		return hello_receive(session, conn);
	return qtfs_request_receive(session, conn);
}

static void session_closed(struct qtfs_conn *conn, int error)
{
	struct qtfs_session *session = container_of(conn, struct qtfs_session, conn);
	bool was_up;

	spin_lock(&session->lock);
	was_up = session->state == QTFS_SESSION_CONNECTED;
	session->state = QTFS_SESSION_DOWN;
	session->error = -EIO;
	spin_unlock(&session->lock);

	if (was_up && error != -ESHUTDOWN)
		qtfs_log(WARN, "%s: connection lost (%d)", session->addr.text, error);
	qtfs_requests_fail(session, -EIO);
}

static void session_conn_release(struct qtfs_conn *conn)
{
	qtfs_session_put(container_of(conn, struct qtfs_session, conn));
}

static const struct qtfs_conn_ops session_conn_ops = {
	.receive = session_receive,
	.closed = session_closed,
	.release = session_conn_release,
};

static int session_hello(struct qtfs_session *session, struct fs_context *fc)
{
	struct qtfs_hello_frame *hello;
	const struct qtfs_hello_rep *rep;
	long left;
	int error;

	hello = hello_alloc(session);
	if (!hello)
		return -ENOMEM;
	session->hello = hello;

	error = qtfs_conn_start(&session->conn, "qtfs-rx");
	if (error)
		return error;
	refcount_inc(&hello->ref);
	qtfs_conn_send(&session->conn, &hello->frame);

	left = wait_for_completion_killable_timeout(&session->hello_done, HELLO_TIMEOUT);
	if (left < 0)
		return -EINTR;
	if (!left) {
		errorfc(fc, "%s: no answer to the greeting: is a qtfs server listening there?",
			session->addr.text);
		return -ETIMEDOUT;
	}

	rep = &hello->rep;
	if (hello->error == -EPROTONOSUPPORT)
		errorfc(fc, "%s: the server speaks versions %u to %u of the protocol, we %u to %u",
			session->addr.text, le16_to_cpu(rep->version_min),
			le16_to_cpu(rep->version), QTFS_VERSION_MIN, QTFS_VERSION);
	else if (hello->error)
		errorfc(fc, "%s: the greeting failed: error %d (is that a qtfs server?)",
			session->addr.text, hello->error);
	return hello->error;
}

static struct qtfs_session *session_alloc(const struct qtfs_transport *transport,
					  const struct qtfs_addr *addr)
{
	struct qtfs_session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return NULL;
	if (qtfs_stats_init(session)) {
		kfree(session);
		return NULL;
	}
	kref_init(&session->ref);
	session->transport = transport;
	session->addr = *addr;
	session->net = get_net(addr->net);
	get_random_bytes(session->client, sizeof(session->client));
	session->epoch = 1;
	spin_lock_init(&session->lock);
	init_completion(&session->hello_done);
	init_waitqueue_head(&session->slot_wait);
	init_llist_head(&session->forgets);
	init_llist_head(&session->releases);
	INIT_WORK(&session->give_back, qtfs_give_back_work);
	init_llist_head(&session->notifications);
	INIT_WORK(&session->notify_work, qtfs_notify_work);
	init_completion(&session->kobj_released);

	qtfs_conn_init(&session->conn, transport, &session_conn_ops);
	qtfs_session_get(session);	/* put by session_conn_release() */
	return session;
}

struct qtfs_session *qtfs_session_open(struct fs_context *fc,
				       const struct qtfs_transport *transport,
				       const struct qtfs_addr *addr)
{
	struct qtfs_session *session;
	int error;

	session = session_alloc(transport, addr);
	if (!session)
		return ERR_PTR(-ENOMEM);

	error = transport->connect(&session->conn, addr, CONNECT_TIMEOUT);
	if (error) {
		errorfc(fc, "%s: cannot connect: error %d", addr->text, error);
		goto err_conn;
	}
	error = session_hello(session, fc);
	if (error)
		goto err_conn;
	error = qtfs_sysfs_add(session);
	if (error)
		goto err_conn;
	return session;

err_conn:
	qtfs_conn_stop(&session->conn);
	qtfs_conn_put(&session->conn);
	qtfs_session_put(session);
	return ERR_PTR(error);
}

/* Stops what works on the super block from the side: after it, only requests are served. */
void qtfs_session_quiesce(struct qtfs_session *session)
{
	WRITE_ONCE(session->quiet, true);
	cancel_work_sync(&session->notify_work);
}

void qtfs_session_close(struct qtfs_session *session)
{
	qtfs_sysfs_del(session);
	/* The server forgets and releases everything when the connection goes. */
	qtfs_conn_stop(&session->conn);
	cancel_work_sync(&session->give_back);
	qtfs_conn_put(&session->conn);
	qtfs_session_put(session);
}

struct qtfs_session *qtfs_session_get(struct qtfs_session *session)
{
	kref_get(&session->ref);
	return session;
}

static void session_free(struct kref *ref)
{
	struct qtfs_session *session = container_of(ref, struct qtfs_session, ref);

	qtfs_give_back_drop(session);
	qtfs_notify_drop(session);
	if (session->hello)
		hello_put(session->hello);
	kvfree(session->slots);
	kvfree(session->seqs);
	bitmap_free(session->free_slots);
	qtfs_stats_exit(session);
	put_net(session->net);
	kfree(session);
}

void qtfs_session_put(struct qtfs_session *session)
{
	kref_put(&session->ref, session_free);
}
