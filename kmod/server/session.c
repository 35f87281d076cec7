// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: one for each (client, epoch) that has said HELLO.
 *
 * A session outlives its connections.  When the last one has gone, it keeps its
 * nodes, opens and replies for the lease; a HELLO in that time finds it again.
 * It ends
 *
 *	- after BYE, with its last connection;
 *	- when the lease has run out;
 *	- with its last connection, if it has nothing that is worth keeping:
 *	  no node, no open, no call under way;
 *	- when the same client comes with a higher epoch;
 *	- when another client needs its place (the oldest without a connection);
 *	- when the module goes.
 *
 * The end:
 *
 *	1. it leaves qtfsd.sessions, under qtfsd.lock: no HELLO finds it any more,
 *	   and whoever took it out is the one who ends it;
 *	2. dead is set, then the tables are emptied: whoever enters an object
 *	   after that takes it out again (node.c); calls in the channel's queue
 *	   are dropped, and so are those that come to it later;
 *	3. its directory in sysfs goes, with everybody who reads in it;
 *	4. the reference that its being alive stood for is dropped.
 *
 * Calls that are still in the hands of the engine or of a file system have
 * references of their own to the session and to the objects they use.  So the
 * end waits for nobody, and the memory goes with the last of them.
 *
 * Slots.  A request claims its slot when it has been received as a whole, and
 * gives it back just before its reply is sent.  What follows is either the next
 * request (seq + 1) or the same again, by a client that has lost the
 * connection:
 *
 *	the call is under way	its reply goes to where the repeat came from
 *	its reply was kept	that is sent again, without data
 *	its reply had data	it is carried out again
 *
 * A reply without data is kept, header and body, until the slot's next request:
 * so a slot costs some 300 bytes, and keeping can't fail.  Operations
 * whose replies have data only read.  But what is read from a FIFO is gone: a
 * stream's READ is no larger than QTFSD_STREAM_MAX, and its data is kept, in the
 * memory that it was read into.  A frame that is older than the slot's last
 * request has been overtaken, on another connection perhaps, and is dropped.
 * Anything else in a slot is the client's fault and costs it the connection.
 *
 * How many slots a client may use is told in each reply, and may change.  One that is
 * told fewer goes on using the others until it has heard of it, and sends again what it
 * had there: so a slot that was once granted stays, with its number and its reply,
 * until the session ends.  What fewer slots save is what calls need, not their slots.
 *
 * session->lock protects what calls and connections have to do with each other:
 * a call's peer until it has left its slot, the peers of the session.
 */
#include "server/qtfsd.h"

#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>

static void lease_work(struct work_struct *work);

/* Makes @session as many slots as it can't do without. */
static int slots_grow(struct qtfsd_session *session, u32 nr)
{
	struct qtfsd_slot *slots, *old = session->slots;

	if (nr <= session->nr_slots)
		return 0;
	slots = kvcalloc(nr, sizeof(*slots), GFP_KERNEL);
	if (!slots)
		return -ENOMEM;
	spin_lock(&session->lock);
	if (old)
		memcpy(slots, old, session->nr_slots * sizeof(*slots));
	session->slots = slots;
	session->nr_slots = nr;
	spin_unlock(&session->lock);
	kvfree(old);
	return 0;
}

/* Lets @session use @slots slots, or as many as it can.  Under qtfsd.lock. */
int qtfsd_session_grant(struct qtfsd_session *session, u32 slots)
{
	int error;

	slots = min(slots, session->slots_max);
	error = slots_grow(session, slots);
	if (!error)
		WRITE_ONCE(session->slots_granted, slots);
	return error;
}

/* Likewise all, and those that will come. */
int qtfsd_sessions_grant(u32 slots)
{
	struct qtfsd_session *session;
	int error = 0;

	mutex_lock(&qtfsd.lock);
	qtfsd.limits.slots = slots;
	list_for_each_entry(session, &qtfsd.sessions, list)
		error = qtfsd_session_grant(session, slots) ?: error;
	mutex_unlock(&qtfsd.lock);
	return error;
}

