// SPDX-License-Identifier: GPL-2.0
/*
 * Links: the connections of a session, and making them again.
 *
 * A session has lanes, places for one connection each.  A link is one connection
 * in a lane, from the attempt to connect to its last reference; a lane goes
 * through many.  A lane's work item makes the next link and is the only one that
 * does, but for the first, which the mount makes itself:
 *
 *	link_drop	the old link is stopped: its thread and its sender are
 *			gone, every frame is done.  Only now the requests that it
 *			carried are free to be sent on another link
 *	link_open	connect, AUTH if there is a key, HELLO, its answer
 *	link_use	requests may be sent on it; those that wait are
 *
 * The first lane is for small requests, the others, if there are any, for those with
 * much data either way; any lane is better than none.
 *
 * The link's thread says that it has closed by queueing the work item.  Where an
 * attempt fails, or a link brings no answer, the next attempt comes later: from
 * RETRY_MIN_MS, doubled each time up to RETRY_MAX_MS, half of it by chance, so
 * that the clients of a server that comes back don't all come at once.
 *
 * A HELLO after the first says that the session exists.  If the server answers
 * ESTALE, it has forgotten all of it, and the next HELLO begins another one
 * (recover.c).
 *
 * Locks: session->lock protects lane->link, link->usable and link->broken.  A
 * sender takes a reference to the link under it.
 */
#include "qtfs.h"

#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "frame.h"

/* With ATTACH's in super.c these add up to less than the ten seconds a mount may take. */
#define CONNECT_TIMEOUT		(3 * HZ)
#define GREETING_TIMEOUT		(3 * HZ)

#define RETRY_MIN_MS		50u
#define RETRY_MAX_MS		5000u
#define RETRY_DOUBLINGS		7u

static struct qtfs_link *to_link(struct qtfs_conn *conn)
{
	return container_of(conn, struct qtfs_link, conn);
}

static void hello_sent(struct qtfs_frame *frame, int error)
{
	/* The frame is part of the link, which outlives it: qtfs_conn_stop(). */
}

static void ping_sent(struct qtfs_frame *frame, int error)
{
	struct qtfs_link *link = container_of(frame, struct qtfs_link, ping);
	struct qtfs_session *session = link->lane->session;

	spin_lock(&session->lock);
	link->ping_sending = false;
	spin_unlock(&session->lock);
}

static void ping_encode(struct qtfs_link *link)
{
	qtfs_hdr_init(&link->ping_wire.hdr, QTFS_OP_PING, sizeof(link->ping_wire));
	link->ping.head.iov_base = &link->ping_wire;
	link->ping.head.iov_len = sizeof(link->ping_wire);
	link->ping.done = ping_sent;
}

static size_t hello_label(char *label)
{
	const char *node = init_utsname()->nodename;
	size_t len = 0;

	for (; node[len] && len < QTFS_LABEL_MAX; len++)
		label[len] = node[len] >= 0x20 && node[len] <= 0x7e ? node[len] : '?';
	return len;
}

static u64 hello_features(const struct qtfs_session *session)
{
	return session->crc && qtfs_crc_available() ? QTFS_FEATURE_CRC : 0;
}

static void hello_encode(struct qtfs_link *link)
{
	struct qtfs_session *session = link->lane->session;
	size_t label_len = hello_label(link->wire.label);
	size_t len = offsetof(typeof(link->wire), label) + label_len;

	qtfs_hdr_init(&link->wire.hdr, QTFS_OP_HELLO, len);
	link->wire.hdr.body_len = cpu_to_le16(sizeof(link->wire.body));
	link->wire.req.name_len[0] = cpu_to_le16(label_len);
	memcpy(link->wire.body.client, session->client, sizeof(session->client));
	link->wire.body.epoch = cpu_to_le64(session->epoch);
	link->wire.body.max_data = cpu_to_le32(session->max_data ?: QTFS_DATA_DEFAULT);
	link->wire.body.slots = cpu_to_le32(session->nr_slots ?: QTFS_SLOTS_DEFAULT);
	link->wire.body.version = cpu_to_le16(QTFS_VERSION);
	link->wire.body.version_min = cpu_to_le16(QTFS_VERSION_MIN);
	link->wire.body.conn = cpu_to_le16(link->lane->index);
	link->wire.body.features = cpu_to_le64(hello_features(session));
	if (session->joined)
		link->wire.body.flags = cpu_to_le16(QTFS_HELLO_REJOIN);

	link->frame.head.iov_base = &link->wire;
	link->frame.head.iov_len = len;
	link->frame.done = hello_sent;
}

