// SPDX-License-Identifier: GPL-2.0
/*
 * Events: telling a session's client what others changed under its caches.
 *
 * A session has an fsnotify group, and a mark in it on the inode of each node
 * that its client may cache; nodes of one inode share the mark.  fsnotify calls
 * us from within the change, after it and before the changing system call
 * returns.  There the event is counted and queued, no more: a worker makes
 * NOTIFY frames of what has gathered, one frame under way at a time, so that a
 * client which doesn't read costs no more than what is queued.
 *
 *	inode events	a mark is in the session's queue at most once
 *	all others	an allocation each; beyond MAX_NAMES, or without
 *			memory, a flag says that everything may have changed
 *
 * What the session's own calls change is not told: they register themselves as
 * actors, and the replies say it.  Whom RENAME took a name from is learnt here, from
 * the event of the change itself: nobody can come between.
 *
 * The stamp of a reply is the count when its call began.  An event that is
 * counted later may not be in the reply's attributes, and its frame has a higher
 * stamp; an earlier one is.  That needs the mark to be there before attributes
 * are read, so nodes get it when they are made.
 *
 * References: node -> mark (users, under marks_lock), queue -> mark (fsnotify's
 * own count), mark -> session none: the group's end waits for its marks.  What
 * keeps a mark in the event handler is fsnotify's SRCU alone; its last node may
 * be forgotten meanwhile, and nobody is to be told of it any more.
 *
 * Locks: marks_lock (mutex) > fsnotify's; session->notify_lock and actors_lock
 * are leaves, taken inside file systems' locks by the event handler, so nothing
 * that they protect is held across anything that sleeps.
 */
#include "server/qtfsd.h"
#include "compat/compat_fsnotify.h"

#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

/* Names that wait to be told; more are told as "anything". */
#define MAX_NAMES	4096
#define DATA_SIZE	QTFS_DATA_MIN

#define INODE_EVENTS	(FS_ATTRIB | FS_MODIFY | FS_DELETE_SELF | FS_MOVE_SELF)
#define NAME_EVENTS	(FS_CREATE | FS_DELETE | FS_MOVED_FROM | FS_MOVED_TO)

struct qtfsd_mark {
	struct fsnotify_mark mark;
	struct qtfsd_session *session;
	unsigned int users;		/* nodes; under marks_lock */
	struct qtfsd_file_id id;
	struct list_head queue;		/* session->notify_marks, with a reference */
	struct list_head told;		/* the worker's */
	u32 mask;			/* gathered; under notify_lock */
};

struct name_event {
	struct list_head list;
	struct qtfsd_file_id id;	/* of the directory */
	u32 mask;
	u16 what;
	u16 len;
	char name[];
};

/* ---- who changes what ---- */

static DEFINE_HASHTABLE(actors, 6);
static DEFINE_SPINLOCK(actors_lock);

/* The calling thread works for @call until qtfsd_actor_leave(). */
void qtfsd_actor_enter(struct qtfsd_call *call)
{
	call->actor.task = get_task_struct(current);
	spin_lock(&actors_lock);
	hash_add(actors, &call->actor.hash, (unsigned long)current);
	spin_unlock(&actors_lock);
}

void qtfsd_actor_leave(struct qtfsd_call *call)
{
	struct task_struct *task = call->actor.task;

	if (!task)
		return;
	spin_lock(&actors_lock);
	hash_del(&call->actor.hash);
	call->actor.task = NULL;
	spin_unlock(&actors_lock);
	put_task_struct(task);
}

/*
 * Interrupts the engine's thread that works for @call, if one does.  Sent while
 * it does, the signal can't reach the work for another call: on its way into
 * the next NEXT, and out of it, a thread takes its signals.
 */
void qtfsd_actor_interrupt(struct qtfsd_call *call)
{
	spin_lock(&actors_lock);
	if (call->actor.task && !(call->actor.task->flags & PF_KTHREAD))
		send_sig(SIGURG, call->actor.task, 1);
	spin_unlock(&actors_lock);
}