/*
 * Who receives may not wait for I/O, and then memory for each processor comes from what
 * there is of it, silently (until 6.15); but the kernel begins to make more.
 */
static struct qtfsd_stats __percpu *stats_alloc(void)
{
	struct qtfsd_stats __percpu *stats;
	unsigned int tries = 0;

	while (!(stats = alloc_percpu(struct qtfsd_stats)) && ++tries < 50)
		msleep(20);
	return stats;
}

static struct qtfsd_session *session_alloc(const struct qtfs_hello *hello, const char *label,
					   size_t label_len)
{
	struct qtfsd_session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return NULL;
	spin_lock_init(&session->lock);
	session->slots_max = clamp_t(u32, le32_to_cpu(hello->slots), 1, QTFS_SLOTS_MAX);
	session->stats = stats_alloc();
	if (!session->stats || qtfsd_session_grant(session, qtfsd.limits.slots) ||
	    qtfsd_notify_init(session)) {
		free_percpu(session->stats);
		kvfree(session->slots);
		kfree(session);
		return NULL;
	}
	kref_init(&session->ref);
	INIT_LIST_HEAD(&session->peers);
	INIT_DELAYED_WORK(&session->lease_work, lease_work);
	xa_init_flags(&session->nodes, XA_FLAGS_ALLOC1);
	xa_init_flags(&session->opens, XA_FLAGS_ALLOC1);
	INIT_LIST_HEAD(&session->lock_owners);
	INIT_LIST_HEAD(&session->waits);
	init_completion(&session->kobj_gone);
	/* A number of another session is most likely none of this one. */
	atomic_set(&session->generation, get_random_u32());
	import_guid(&session->client, hello->client);
	session->epoch = le64_to_cpu(hello->epoch);
	session->max_data = min(le32_to_cpu(hello->max_data), qtfsd.limits.data);
	memcpy(session->label, label, label_len);
	return session;
}

static void session_free(struct kref *ref)
{
	struct qtfsd_session *session = container_of(ref, struct qtfsd_session, ref);

	u32 i;

	for (i = 0; i < session->nr_slots; i++) {
		kvfree(session->slots[i].listed);
		qtfsd_data_put(session->slots[i].data);
	}
	qtfsd_notify_exit(session);
	xa_destroy(&session->nodes);
	xa_destroy(&session->opens);
	free_percpu(session->stats);
	kvfree(session->slots);
	kfree(session);
}

void qtfsd_session_put(struct qtfsd_session *session)
{
	if (session)
		kref_put(&session->ref, session_free);
}

/* Step 1 of the end.  Under qtfsd.lock. */
static void session_unlist(struct qtfsd_session *session)
{
	list_del_init(&session->list);
	qtfsd.nr_sessions--;
}

/* The rest of the end, for who has unlisted it. */
static void session_end(struct qtfsd_session *session)
{
	qtfsd_log(QTFSD_LOG_INFO, "session %llu of %pUb ended", session->id, &session->client);
	if (cancel_delayed_work(&session->lease_work))
		qtfsd_session_put(session);
	WRITE_ONCE(session->dead, true);
	smp_mb();	/* pairs with qtfsd_node_make() and qtfsd_open_make() */
	qtfsd_channel_forget_session(session);
	qtfsd_waits_end(session);
	qtfsd_locks_end(session);
	qtfsd_opens_release_all(session);
	qtfsd_nodes_forget_all(session);
	qtfsd_sysfs_del(session);
	qtfsd_session_put(session);
}

static struct qtfsd_session *session_find(const u8 *id, u64 epoch)
{
	struct qtfsd_session *session;
	guid_t client;

	import_guid(&client, id);
	list_for_each_entry(session, &qtfsd.sessions, list)
		if (guid_equal(&session->client, &client) && session->epoch == epoch)
			return session;
	return NULL;
}

/* Returns the session of that client and epoch with a reference, or NULL. */
struct qtfsd_session *qtfsd_session_get(const u8 *client, u64 epoch)
{
	struct qtfsd_session *session;

	mutex_lock(&qtfsd.lock);
	session = session_find(client, epoch);
	if (session)
		kref_get(&session->ref);
	mutex_unlock(&qtfsd.lock);
	return session;
}

