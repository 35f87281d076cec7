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
 *	link_open	connect, AUTH if there is a key, HELLO, its answer; it is
 *			the lane's next
 *	link_use	it is the lane's link: requests may be sent on it; those
 *			that wait are
 *
 * The first lane is for small requests, the others, if there are any, for those with
 * much data either way; any lane is better than none.
 *
 * The link's thread says that it has closed by queueing the work item.  Where an
 * attempt fails, or a link brings no answer, the next attempt comes later: from
 * RETRY_MIN_MS, doubled each time up to RETRY_MAX_MS, half of it by chance, so
 * that the clients of a server that comes back don't all come at once.
 *
 * Routes.  A mount may name a second address (route.c).  Each attempt tries the first
 * route, then the second; the other way round where the first has just fallen silent.
 * While a lane's link goes by the second, the work item comes at times to open a
 * link by the first beside it (lane_move_back()).  HELLO is what moves the lane: the
 * server then closes the connection that had its place, and what was under way on
 * that is sent again on the new one, as after any other loss.  If the first route
 * doesn't last, the attempts come less and less often.
 *
 * Another address may lead to another server, which answers ESTALE like one that was
 * started again.  So what has the first route's name alone is believed to be the
 * server after a boot; elsewhere the machine's half of HELLO's boot has to be the
 * same.  And a lane that has a link forgets nothing for what another route says.
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

/* How long after a link was opened by another route the first is tried; doubled up to so often. */
#define BACK_AFTER		(5 * HZ)
#define BACK_DOUBLINGS		6u
/* What a link by the first route has to last, so that it counts as working again. */
#define LASTING			(60 * HZ)

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

static u64 hello_features(const struct qtfs_link *link)
{
	return qtfs_link_route(link)->crc && qtfs_crc_available() ? QTFS_FEATURE_CRC : 0;
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
	link->wire.body.slots = cpu_to_le32(QTFS_SLOTS_MAX);
	link->wire.body.version = cpu_to_le16(QTFS_VERSION);
	link->wire.body.version_min = cpu_to_le16(QTFS_VERSION_MIN);
	link->wire.body.conn = cpu_to_le16(link->lane->index);
	link->wire.body.features = cpu_to_le64(hello_features(link));
	if (session->joined)
		link->wire.body.flags = cpu_to_le16(QTFS_HELLO_REJOIN);

	link->frame.head.iov_base = &link->wire;
	link->frame.head.iov_len = len;
	link->frame.done = hello_sent;
}

/* Whether who answers is another machine than the session's, for all that we can know. */
static bool stranger(const struct qtfs_link *link, const struct qtfs_hdr *hdr)
{
	const struct qtfs_lane *lane = link->lane;
	const struct qtfs_session *session = lane->session;

	if ((hdr->status && hdr->status != cpu_to_le32(ESTALE)) || !session->nr_slots)
		return false;
	return (link->route || READ_ONCE(lane->link)) &&
	       memcmp(link->rep.boot, session->boot, sizeof(session->boot) / 2);
}

/* Judges the server's answer.  Returns 0 or why the link is of no use. */
static int hello_accept(struct qtfs_link *link, const struct qtfs_hdr *hdr)
{
	struct qtfs_session *session = link->lane->session;
	const struct qtfs_hello_rep *rep = &link->rep;
	u32 max_data = le32_to_cpu(rep->max_data);
	u32 slots = le32_to_cpu(rep->slots);
	bool more;

	if (stranger(link, hdr))
		return -EREMCHG;
	if (hdr->status)
		return -(int)le32_to_cpu(hdr->status);
	if (max_data < QTFS_DATA_MIN || max_data > QTFS_DATA_DEFAULT ||
	    !slots || slots > QTFS_SLOTS_MAX ||
	    (rep->features & ~cpu_to_le64(hello_features(link))) ||
	    le16_to_cpu(rep->version) != QTFS_VERSION)
		return -EPROTO;
	if (!session->nr_slots)
		return qtfs_session_begin(session, rep);
	/* Requests of this size are under way. */
	if (max_data != session->max_data)
		return -EPROTO;
	if (!session->joined)
		return qtfs_session_begin_again(session, rep);
	/* What was agreed stays agreed. */
	if (le64_to_cpu(rep->session) != session->id ||
	    memcmp(rep->boot, session->boot, sizeof(session->boot)))
		return -EPROTO;
	spin_lock(&session->lock);
	more = qtfs_session_grant(session, slots);
	spin_unlock(&session->lock);
	if (more)
		wake_up_all(&session->slot_wait);
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
		error = hello_accept(link, &hdr);
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
	/* It may be queued for lane_move_back(). */
	mod_delayed_work(qtfs_link_wq, &lane->work, delay);
}