/* The call of @session that the calling thread works for, or NULL. */
static struct qtfsd_call *acts_for(const struct qtfsd_session *session)
{
	struct qtfsd_call *call, *found = NULL;

	spin_lock(&actors_lock);
	hash_for_each_possible(actors, call, actor.hash, (unsigned long)current) {
		if (call->actor.task == current) {
			if (call->session == session)
				found = call;
			break;
		}
	}
	spin_unlock(&actors_lock);
	return found;
}

/* ---- the event ---- */

static void queue_inode(struct qtfsd_session *session, struct qtfsd_mark *qm, u32 mask)
{
	spin_lock(&session->notify_lock);
	if (READ_ONCE(session->dead))
		goto unlock;
	session->notify_count++;
	qm->mask |= mask;
	/* fsnotify_get_mark() isn't exported, and would not be right: see above. */
	if (list_empty(&qm->queue) && refcount_inc_not_zero(&qm->mark.refcnt))
		list_add_tail(&qm->queue, &session->notify_marks);
unlock:
	spin_unlock(&session->notify_lock);
}

/* NULL: there are too many, or there is no memory. */
static struct name_event *event_make(struct qtfsd_session *session, u16 what,
				     const struct qtfsd_file_id *id, const struct qstr *name)
{
	struct name_event *event = NULL;

	if (READ_ONCE(session->notify_nr_names) < MAX_NAMES)
		event = kmalloc(struct_size(event, name, name->len), GFP_NOFS | __GFP_NOWARN);
	if (!event)
		return NULL;
	event->id = *id;
	event->mask = 0;
	event->what = what;
	event->len = name->len;
	memcpy(event->name, name->name, name->len);
	return event;
}

/* Queues @event, which it takes over; NULL: anything may have happened. */
static void event_queue(struct qtfsd_session *session, struct name_event *event)
{
	spin_lock(&session->notify_lock);
	/* Waits and polls are of nothing that is cached. */
	if (!event || (event->what & (QTFS_EVENT_NAME | QTFS_EVENT_PLACE)))
		session->notify_count++;
	if (event && !READ_ONCE(session->dead)) {
		list_add_tail(&event->list, &session->notify_names);
		session->notify_nr_names++;
		event = NULL;
	} else {
		session->notify_all = true;
	}
	spin_unlock(&session->notify_lock);
	kfree(event);
}

static void queue_name(struct qtfsd_session *session, const struct qtfsd_mark *qm, u32 mask,
		       const struct qstr *name)
{
	struct name_event *event = event_make(session, QTFS_EVENT_NAME, &qm->id, name);

	if (event)
		event->mask = mask;
	event_queue(session, event);
}

/*
 * The worker has a reference to the session.  None is ever dropped here: the
 * event handler must not be the one to free a session, whose end waits for it.
 */
static void work_queue(struct qtfsd_session *session)
{
	if (!test_and_set_bit(0, &session->notify_queued) &&
	    kref_get_unless_zero(&session->ref))
		queue_work(qtfsd.io_wq, &session->notify_work);
}

static void tell(struct qtfsd_session *session, u16 what, const struct qtfsd_file_id *id)
{
	const struct qstr no_name = QSTR_INIT("", 0);

	event_queue(session, event_make(session, what, id, &no_name));
	work_queue(session);
}

/* Tells the client of what has a number and happened, @what. */
void qtfsd_notify_number(struct qtfsd_session *session, u16 what, u64 number)
{
	const struct qtfsd_file_id id = { .ino = number };

	tell(session, what, &id);
}

/* Tells the client that a mount came or went where @node is. */
void qtfsd_notify_place(struct qtfsd_session *session, const struct qtfsd_node *node)
{
	struct qtfsd_file_id id;

	if (node->mark)
		tell(session, QTFS_EVENT_PLACE, &node->mark->id);
	else if (!qtfsd_node_id(node, &id))
		tell(session, QTFS_EVENT_PLACE, &id);
	else
		qtfsd_notify_all(session);
}

