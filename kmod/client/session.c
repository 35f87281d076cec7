// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: beginning and ending.
 *
 * A session has one owner, a super block, which opens and closes it, and counted
 * references to its memory: the owner's, one for each link and each request.  The
 * last of them may be put by a link's own thread or by a sender, so nothing is
 * waited for then; all waiting is in qtfs_session_close().
 *
 * A session outlives its connections (link.c); requests wait for the next one.
 * It ends when the mount goes; when the server has forgotten it, it gets its next
 * epoch (recover.c).
 */
#include "qtfs.h"

#include <linux/random.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "transport/key.h"

/* How long umount waits for the server to say that it knows. */
#define BYE_TIMEOUT		(2 * HZ)

/*
 * The server lets us use @slots slots.  True if somebody who waits for one may try
 * again.  If there are fewer, those that are in use stay so until their replies come.
 * Under session->lock.
 */
bool qtfs_session_grant(struct qtfs_session *session, u32 slots)
{
	bool more = slots > session->nr_slots;

	WRITE_ONCE(session->nr_slots, slots);
	WRITE_ONCE(session->slots_top, max(session->slots_top, slots));
	return more;
}

/* Takes over what the first HELLO has agreed.  In the first link's thread. */
int qtfs_session_begin(struct qtfs_session *session, const struct qtfs_hello_rep *rep)
{
	session->slots = kvcalloc(QTFS_SLOTS_MAX, sizeof(*session->slots), GFP_KERNEL);
	session->seqs = kvcalloc(QTFS_SLOTS_MAX, sizeof(*session->seqs), GFP_KERNEL);
	session->free_slots = bitmap_zalloc(QTFS_SLOTS_MAX, GFP_KERNEL);
	if (!session->slots || !session->seqs || !session->free_slots)
		return -ENOMEM;

	bitmap_fill(session->free_slots, QTFS_SLOTS_MAX);
	memcpy(session->boot, rep->boot, sizeof(session->boot));
	session->id = le64_to_cpu(rep->session);
	session->max_data = le32_to_cpu(rep->max_data);
	qtfs_session_grant(session, le32_to_cpu(rep->slots));
	session->joined = true;
	return 0;
}

/*
 * Likewise when the server has made a session of the next epoch.  It may grant fewer
 * slots than before, and none is in use.
 */
int qtfs_session_begin_again(struct qtfs_session *session, const struct qtfs_hello_rep *rep)
{
	spin_lock(&session->lock);
	/* The first half is the machine's. */
	if (memcmp(rep->boot, session->boot, sizeof(session->boot) / 2)) {
		spin_lock(&session->unstable_lock);
		WRITE_ONCE(session->boots, session->boots + 1);
		spin_unlock(&session->unstable_lock);
	}
	memcpy(session->boot, rep->boot, sizeof(session->boot));
	session->id = le64_to_cpu(rep->session);
	qtfs_session_grant(session, le32_to_cpu(rep->slots));
	session->joined = true;
	spin_unlock(&session->lock);
	return 0;
}

/* Under session->lock, when a link has changed. */
void qtfs_session_update_state(struct qtfs_session *session)
{
	bool usable = false, good = false;
	unsigned int i;

	for (i = 0; i < session->nr_lanes; i++) {
		const struct qtfs_link *link = session->lanes[i].link;

		usable |= link && link->usable;
		good |= link && link->usable && !link->suspect;
	}
	if (usable)
		WRITE_ONCE(session->state,
			   good ? QTFS_SESSION_CONNECTED : QTFS_SESSION_SUSPECT);
	else if (session->state != QTFS_SESSION_CONNECTING)
		WRITE_ONCE(session->state, QTFS_SESSION_DOWN);
}

/* Says that the session has ended: every new request fails with @error. */
static void session_set_error(struct qtfs_session *session, int error)
{
	spin_lock(&session->lock);
	if (!session->error)
		WRITE_ONCE(session->error, error);
	spin_unlock(&session->lock);
	wake_up_all(&session->slot_wait);
	wake_up_all(&session->recover_queue);
}

static struct qtfs_session *session_alloc(const struct qtfs_session_config *config)
{
	struct qtfs_session *session = kzalloc(sizeof(*session), GFP_KERNEL);
	unsigned int i;