/* @link, which was in use, has been lost for the reason @error.  Under session->lock. */
static void lane_lost(struct qtfs_lane *lane, const struct qtfs_link *link, int error)
{
	/* Nobody else touches these while a link is in use. */
	if (link->answers)
		lane->failures = 0;
	lane->silent = error == -ETIMEDOUT && !link->route;
	if (!link->route && time_before(jiffies, link->used + LASTING))
		lane->relapses = min(lane->relapses + 1, BACK_DOUBLINGS);
	else if (!link->route)
		lane->relapses = 0;
	lane_retry(lane);
}

static void link_closed(struct qtfs_conn *conn, int error)
{
	struct qtfs_link *link = to_link(conn);
	struct qtfs_lane *lane = link->lane;
	struct qtfs_session *session = lane->session;
	bool lost, leaving;

	if (!link->greeted) {
		link->error = error;
		complete(&link->greeting);
	}
	spin_lock(&session->lock);
	link->broken = true;
	/* Under the lock: who ends the session sets the error before it cancels. */
	lost = link->usable && !session->error;
	leaving = link->leaving;
	if (lost && !leaving)
		lane_lost(lane, link, error);
	link->usable = false;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);
	if (lost && !leaving)
		qtfs_log(WARN, "%s: connection lost (%d)", qtfs_link_route(link)->addr.text,
			 error);
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

static struct qtfs_link *link_alloc(struct qtfs_lane *lane, unsigned int route)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *link = kzalloc(sizeof(*link), GFP_KERNEL);

	if (!link)
		return NULL;
	link->lane = lane;
	link->route = route;
	qtfs_session_get(session);
	init_completion(&link->greeting);
	qtfs_conn_init(&link->conn, session->routes[route].transport, &link_conn_ops);
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

/* Stops the link in @place, in @lane, if there is one; what it carried waits for another. */
static void link_drop(struct qtfs_lane *lane, struct qtfs_link **place)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *link = *place;

	if (!link)
		return;
	qtfs_conn_stop(&link->conn);
	spin_lock(&session->lock);
	link->usable = false;
	if (*place == link)
		*place = NULL;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);

	atomic64_add(atomic64_read(&link->conn.bytes_sent), &session->bytes_sent);
	atomic64_add(atomic64_read(&link->conn.bytes_received), &session->bytes_received);
	qtfs_requests_detach(session, link);
	qtfs_conn_put(&link->conn);
}

/* Tells @fc, where a link was to be made, why it couldn't. */
static void open_failed(struct fs_context *fc, const struct qtfs_link *link, bool greeted,
			int error)
{
	const struct qtfs_session *session = link->lane->session;
	const char *addr = qtfs_link_route(link)->addr.text;

	if (!greeted)
		errorfc(fc, "%s: cannot connect: error %d", addr, error);
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
}

/* Makes a connection by @route and says HELLO: lane->next.  @fc: as qtfs_link_open(). */
static int open_by(struct qtfs_lane *lane, unsigned int route, struct fs_context *fc)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_route *by = &session->routes[route];
	struct qtfs_link *link;
	bool greeted = false;
	int error;

	link = link_alloc(lane, route);
	if (!link)
		return -ENOMEM;
	/* So that the session's end finds it. */
	spin_lock(&session->lock);
	lane->next = link;
	spin_unlock(&session->lock);

	error = by->transport->connect(&link->conn, &by->addr, CONNECT_TIMEOUT);
	if (!error && READ_ONCE(session->error))
		error = -ESHUTDOWN;
	if (!error) {
		greeted = true;
		error = link_greet(link);
	}
	if (!error)
		return 0;
	if (fc && error != -EINTR)
		open_failed(fc, link, greeted, error);
	if (error == -EREMCHG && !by->told)
		qtfs_log(WARN, "%s: this is another server, or it has been booted", by->addr.text);
	by->told = error == -EREMCHG;
	link_drop(lane, &lane->next);
	return error;
}

/*
 * Makes a connection in @lane, which has none, by any route, and says HELLO:
 * qtfs_link_use() comes next.  Killable, and ends in less than ten seconds for each
 * route.  @fc: whose log is told what went wrong, or NULL.
 */
int qtfs_link_open(struct qtfs_lane *lane, struct fs_context *fc)
{
	struct qtfs_session *session = lane->session;
	unsigned int first = lane->silent ? session->nr_routes - 1 : 0;
	unsigned int i;
	int error = 0;

	lane->silent = false;
	for (i = 0; i < session->nr_routes; i++) {
		error = open_by(lane, (first + i) % session->nr_routes, fc);
		if (!error || error == -ESTALE || error == -EINTR || error == -ENOMEM ||
		    READ_ONCE(session->error))
			return error;
	}
	return error;
}