/* @call changes the marked inode.  RENAME alone says so: of what loses its name. */
static void note_own(struct qtfsd_call *call, const struct qtfsd_mark *qm, u32 mask)
{
	if (qtfsd_call_op(call) != QTFS_OP_RENAME || !(mask & FS_ATTRIB))
		return;
	call->victim = (struct qtfs_event){
		.ino = cpu_to_le64(qm->id.ino),
		.dev = cpu_to_le32(qm->id.dev),
		.gen = cpu_to_le32(qm->id.gen),
		.mask = cpu_to_le32(FS_ATTRIB),
		.what = cpu_to_le16(QTFS_EVENT_INODE),
	};
}

static int notify_event(struct fsnotify_mark *mark, u32 mask, struct inode *inode,
			struct inode *dir, const struct qstr *name)
{
	struct qtfsd_mark *qm = container_of(mark, struct qtfsd_mark, mark);
	struct qtfsd_session *session = qm->session;
	struct qtfsd_call *own = acts_for(session);
	unsigned int ms;

	if (own)
		note_own(own, qm, mask);
	if (own || READ_ONCE(session->dead))
		return 0;
	if (qtfs_fault(QTFS_FAULT_EVENT, QTFS_OP_NOTIFY, &ms))
		msleep(ms);
	if ((mask & NAME_EVENTS) && name && name->len <= QTFS_NAME_MAX)
		queue_name(session, qm, mask, name);
	else
		queue_inode(session, qm, mask);
	work_queue(session);
	return 0;
}

static void notify_free_mark(struct fsnotify_mark *mark)
{
	kfree(container_of(mark, struct qtfsd_mark, mark));
}

QTFS_DEFINE_INODE_EVENT(notify_event);

static const struct fsnotify_ops notify_ops = {
	.handle_inode_event = QTFS_OP(notify_event),
	.free_mark = notify_free_mark,
};

/* ---- marks ---- */

static struct qtfsd_mark *mark_make(struct qtfsd_session *session, const struct path *path)
{
	struct inode *inode = d_backing_inode(path->dentry);
	struct qtfsd_mark *qm;
	struct qtfsd_file_id id;
	int error;

	error = qtfsd_file_id(&id, path);
	if (error)
		return ERR_PTR(error);
	qm = kzalloc(sizeof(*qm), GFP_KERNEL);
	if (!qm)
		return ERR_PTR(-ENOMEM);
	qm->session = session;
	qm->users = 1;
	qm->id = id;
	INIT_LIST_HEAD(&qm->queue);
	fsnotify_init_mark(&qm->mark, session->notify_group);
	qm->mark.mask = INODE_EVENTS | (S_ISDIR(inode->i_mode) ? NAME_EVENTS : 0);

	error = fsnotify_add_inode_mark(&qm->mark, inode, 0);
	if (error) {
		fsnotify_put_mark(&qm->mark);
		return ERR_PTR(error);
	}
	return qm;
}

/*
 * The mark on the inode of @path, which is about to have one more node.  NULL
 * where nothing is told, since nothing may be cached.
 */
struct qtfsd_mark *qtfsd_mark_get(struct qtfsd_session *session, const struct path *path)
{
	struct inode *inode = d_backing_inode(path->dentry);
	struct fsnotify_mark *mark;
	struct qtfsd_mark *qm;

	if (qtfsd_uncached(inode))
		return NULL;

	mutex_lock(&session->marks_lock);
	mark = fsnotify_find_inode_mark(inode, session->notify_group);
	if (mark) {
		/* Whoever has a node keeps the mark: the reference isn't needed. */
		qm = container_of(mark, struct qtfsd_mark, mark);
		qm->users++;
		fsnotify_put_mark(mark);
	} else {
		qm = mark_make(session, path);
	}
	mutex_unlock(&session->marks_lock);
	return qm;
}

void qtfsd_mark_put(struct qtfsd_session *session, struct qtfsd_mark *qm)
{
	bool last;

	if (!qm)
		return;
	mutex_lock(&session->marks_lock);
	last = !--qm->users;
	if (last)
		fsnotify_destroy_mark(&qm->mark, session->notify_group);
	mutex_unlock(&session->marks_lock);
	if (last)
		fsnotify_put_mark(&qm->mark);
}

/* ---- frames ---- */