	if (!session)
		return NULL;
	if (qtfs_stats_init(session)) {
		kfree(session);
		return NULL;
	}
	kref_init(&session->ref);
	memcpy(session->routes, config->routes, sizeof(session->routes));
	session->nr_routes = config->nr_routes;
	session->net = get_net(config->routes[0].addr.net);
	session->patience = config->patience;
	session->key = config->key;
	session->nr_lanes = config->nr_lanes;
	get_random_bytes(session->client, sizeof(session->client));
	session->epoch = 1;
	session->cred = get_current_cred();
	qtfs_recover_init(session);
	qtfs_unstable_init(session);
	mutex_init(&session->end_lock);
	spin_lock_init(&session->lock);
	init_waitqueue_head(&session->slot_wait);
	init_llist_head(&session->forgets);
	init_llist_head(&session->releases);
	INIT_DELAYED_WORK(&session->give_back, qtfs_give_back_work);
	get_random_bytes(&session->lock_key, sizeof(session->lock_key));
	INIT_LIST_HEAD(&session->waits);
	init_waitqueue_head(&session->wait_queue);
	session->polled = RB_ROOT;
	init_llist_head(&session->notifications);
	INIT_WORK(&session->notify_work, qtfs_notify_work);
	init_completion(&session->kobj_released);

	qtfs_watch_init(session);
	for (i = 0; i < QTFS_LANES_MAX; i++)
		qtfs_lane_init(&session->lanes[i], session, i);
	return session;
}

void qtfs_session_abort(struct qtfs_session *session)
{
	unsigned int i;

	mutex_lock(&session->end_lock);
	session_set_error(session, -EIO);
	qtfs_watch_stop(session);
	for (i = 0; i < session->nr_lanes; i++)
		qtfs_lane_end(&session->lanes[i]);
	qtfs_requests_fail(session, -EIO);
	qtfs_recover_stop(session);
	mutex_unlock(&session->end_lock);
}

struct qtfs_session *qtfs_session_open(struct fs_context *fc,
				       const struct qtfs_session_config *config)
{
	struct qtfs_session *session;
	unsigned int i;
	int error;

	session = session_alloc(config);
	if (!session) {
		qtfs_key_free(config->key);
		return ERR_PTR(-ENOMEM);
	}
	error = qtfs_link_open(&session->lanes[0], fc);
	if (error)
		goto err_session;
	if (!qtfs_link_use(&session->lanes[0])) {
		errorfc(fc, "%s: connection lost", qtfs_session_text(session));
		error = -EIO;
		goto err_session;
	}
	error = qtfs_sysfs_add(session);
	if (error)
		goto err_session;
	qtfs_watch_start(session);
	for (i = 1; i < session->nr_lanes; i++)
		qtfs_lane_start(&session->lanes[i]);
	return session;

err_session:
	qtfs_session_abort(session);
	qtfs_session_put(session);
	return ERR_PTR(error);
}

void qtfs_session_set_patience(struct qtfs_session *session, const struct qtfs_patience *patience)
{
	WRITE_ONCE(session->patience.soft, patience->soft);
	WRITE_ONCE(session->patience.timeo, patience->timeo);
	WRITE_ONCE(session->patience.retrans, patience->retrans);
}

/* Stops what works on the super block from the side: after it, only requests are served. */
void qtfs_session_quiesce(struct qtfs_session *session)
{
	spin_lock(&session->lock);
	WRITE_ONCE(session->quiet, true);
	spin_unlock(&session->lock);
	cancel_work_sync(&session->notify_work);
	qtfs_recover_stop(session);
	cancel_work_sync(&session->unstable_work);
}

/* Lets the server forget everything at once, if it can be told. */
static void session_say_bye(struct qtfs_session *session)
{
	struct qtfs_rpc rpc = { .op = QTFS_OP_BYE, .timeout = BYE_TIMEOUT, .recovery = true };

	if (READ_ONCE(session->state) == QTFS_SESSION_CONNECTED)
		qtfs_rpc_call(session, &rpc);
}

void qtfs_session_close(struct qtfs_session *session)
{
	qtfs_sysfs_del(session);
	session_say_bye(session);
	qtfs_session_abort(session);
	cancel_delayed_work_sync(&session->give_back);
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
	kvfree(session->slots);
	kvfree(session->seqs);
	bitmap_free(session->free_slots);
	qtfs_stats_exit(session);
	qtfs_key_free(session->key);
	put_net(session->net);
	put_cred(session->cred);
	kfree(session);
}

void qtfs_session_put(struct qtfs_session *session)
{
	kref_put(&session->ref, session_free);
}