static struct qtfsd_session *session_make(const struct qtfs_hello *hello, const char *label,
					  size_t label_len)
{
	struct qtfsd_session *session;
	int error;

	if (qtfsd.nr_sessions >= READ_ONCE(qtfsd.limits.sessions))
		return ERR_PTR(-EUSERS);
	session = session_alloc(hello, label, label_len);
	if (!session)
		return ERR_PTR(-ENOMEM);

	session->id = ++qtfsd.last_session;
	error = qtfsd_sysfs_add(session);
	if (error) {
		qtfsd_session_put(session);
		return ERR_PTR(error);
	}
	list_add_tail(&session->list, &qtfsd.sessions);
	qtfsd.nr_sessions++;
	return session;
}

/* A session that a new one replaces: of the same client, or, if need be, an idle one. */
static struct qtfsd_session *session_superseded(const struct qtfs_hello *hello)
{
	bool full = qtfsd.nr_sessions >= READ_ONCE(qtfsd.limits.sessions);
	struct qtfsd_session *session, *idle = NULL;
	guid_t client;

	import_guid(&client, hello->client);
	list_for_each_entry(session, &qtfsd.sessions, list) {
		if (session->nr_peers)
			continue;
		if (guid_equal(&session->client, &client) &&
		    session->epoch < le64_to_cpu(hello->epoch))
			return session;
		if (full && (!idle || time_before(session->idle_since, idle->idle_since)))
			idle = session;
	}
	return idle;
}

/* @peer's place in the session is taken by a new connection. */
static void peers_replace(struct qtfsd_session *session, struct qtfsd_peer *peer)
{
	struct qtfsd_peer *old;

	list_for_each_entry(old, &session->peers, in_session) {
		if (old->index != peer->index)
			continue;
		WRITE_ONCE(old->replaced, true);
		qtfsd_peer_close(old, -ECONNRESET);
	}
}

static void session_enter(struct qtfsd_session *session, struct qtfsd_peer *peer)
{
	peers_replace(session, peer);	/* the list changes under qtfsd.lock only */
	if (cancel_delayed_work(&session->lease_work))
		qtfsd_session_put(session);
	kref_get(&session->ref);
	WRITE_ONCE(peer->session, session);
	spin_lock(&session->lock);
	list_add_tail(&peer->in_session, &session->peers);
	session->nr_peers++;
	spin_unlock(&session->lock);
}

/*
 * Adds @peer to the session that @hello names, which is made if there is none
 * and the client doesn't insist that there is.  -ESTALE if it does; -EUSERS when
 * there are as many sessions as there may be.
 */
struct qtfsd_session *qtfsd_session_join(struct qtfsd_peer *peer, const struct qtfs_hello *hello,
					 const char *label, size_t label_len)
{
	bool rejoin = le16_to_cpu(hello->flags) & QTFS_HELLO_REJOIN;
	struct qtfsd_session *session, *superseded = NULL;

	peer->index = le16_to_cpu(hello->conn);
	mutex_lock(&qtfsd.lock);
	session = session_find(hello->client, le64_to_cpu(hello->epoch));
	peer->rejoined = session;
	if (!session && rejoin) {
		session = ERR_PTR(-ESTALE);
	} else if (!session) {
		superseded = session_superseded(hello);
		if (superseded)
			session_unlist(superseded);
		session = session_make(hello, label, label_len);
	}
	if (!IS_ERR(session))
		session_enter(session, peer);
	mutex_unlock(&qtfsd.lock);

	if (superseded)
		session_end(superseded);
	return session;
}

static bool worth_keeping(struct qtfsd_session *session)
{
	bool busy = false;
	u32 i;

	if (atomic_read(&session->nr_nodes) || atomic_read(&session->nr_opens))
		return true;
	spin_lock(&session->lock);
	for (i = 0; i < session->nr_slots && !busy; i++)
		busy = session->slots[i].call;
	spin_unlock(&session->lock);
	return busy;
}