struct notify_frame {
	struct qtfs_frame frame;
	struct qtfsd_session *session;
	struct qtfsd_peer *peer;
	struct kvec vec;
	struct qtfs_hdr hdr;
	u8 data[DATA_SIZE] __aligned(8);
};

static void notify_sent(struct qtfs_frame *frame, int error)
{
	struct notify_frame *nf = container_of(frame, struct notify_frame, frame);
	struct qtfsd_session *session = nf->session;

	if (error) {
		/* What it said is lost. */
		spin_lock(&session->notify_lock);
		session->notify_all = true;
		spin_unlock(&session->notify_lock);
	}
	WRITE_ONCE(session->notify_busy, false);
	/* What has gathered meanwhile; it stays while there is no connection. */
	work_queue(session);
	qtfs_conn_put(&nf->peer->conn);
	qtfsd_session_put(session);
	kvfree(nf);
}

static bool put_event(struct notify_frame *nf, size_t *len, const struct qtfsd_file_id *id,
		      u32 mask, u16 what, const char *name, u16 name_len)
{
	size_t size = round_up(sizeof(struct qtfs_event) + name_len, 8);
	struct qtfs_event *event = (void *)nf->data + *len;

	if (*len + size > DATA_SIZE)
		return false;
	memset(event, 0, size);
	event->ino = cpu_to_le64(id->ino);
	event->dev = cpu_to_le32(id->dev);
	event->gen = cpu_to_le32(id->gen);
	event->mask = cpu_to_le32(mask);
	event->what = cpu_to_le16(what);
	event->name_len = cpu_to_le16(name_len);
	memcpy(event + 1, name, name_len);
	*len += size;
	return true;
}

/* Moves what has gathered into @nf.  Returns how many bytes it is. */
static size_t gather(struct qtfsd_session *session, struct notify_frame *nf)
{
	static const struct qtfsd_file_id nothing;
	struct qtfsd_mark *qm, *next;
	struct name_event *event;
	LIST_HEAD(marks);
	LIST_HEAD(names);
	size_t len = 0;

	spin_lock(&session->notify_lock);
	if (session->notify_all) {
		put_event(nf, &len, &nothing, 0, QTFS_EVENT_ALL, NULL, 0);
		session->notify_all = false;
	}
	while (!list_empty(&session->notify_names)) {
		event = list_first_entry(&session->notify_names, struct name_event, list);
		if (!put_event(nf, &len, &event->id, event->mask, event->what, event->name,
			       event->len))
			break;
		list_move_tail(&event->list, &names);
		session->notify_nr_names--;
	}
	while (!list_empty(&session->notify_marks)) {
		qm = list_first_entry(&session->notify_marks, struct qtfsd_mark, queue);
		if (!put_event(nf, &len, &qm->id, qm->mask, QTFS_EVENT_INODE, NULL, 0))
			break;
		qm->mask = 0;
		list_del_init(&qm->queue);	/* it may be queued again at once */
		list_add_tail(&qm->told, &marks);
	}
	nf->hdr.stamp = cpu_to_le64(session->notify_count);
	spin_unlock(&session->notify_lock);

	list_for_each_entry_safe(qm, next, &marks, told)
		fsnotify_put_mark(&qm->mark);
	while ((event = list_first_entry_or_null(&names, struct name_event, list))) {
		list_del(&event->list);
		kfree(event);
	}
	return len;
}

/* A connection of the session's that works, with a reference. */
static struct qtfsd_peer *peer_get(struct qtfsd_session *session)
{
	struct qtfsd_peer *peer, *found = NULL;

	spin_lock(&session->lock);
	list_for_each_entry(peer, &session->peers, in_session) {
		if (READ_ONCE(peer->conn.error) || READ_ONCE(peer->replaced) ||
		    !smp_load_acquire(&peer->greeted))		/* pairs with hello.c */
			continue;
		qtfs_conn_get(&peer->conn);
		found = peer;
		break;
	}
	spin_unlock(&session->lock);
	return found;
}

static bool anything(struct qtfsd_session *session)
{
	return session->notify_all || !list_empty(&session->notify_names) ||
	       !list_empty(&session->notify_marks);
}