/* Judges the server's answer.  Returns 0 or why the link is of no use. */
static int hello_accept(struct qtfs_session *session, const struct qtfs_hdr *hdr,
			const struct qtfs_hello_rep *rep)
{
	u32 max_data = le32_to_cpu(rep->max_data);
	u32 slots = le32_to_cpu(rep->slots);

	if (hdr->status)
		return -(int)le32_to_cpu(hdr->status);
	if (max_data < QTFS_DATA_MIN || max_data > QTFS_DATA_DEFAULT ||
	    !slots || slots > QTFS_SLOTS_MAX ||
	    (rep->features & ~cpu_to_le64(hello_features(session))) ||
	    le16_to_cpu(rep->version) != QTFS_VERSION)
		return -EPROTO;
	if (!session->nr_slots)
		return qtfs_session_begin(session, rep);
	/* Requests of this size are under way. */
	if (max_data != session->max_data || slots > session->nr_slots)
		return -EPROTO;
	if (!session->joined)
		return qtfs_session_begin_again(session, rep);
	/* What was agreed stays agreed. */
	if (le64_to_cpu(rep->session) != session->id || slots != session->nr_slots ||
	    memcmp(rep->boot, session->boot, sizeof(session->boot)))
		return -EPROTO;
	return 0;
}

/* What has been asked of the server. */
static unsigned int greeting_op(const struct qtfs_link *link)
{
	return link->lane->session->key && !READ_ONCE(link->proven) ? QTFS_OP_AUTH :
								      QTFS_OP_HELLO;
}

/* Receives the answer to HELLO, or to AUTH before it. */
static int hello_receive(struct qtfs_link *link)
{
	struct qtfs_hdr hdr;
	int error;

	error = qtfs_conn_recv(&link->conn, &hdr, sizeof(hdr));
	if (!error && (qtfs_check_hdr(&hdr, true, QTFS_DATA_MIN) ||
		       le16_to_cpu(hdr.op) != greeting_op(link)))
		error = -EPROTO;
	if (!error && le16_to_cpu(hdr.op) == QTFS_OP_AUTH)
		return qtfs_auth_receive(link, &hdr);
	if (!error)
		error = qtfs_conn_recv(&link->conn, &link->rep, sizeof(link->rep));
	if (!error)
		error = hello_accept(link->lane->session, &hdr, &link->rep);
	/* From the next frame on. */
	link->conn.crc = !error && (link->rep.features & cpu_to_le64(QTFS_FEATURE_CRC));
	link->greeted = true;
	link->error = error;
	complete(&link->greeting);
	return error;
}

static void link_answers(struct qtfs_link *link)
{
	struct qtfs_session *session = link->lane->session;

	spin_lock(&session->lock);
	link->pinging = false;
	link->suspect = false;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);
}

static int link_receive(struct qtfs_conn *conn)
{
	struct qtfs_link *link = to_link(conn);
	int error = link->greeted ? qtfs_request_receive(link) : hello_receive(link);

	/* Whatever it was: the server is there. */
	WRITE_ONCE(link->heard, jiffies);
	if (READ_ONCE(link->pinging))
		link_answers(link);
	return error;
}

static unsigned long retry_delay(struct qtfs_lane *lane)
{
	unsigned int ms = RETRY_MIN_MS << min(lane->failures, RETRY_DOUBLINGS);

	ms = min(ms, RETRY_MAX_MS);
	return msecs_to_jiffies(ms / 2 + get_random_u32() % (ms / 2));
}

/* The next attempt: at once if the last link was a good one. */
static void lane_retry(struct qtfs_lane *lane)
{
	unsigned long delay = lane->failures ? retry_delay(lane) : 0;

	lane->failures = min(lane->failures + 1, RETRY_DOUBLINGS);
	queue_delayed_work(qtfs_link_wq, &lane->work, delay);
}