/* @link is used in @lane from now on.  Under session->lock. */
static void link_used(struct qtfs_lane *lane, struct qtfs_link *link)
{
	struct qtfs_session *session = lane->session;

	link->usable = true;
	link->used = jiffies;
	if (!lane->index && link->route != session->route) {
		WRITE_ONCE(session->route, link->route);
		atomic64_inc(&session->moves);
	}
	/* It's lane_move_back()'s time then. */
	if (link->route)
		queue_delayed_work(qtfs_link_wq, &lane->work, BACK_AFTER << lane->relapses);
}

/*
 * Lets the link that was opened in @lane be used, and stops the one that was until now,
 * if there is one.  False if it has broken already.
 */
bool qtfs_link_use(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	struct qtfs_link *old;
	bool usable;

	spin_lock(&session->lock);
	old = lane->link;
	if (old)
		old->usable = false;
	usable = !lane->next->broken && !session->error;
	if (usable)
		link_used(lane, lane->next);
	lane->link = lane->next;
	lane->next = NULL;
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);

	/* What it carried is sent again. */
	link_drop(lane, &old);
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

/*
 * Whether @lane has a link that works, which from now on is @leaving or isn't: as long
 * as it is, its end doesn't queue the work item.
 */
static bool lane_works(struct qtfs_lane *lane, bool leaving)
{
	struct qtfs_session *session = lane->session;
	bool works;

	spin_lock(&session->lock);
	works = lane->link && lane->link->usable;
	if (lane->link)
		lane->link->leaving = leaving;
	spin_unlock(&session->lock);
	return works;
}

/*
 * Tries the first route for a lane whose link goes by another and works.  Returns
 * whether it has a link that works in the end.
 */
static bool lane_move_back(struct qtfs_lane *lane)
{
	if (!lane_works(lane, true))
		return false;
	if (open_by(lane, 0, NULL)) {
		queue_delayed_work(qtfs_link_wq, &lane->work, BACK_AFTER << lane->relapses);
		return lane_works(lane, false);
	}
	if (!qtfs_link_use(lane))
		return false;
	qtfs_log(WARN, "%s: back by the first address", lane->session->routes[0].addr.text);
	return true;
}

/* Gives @lane, which has no link, another one, or has the work item come again. */
static void lane_open(struct qtfs_lane *lane)
{
	struct qtfs_session *session = lane->session;
	u64 epoch;
	int error;

	/* What the link carried may go by another lane. */
	qtfs_requests_resend(session);
	epoch = READ_ONCE(session->epoch);
	error = qtfs_link_open(lane, NULL);
	if (!error && qtfs_link_use(lane)) {
		atomic64_inc(&session->reconnects);
		qtfs_log(WARN, "%s: connected again", qtfs_session_text(session));
		if (READ_ONCE(session->recovering))
			qtfs_recover_start(session);
	} else if (error == -ESTALE && session->joined) {
		lane_forgotten(lane, epoch);
	} else {
		lane_retry(lane);
	}
}

static void lane_work(struct work_struct *work)
{
	struct qtfs_lane *lane = container_of(to_delayed_work(work), struct qtfs_lane, work);
	struct qtfs_session *session = lane->session;
	/* Write-back, and who waits for it, may be waiting for this. */
	unsigned int nofs = memalloc_nofs_save();

	bool works;

	works = lane->link && lane->link->route ? lane_move_back(lane) : lane_works(lane, false);
	if (!works) {
		link_drop(lane, &lane->link);
		if (!READ_ONCE(session->error))
			lane_open(lane);
	}
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

static void link_shutdown(struct qtfs_session *session, struct qtfs_link **place)
{
	struct qtfs_link *link;

	spin_lock(&session->lock);
	link = *place;
	if (link)
		qtfs_conn_get(&link->conn);
	spin_unlock(&session->lock);
	if (link) {
		qtfs_conn_shutdown(&link->conn, -ESHUTDOWN);
		qtfs_conn_put(&link->conn);
	}
}

/* Ends @lane: session->error is set, so that no link comes after this. */
void qtfs_lane_end(struct qtfs_lane *lane)
{
	/* In this order: the next may become the link meanwhile. */
	link_shutdown(lane->session, &lane->next);
	link_shutdown(lane->session, &lane->link);
	cancel_delayed_work_sync(&lane->work);
	link_drop(lane, &lane->next);
	link_drop(lane, &lane->link);
}