static void notify_send(struct qtfsd_session *session)
{
	struct notify_frame *nf;
	size_t len;

	if (READ_ONCE(session->notify_busy) || READ_ONCE(session->dead) || !anything(session))
		return;
	/* The client believes what it has cached until it's told: so, however long it takes. */
	while (!(nf = kvmalloc(sizeof(*nf), GFP_KERNEL | __GFP_NOWARN))) {
		if (READ_ONCE(session->dead))
			return;
		schedule_timeout_idle(QTFSD_NO_MEMORY_PAUSE);
	}
	memset(nf, 0, offsetof(struct notify_frame, data));
	nf->peer = peer_get(session);
	if (!nf->peer) {
		kvfree(nf);
		return;
	}
	kref_get(&session->ref);
	nf->session = session;
	qtfs_hdr_init(&nf->hdr, QTFS_OP_NOTIFY, sizeof(nf->hdr));
	len = gather(session, nf);

	le32_add_cpu(&nf->hdr.len, len);
	nf->hdr.flags = cpu_to_le16(QTFS_FRAME_REPLY);
	nf->hdr.data_len = cpu_to_le32(len);
	nf->vec.iov_base = nf->data;
	nf->vec.iov_len = len;
	nf->frame.head.iov_base = &nf->hdr;
	nf->frame.head.iov_len = sizeof(nf->hdr);
	iov_iter_kvec(&nf->frame.data, ITER_SOURCE, &nf->vec, 1, len);
	nf->frame.done = notify_sent;

	WRITE_ONCE(session->notify_busy, true);
	if (!qtfsd_peer_send(nf->peer, &nf->frame))
		notify_sent(&nf->frame, -ENOTCONN);
}

static void notify_work(struct work_struct *work)
{
	struct qtfsd_session *session = container_of(work, struct qtfsd_session, notify_work);

	clear_bit(0, &session->notify_queued);
	smp_mb__after_atomic();		/* what is queued from here on queues the work as well */
	notify_send(session);
	qtfsd_session_put(session);
}

/* ---- sessions ---- */

/*
 * Anything may have changed: the client has a new connection, and frames may have been
 * lost with an old one; or there is a new policy.
 */
void qtfsd_notify_all(struct qtfsd_session *session)
{
	spin_lock(&session->notify_lock);
	session->notify_count++;
	session->notify_all = true;
	spin_unlock(&session->notify_lock);
	work_queue(session);
}

int qtfsd_notify_init(struct qtfsd_session *session)
{
	struct fsnotify_group *group;

	mutex_init(&session->marks_lock);
	spin_lock_init(&session->notify_lock);
	INIT_LIST_HEAD(&session->notify_marks);
	INIT_LIST_HEAD(&session->notify_names);
	INIT_WORK(&session->notify_work, notify_work);
	group = fsnotify_alloc_group(&notify_ops, 0);
	if (IS_ERR(group))
		return PTR_ERR(group);
	session->notify_group = group;
	return 0;
}

/*
 * No node is left, and so no mark but those that are queued.  The event handler
 * may still run, but sees under notify_lock that the session is dead and queues
 * nothing after this.
 */
void qtfsd_notify_exit(struct qtfsd_session *session)
{
	struct name_event *event, *next_event;
	struct qtfsd_mark *qm, *next;
	LIST_HEAD(marks);
	LIST_HEAD(names);

	if (!session->notify_group)
		return;
	spin_lock(&session->notify_lock);
	list_splice_init(&session->notify_marks, &marks);
	list_splice_init(&session->notify_names, &names);
	spin_unlock(&session->notify_lock);
	list_for_each_entry_safe(qm, next, &marks, queue) {
		list_del_init(&qm->queue);
		fsnotify_put_mark(&qm->mark);
	}
	list_for_each_entry_safe(event, next_event, &names, list)
		kfree(event);
	/*
	 * A mark's group lives until the mark is freed, after a grace period that
	 * waits for the event handler as well: only then may the session go.
	 */
	fsnotify_put_group(session->notify_group);
	fsnotify_wait_marks_destroyed();
}