/* @peer, whose thread has ended, is no part of its session any more. */
void qtfsd_session_leave(struct qtfsd_peer *peer)
{
	struct qtfsd_session *session = peer->session;
	unsigned long lease = READ_ONCE(qtfsd.limits.lease);
	bool last, end = false;

	mutex_lock(&qtfsd.lock);
	spin_lock(&session->lock);
	list_del(&peer->in_session);
	last = !--session->nr_peers;
	spin_unlock(&session->lock);
	/* It may have been unlisted already, by somebody who ends it. */
	if (last && !list_empty(&session->list)) {
		end = session->said_bye || qtfsd.ending || !lease || !worth_keeping(session);
		if (end) {
			session_unlist(session);
		} else {
			session->idle_since = jiffies;
			kref_get(&session->ref);
			queue_delayed_work(qtfsd.conn_wq, &session->lease_work,
					   min(lease, 86400UL) * HZ);
		}
	}
	mutex_unlock(&qtfsd.lock);

	if (end)
		session_end(session);
	else if (last)
		qtfsd_log(QTFSD_LOG_INFO, "session %llu of %pUb has no connection", session->id,
			  &session->client);
}

/* The lease has run out, unless the client came back just now. */
static void lease_work(struct work_struct *work)
{
	struct qtfsd_session *session = container_of(to_delayed_work(work), struct qtfsd_session,
						     lease_work);
	bool end;

	mutex_lock(&qtfsd.lock);
	end = !list_empty(&session->list) && !session->nr_peers;
	if (end)
		session_unlist(session);
	mutex_unlock(&qtfsd.lock);
	if (end) {
		qtfsd_log(QTFSD_LOG_WARN, "%s: gone for too long, what it had open is closed",
			  session->label);
		session_end(session);
	}
	qtfsd_session_put(session);
}

/* All that clients know, and what the policy allowed them, is to be asked again. */
void qtfsd_sessions_expire(void)
{
	struct qtfsd_session *session;

	mutex_lock(&qtfsd.lock);
	list_for_each_entry(session, &qtfsd.sessions, list)
		qtfsd_notify_all(session);
	mutex_unlock(&qtfsd.lock);
}

/* Of all sessions the next one after @session, whose reference it takes over; NULL: the first. */
struct qtfsd_session *qtfsd_session_next(struct qtfsd_session *session)
{
	struct qtfsd_session *each, *next = NULL;

	mutex_lock(&qtfsd.lock);
	list_for_each_entry(each, &qtfsd.sessions, list)
		if ((!session || each->id > session->id) && (!next || each->id < next->id))
			next = each;
	if (next)
		kref_get(&next->ref);
	mutex_unlock(&qtfsd.lock);
	qtfsd_session_put(session);
	return next;
}

/* Ends every session that has no connection; no new one comes, none is made. */
void qtfsd_sessions_end(void)
{
	struct qtfsd_session *session, *next;
	LIST_HEAD(ending);

	mutex_lock(&qtfsd.lock);
	list_for_each_entry_safe(session, next, &qtfsd.sessions, list) {
		if (session->nr_peers)
			continue;
		session_unlist(session);
		list_add(&session->list, &ending);
	}
	mutex_unlock(&qtfsd.lock);

	list_for_each_entry_safe(session, next, &ending, list) {
		list_del_init(&session->list);
		session_end(session);
	}
}

/* The call that repeats @running takes its place as to where the reply goes. */
static void redirect(struct qtfsd_call *running, struct qtfsd_call *repeat)
{
	swap(running->peer, repeat->peer);
}

/*
 * Puts @call into the slot that it names, or finds out that it was there before;
 * see above.  The reply that was kept is in call->reply.
 */
enum qtfsd_claim qtfsd_session_claim(struct qtfsd_session *session, struct qtfsd_call *call)
{
	u32 index = le32_to_cpu(call->hdr.slot);
	u64 seq = le64_to_cpu(call->hdr.seq);
	struct qtfsd_listed *old = NULL;
	struct qtfsd_data *data = NULL;
	enum qtfsd_claim claim;
	struct qtfsd_slot *slot;

