// SPDX-License-Identifier: GPL-2.0
/*
 * Watching over a session: a work item, once a second.
 *
 * Links.  Who has been silent for PING_MS though asked for something, or for
 * PING_IDLE_MS, is sent a PING, which the server's module answers at once,
 * whatever else it waits for.  Without an answer the link is suspect after a
 * third of timeo=, and broken after timeo=: so a peer that is alive but hung is
 * treated like one that is dead.
 *
 * Requests.  One that isn't answered after timeo= is sent again, then after
 * twice as long, and so on: the server knows it by its slot and only says again
 * what it said before.  One that takes longer than slow_ms is told in the log,
 * once.  On a soft mount those that nobody waits for (write-back, readahead) end
 * here with -ETIMEDOUT; who waits for a request does so by itself.
 */
#include "qtfs.h"

#define TICK		HZ
#define PING_MS		5000
#define PING_IDLE_MS	30000

static bool since(unsigned long when, unsigned int ms)
{
	return time_after_eq(jiffies, when + msecs_to_jiffies(ms));
}

/* Under session->lock. */
static bool link_is_busy(const struct qtfs_session *session, const struct qtfs_link *link)
{
	u32 slot;

	for (slot = 0; slot < session->slots_top; slot++)
		if (session->slots[slot] && session->slots[slot]->link == link)
			return true;
	return false;
}

static void watch_link(struct qtfs_session *session, struct qtfs_lane *lane)
{
	unsigned int timeo = READ_ONCE(session->patience.timeo);
	bool ping = false, dead = false;
	struct qtfs_link *link;

	spin_lock(&session->lock);
	link = lane->link;
	if (!link || !link->usable) {
		spin_unlock(&session->lock);
		return;
	}
	qtfs_conn_get(&link->conn);
	if (!link->pinging) {
		unsigned int ms = link_is_busy(session, link) ? min_t(u32, PING_MS, timeo / 3) :
								PING_IDLE_MS;

		ping = since(READ_ONCE(link->heard), ms) && !link->ping_sending;
	} else {
		dead = since(link->pinged, timeo);
	}
	if (ping) {
		link->pinging = true;
		link->ping_sending = true;
		link->pinged = jiffies;
	}
	link->suspect = link->pinging && since(link->pinged, timeo / 3);
	qtfs_session_update_state(session);
	spin_unlock(&session->lock);

	if (ping)
		qtfs_conn_send(&link->conn, &link->ping);
	if (dead) {
		qtfs_log(WARN, "%s: no answer for %u s, closing the connection",
			 qtfs_session_text(session), timeo / 1000);
		qtfs_conn_shutdown(&link->conn, -ETIMEDOUT);
	}
	qtfs_conn_put(&link->conn);
}

/* Copies what the log needs of a slow request: it may be gone when that is written. */
struct slow {
	enum qtfs_op op;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	unsigned int ms;
};

static bool note_slow(struct qtfs_request *req, unsigned int slow_ms, struct slow *slow)
{
	if (!slow_ms || req->told_slow || req->abandoned || !since(req->asked, slow_ms))
		return false;
	req->told_slow = true;
	slow->op = req->op;
	slow->pid = req->pid;
	memcpy(slow->comm, req->comm, sizeof(slow->comm));
	slow->ms = jiffies_to_msecs(jiffies - req->asked);
	return true;
}

static void watch_slot(struct qtfs_session *session, u32 slot)
{
	unsigned int timeo = READ_ONCE(session->patience.timeo);
	struct qtfs_request *req;
	bool tell = false;
	struct slow slow;

	spin_lock(&session->lock);
	req = session->slots[slot];
	if (req) {
		refcount_inc(&req->ref);
		tell = note_slow(req, READ_ONCE(session->slow_ms), &slow);
	}
	spin_unlock(&session->lock);
	if (!req)
		return;

	if (tell)
		qtfs_log(WARN, "%s: %s of %s (pid %d) has been waiting for %u s",
			 qtfs_session_text(session), qtfs_op_info(slow.op)->name, slow.comm,
			 slow.pid, slow.ms / 1000);
	qtfs_request_retry(req, timeo);
	if (READ_ONCE(session->patience.soft) &&
	    since(req->asked, qtfs_session_patience(session)))
		qtfs_request_time_out(req);
	qtfs_request_put(req);
}

static void watch_work(struct work_struct *work)
{
	struct delayed_work *watch = to_delayed_work(work);
	struct qtfs_session *session = container_of(watch, struct qtfs_session, watch);
	u32 slot;
	int i;

	for (i = 0; i < session->nr_lanes; i++)
		watch_link(session, &session->lanes[i]);
	for (slot = 0; slot < session->slots_top; slot++)
		watch_slot(session, slot);
	if (READ_ONCE(session->patience.soft))
		qtfs_requests_time_out_parked(session);
	qtfs_watch_start(session);
}

void qtfs_watch_init(struct qtfs_session *session)
{
	INIT_DELAYED_WORK(&session->watch, watch_work);
	session->slow_ms = QTFS_SLOW_MS;
}

void qtfs_watch_start(struct qtfs_session *session)
{
	queue_delayed_work(qtfs_link_wq, &session->watch, TICK);
}

void qtfs_watch_stop(struct qtfs_session *session)
{
	cancel_delayed_work_sync(&session->watch);
}
