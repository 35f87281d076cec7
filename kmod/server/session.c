// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: one for each (client, epoch) that has said HELLO.
 *
 * A session begins with its first connection and ends when the last one has
 * gone.  Its end, in the close_work of that connection, where every reply to it
 * has been dropped already:
 *
 *	1. it leaves qtfsd.sessions: no HELLO finds it any more;
 *	2. dead is set, then the tables are emptied: whoever enters an object
 *	   after that takes it out again (node.c);
 *	3. its directory in sysfs goes, with everybody who reads in it;
 *	4. the reference that its being alive stood for is dropped.
 *
 * Calls that are still in the hands of the engine or of a file system have
 * references of their own to the session and to the objects they use.  So the
 * end waits for nobody, and the memory goes with the last of them.
 *
 * A request claims its slot when it has been received as a whole, and gives it
 * back just before its reply is sent.  A slot that is claimed twice or out of
 * order is the client's fault and costs it the connection.  The numbers stay
 * with the session, so that a later version can tell a repeated request (same
 * number) from a new one (the next).
 */
#include "server/qtfsd.h"

#include <linux/mm.h>
#include <linux/slab.h>

static struct qtfsd_session *session_alloc(const struct qtfs_hello *hello, const char *label,
					   size_t label_len)
{
	u32 slots = clamp(le32_to_cpu(hello->slots), 1u, qtfsd.limits.slots);
	struct qtfsd_session *session;

	session = kvzalloc(struct_size(session, slots, slots), GFP_KERNEL);
	if (!session)
		return NULL;
	session->stats = alloc_percpu(struct qtfsd_stats);
	if (!session->stats) {
		kvfree(session);
		return NULL;
	}

	if (qtfsd_notify_init(session)) {
		free_percpu(session->stats);
		kvfree(session);
		return NULL;
	}
	kref_init(&session->ref);
	spin_lock_init(&session->lock);
	INIT_LIST_HEAD(&session->peers);
	xa_init_flags(&session->nodes, XA_FLAGS_ALLOC1);
	xa_init_flags(&session->opens, XA_FLAGS_ALLOC1);
	init_completion(&session->kobj_gone);
	import_guid(&session->client, hello->client);
	session->epoch = le64_to_cpu(hello->epoch);
	session->max_data = min(le32_to_cpu(hello->max_data), qtfsd.limits.data);
	session->nr_slots = slots;
	memcpy(session->label, label, label_len);
	return session;
}

static void session_free(struct kref *ref)
{
	struct qtfsd_session *session = container_of(ref, struct qtfsd_session, ref);

	qtfsd_notify_exit(session);
	xa_destroy(&session->nodes);
	xa_destroy(&session->opens);
	free_percpu(session->stats);
	kvfree(session);
}

void qtfsd_session_put(struct qtfsd_session *session)
{
	if (session)
		kref_put(&session->ref, session_free);
}

static struct qtfsd_session *session_find(const struct qtfs_hello *hello)
{
	struct qtfsd_session *session;
	guid_t client;

	import_guid(&client, hello->client);
	list_for_each_entry(session, &qtfsd.sessions, list)
		if (guid_equal(&session->client, &client) &&
		    session->epoch == le64_to_cpu(hello->epoch))
			return session;
	return NULL;
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

/*
 * Adds @peer to the session that @hello names, which is made if there is none.
 * -EUSERS when there are as many sessions as there may be.
 */
struct qtfsd_session *qtfsd_session_join(struct qtfsd_peer *peer, const struct qtfs_hello *hello,
					 const char *label, size_t label_len)
{
	struct qtfsd_session *session;

	mutex_lock(&qtfsd.lock);
	session = session_find(hello) ?: session_make(hello, label, label_len);
	if (!IS_ERR(session)) {
		kref_get(&session->ref);
		WRITE_ONCE(peer->session, session);
		spin_lock(&session->lock);
		list_add_tail(&peer->in_session, &session->peers);
		session->nr_peers++;
		spin_unlock(&session->lock);
	}
	mutex_unlock(&qtfsd.lock);
	return session;
}

static void session_end(struct qtfsd_session *session)
{
	WRITE_ONCE(session->dead, true);
	smp_mb();	/* pairs with qtfsd_node_make() and qtfsd_open_make() */
	qtfsd_opens_release_all(session);
	qtfsd_nodes_forget_all(session);
	qtfsd_sysfs_del(session);
	qtfsd_session_put(session);
}

/* @peer, whose thread has ended, is no part of its session any more. */
void qtfsd_session_leave(struct qtfsd_peer *peer)
{
	struct qtfsd_session *session = peer->session;
	bool last;

	mutex_lock(&qtfsd.lock);
	spin_lock(&session->lock);
	list_del(&peer->in_session);
	last = !--session->nr_peers;
	spin_unlock(&session->lock);
	if (last) {
		list_del(&session->list);
		qtfsd.nr_sessions--;
	}
	mutex_unlock(&qtfsd.lock);

	if (last) {
		qtfsd_log(QTFSD_LOG_INFO, "session %llu of %pUb ended", session->id,
			  &session->client);
		session_end(session);
	}
}

/* Puts @call into the slot that it names.  False if that isn't its turn. */
bool qtfsd_session_claim(struct qtfsd_session *session, struct qtfsd_call *call)
{
	u32 index = le32_to_cpu(call->hdr.slot);
	struct qtfsd_slot *slot;
	bool good;

	if (index >= session->nr_slots)
		return false;
	slot = &session->slots[index];

	spin_lock(&session->lock);
	good = !slot->call && le64_to_cpu(call->hdr.seq) == slot->seq + 1;
	if (good) {
		slot->seq++;
		slot->call = call;
	}
	spin_unlock(&session->lock);
	return good;
}

/* Frees the slot of @call, if it has one. */
void qtfsd_session_unclaim(struct qtfsd_session *session, struct qtfsd_call *call)
{
	u32 index = le32_to_cpu(call->hdr.slot);

	if (index >= session->nr_slots)
		return;
	spin_lock(&session->lock);
	if (session->slots[index].call == call)
		session->slots[index].call = NULL;
	spin_unlock(&session->lock);
}