static void link_closed(struct qtfs_conn *conn, int error)
{
	struct qtfs_link *link = to_link(conn);
	struct qtfs_lane *lane = link->lane;
	struct qtfs_session *session = lane->session;
	bool lost;

	if (!link->greeted) {
		link->error = error;
		complete(&link->greeting);
	}
	spin_lock(&session->lock);
	link->broken = true;
	/* Under the lock: who ends the session sets the error before it cancels. */
	lost = link->usable && !session->error;
	if (lost) {
		/* Nobody else touches it while a link is in use. */
		if (link->answers)
			lane->failures = 0;
		lane_retry(lane);
	}
	link->usable = false;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);
	if (lost)
		qtfs_log(WARN, "%s: connection lost (%d)", session->addr.text, error);
}

static void link_release(struct qtfs_conn *conn)
{
	struct qtfs_link *link = to_link(conn);
	struct qtfs_session *session = link->lane->session;

	kfree(link);
	qtfs_session_put(session);
}

static const struct qtfs_conn_ops link_conn_ops = {
	.receive = link_receive,
	.closed = link_closed,
	.release = link_release,
};

static struct qtfs_link *link_alloc(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *link = kzalloc(sizeof(*link), GFP_KERNEL);

	if (!link)
		return NULL;
	link->lane = lane;
	qtfs_session_get(session);
	init_completion(&link->greeting);
	qtfs_conn_init(&link->conn, session->transport, &link_conn_ops);
	hello_encode(link);
	ping_encode(link);
	return link;
}

/* Waits for the next answer, or the end of the connection, until the link's deadline. */
int qtfs_link_greeting(struct qtfs_link *link)
{
	long left = max_t(long, link->deadline - jiffies, 1);

	left = wait_for_completion_killable_timeout(&link->greeting, left);
	if (left < 0)
		return -EINTR;
	return left ? link->error : -ETIMEDOUT;
}

static int link_greet(struct qtfs_link *link)
{
	int error;

	link->deadline = jiffies + GREETING_TIMEOUT;
	error = qtfs_conn_start(&link->conn, "qtfs-rx");
	if (!error && link->lane->session->key)
		error = qtfs_auth_link(link);
	if (error)
		return error;
	qtfs_conn_send(&link->conn, &link->frame);
	return qtfs_link_greeting(link);
}

/* Stops the lane's link, if it has one; what it carried waits for another. */
static void link_drop(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *link = lane->link;

	if (!link)
		return;
	qtfs_conn_stop(&link->conn);
	spin_lock(&session->lock);
	link->usable = false;
	lane->link = NULL;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);

	atomic64_add(atomic64_read(&link->conn.bytes_sent), &session->bytes_sent);
	atomic64_add(atomic64_read(&link->conn.bytes_received), &session->bytes_received);
	qtfs_requests_detach(session, link);
	qtfs_conn_put(&link->conn);
}

/*
 * Makes a connection in @lane, which has none, and says HELLO.  Killable, and ends
 * in less than ten seconds.  @fc: whose log is told what went wrong, or NULL.
 */
int qtfs_link_open(struct qtfs_lane *lane, struct fs_context *fc)
{
	struct qtfs_session *session = lane->session;
	const char *addr = session->addr.text;
	struct qtfs_link *link;
	bool greeted = false;
	int error;

	link = link_alloc(lane);
	if (!link)
		return -ENOMEM;
	/* So that the session's end finds it. */
	spin_lock(&session->lock);
	lane->link = link;
	spin_unlock(&session->lock);

	error = session->transport->connect(&link->conn, &session->addr, CONNECT_TIMEOUT);
	if (error && fc)
		errorfc(fc, "%s: cannot connect: error %d", addr, error);
	if (!error && READ_ONCE(session->error))
		error = -ESHUTDOWN;
	if (!error) {
		error = link_greet(link);
		greeted = true;
	}
	if (!error)
		return 0;

	if (!greeted || !fc || error == -EINTR)
		;
	else if (error == -ETIMEDOUT)
		errorfc(fc, "%s: no answer to the greeting: is a qtfs server listening there?",
			addr);
	else if (error == -EPROTONOSUPPORT)
		errorfc(fc, "%s: the server speaks versions %u to %u of the protocol, we %u to %u",
			addr, le16_to_cpu(link->rep.version_min), le16_to_cpu(link->rep.version),
			QTFS_VERSION_MIN, QTFS_VERSION);
	else if (error == -ENOKEY && session->key)
		errorfc(fc, "%s: the server has no key (its parameter key=)", addr);
	else if (error == -ENOKEY)
		errorfc(fc, "%s: the server asks for a key: mount with key=", addr);
	else if (error == -EKEYREJECTED)
		errorfc(fc, "%s: the server has another key than ours", addr);
	else
		errorfc(fc, "%s: the greeting failed: error %d (is that a qtfs server?)", addr,
			error);
	link_drop(lane);
	return error;
}