	spin_lock(&session->lock);
	if (index >= session->nr_slots) {
		spin_unlock(&session->lock);
		return QTFSD_CLAIM_BAD;
	}
	slot = &session->slots[index];
	if (seq && seq < slot->seq) {
		claim = QTFSD_CLAIM_OLD;
	} else if (slot->call) {
		claim = seq == slot->seq ? QTFSD_CLAIM_RUNS : QTFSD_CLAIM_BAD;
		if (claim == QTFSD_CLAIM_RUNS)
			redirect(slot->call, call);
	} else if (seq && seq == slot->seq && slot->kept.hdr.magic) {
		claim = QTFSD_CLAIM_KEPT;
		/* It comes without data this time. */
		swap(call->listed, slot->listed);
		memcpy(&call->reply, &slot->kept, sizeof(slot->kept));
		if (slot->data) {
			refcount_inc(&slot->data->ref);
			call->kept = slot->data;
			call->reply_data = slot->data->bytes;
			call->reply_len = le32_to_cpu(slot->kept.hdr.data_len);
		}
	} else if (seq == slot->seq + 1 || (seq && seq == slot->seq)) {
		claim = QTFSD_CLAIM_NEW;
		/* The last reply has come, or it's this that brings it again. */
		if (seq == slot->seq)
			swap(call->listed, slot->listed);
		else
			swap(old, slot->listed);
		slot->seq = seq;
		slot->call = call;
		slot->kept.hdr.magic = 0;
		swap(data, slot->data);
	} else {
		claim = QTFSD_CLAIM_BAD;
	}
	spin_unlock(&session->lock);
	kvfree(old);
	qtfsd_data_put(data);
	if (claim == QTFSD_CLAIM_RUNS || claim == QTFSD_CLAIM_KEPT) {
		this_cpu_inc(session->stats->repeated);
		this_cpu_inc(qtfsd.stats->repeated);
	}
	return claim;
}

/* Keeps the reply of @call, without data that can be read again. */
static void keep_reply(struct qtfsd_slot *slot, struct qtfsd_call *call)
{
	u32 len = sizeof(call->reply.hdr) + le16_to_cpu(call->reply.hdr.body_len);

	memcpy(&slot->kept, &call->reply, len);
	if (call->kept && call->reply_len) {
		refcount_inc(&call->kept->ref);
		slot->data = call->kept;
		return;
	}
	slot->kept.hdr.data_len = 0;
	slot->kept.hdr.len = cpu_to_le32(len);
}

/*
 * Frees the slot of @call, if it has one, and keeps the reply if there is one
 * that can't be made again.  From here on call->peer stays as it is.
 */
void qtfsd_session_unclaim(struct qtfsd_session *session, struct qtfsd_call *call,
			   bool replied)
{
	u32 index = le32_to_cpu(call->hdr.slot);
	struct qtfsd_slot *slot;

	/* It has one, or none at all. */
	if (index >= READ_ONCE(session->nr_slots))
		return;
	spin_lock(&session->lock);
	slot = &session->slots[index];
	if (slot->call == call) {
		slot->call = NULL;
		swap(slot->listed, call->listed);
		/* OPEN_NAME and OPEN_DIR change something, and their data can be read again. */
		if (replied && (!call->reply_len || call->kept ||
				(call->info->flags & QTFS_CHANGES)) &&
		    !qtfs_fault(QTFS_FAULT_FORGET, qtfsd_call_op(call), NULL))
			keep_reply(slot, call);
	}
	spin_unlock(&session->lock);
}

/*
 * Nobody waits for the request @seq of @slot any more: it is answered with EINTR
 * if it hasn't begun, else who carries it out is interrupted.
 */
void qtfsd_session_cancel(struct qtfsd_session *session, u32 slot, u64 seq)
{
	struct qtfsd_call *call;

	if (slot >= READ_ONCE(session->nr_slots))
		return;
	call = qtfsd_channel_take(session, slot, seq);
	if (call) {
		qtfsd_reply(call, -EINTR);
		return;
	}
	spin_lock(&session->lock);
	call = session->slots[slot].call;
	if (call && session->slots[slot].seq == seq)
		qtfsd_actor_interrupt(call);
	spin_unlock(&session->lock);
}