/* Lets the link that was opened in @lane be used.  False if it has broken already. */
bool qtfs_link_use(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *link = lane->link;
	bool usable;

	spin_lock(&session->lock);
	usable = !link->broken && !session->error;
	link->usable = usable;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);
	if (usable)
		qtfs_requests_resend(session);
	return usable;
}

/*
 * A link to send on, with a reference, or NULL: that of @lane, or else another one.
 * Under session->lock.
 */
struct qtfs_link *qtfs_link_get(struct qtfs_session *session, unsigned int lane)
{
	unsigned int i;

	for (i = 0; i < session->nr_lanes; i++) {
		struct qtfs_link *link = session->lanes[(lane + i) % session->nr_lanes].link;

		if (link && link->usable) {
			qtfs_conn_get(&link->conn);
			return link;
		}
	}
	return NULL;
}

/*
 * Ends the links of the other lanes: they lead to a session that isn't any more.
 * Returns whether none of them carries anything.
 */
static bool others_end(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	bool ended = true;
	unsigned int i;

	for (i = 0; i < session->nr_lanes; i++) {
		struct qtfs_link *link;
		bool usable = false;

		spin_lock(&session->lock);
		link = i == lane->index ? NULL : session->lanes[i].link;
		if (link && (link->usable || link->broken)) {
			ended = false;
			usable = link->usable;
			qtfs_conn_get(&link->conn);
		} else {
			link = NULL;
		}
		spin_unlock(&session->lock);
		if (usable)
			qtfs_conn_shutdown(&link->conn, -ESTALE);
		if (link)
			qtfs_conn_put(&link->conn);
	}
	return ended;
}

/* The server doesn't know the session that @lane said HELLO to, @epoch. */
static void lane_forgotten(struct qtfs_lane *lane, u64 epoch)
{
	bool ended = others_end(lane);

	if (ended)
		qtfs_session_restart(lane->session, epoch);
	queue_delayed_work(qtfs_link_wq, &lane->work, ended ? 0 : HZ / 50);
}

static void lane_work(struct work_struct *work)
{
	struct qtfs_lane *lane = container_of(to_delayed_work(work), struct qtfs_lane, work);
	struct qtfs_session *session = lane->session;
	/* Write-back, and who waits for it, may be waiting for this. */
	unsigned int nofs = memalloc_nofs_save();
	u64 epoch;
	int error;

	link_drop(lane);
	if (READ_ONCE(session->error))
		goto out;
	/* What the link carried may go by another lane. */
	qtfs_requests_resend(session);
	epoch = READ_ONCE(session->epoch);
	error = qtfs_link_open(lane, NULL);
	if (!error && qtfs_link_use(lane)) {
		atomic64_inc(&session->reconnects);
		qtfs_log(WARN, "%s: connected again", session->addr.text);
		if (READ_ONCE(session->recovering))
			qtfs_recover_start(session);
	} else if (error == -ESTALE && session->joined) {
		lane_forgotten(lane, epoch);
	} else {
		lane_retry(lane);
	}
out:
	memalloc_nofs_restore(nofs);
}

/* Lets @lane be connected, when the session is. */
void qtfs_lane_start(struct qtfs_lane *lane)
{
	queue_delayed_work(qtfs_link_wq, &lane->work, 0);
}

void qtfs_lane_init(struct qtfs_lane *lane, struct qtfs_session *session, unsigned int index)
{
	lane->session = session;
	lane->index = index;
	INIT_DELAYED_WORK(&lane->work, lane_work);
}

/* Ends @lane: session->error is set, so that no link comes after this. */
void qtfs_lane_end(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *link;

	spin_lock(&session->lock);
	link = lane->link;
	if (link)
		qtfs_conn_get(&link->conn);
	spin_unlock(&session->lock);
	if (link) {
		qtfs_conn_shutdown(&link->conn, -ESHUTDOWN);
		qtfs_conn_put(&link->conn);
	}
	cancel_delayed_work_sync(&lane->work);
	link_drop(lane);
}
