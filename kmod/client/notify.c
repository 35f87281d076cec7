// SPDX-License-Identifier: GPL-2.0
/*
 * Events from the server: what others changed is dropped from our caches.
 *
 * The connection's thread takes a NOTIFY frame and notes its stamp at once
 * (session->stamp), then a worker expires what the events name, since to put the
 * last reference to an inode may have to wait for that very thread.
 *
 * When memory is short for a frame's events, they are thrown away, and everything
 * is expired.
 *
 * Whoever watches with inotify here is told as well, of names in a directory and
 * of changes to a file that has been looked up.
 *
 * Expiring is all: the next use asks the server, and sees from what it says
 * whether cached data is still right.  A positive or negative name is expired by
 * its dentry's d_time, attributes by attr_expires.
 *
 * An answer that was under way while an event came may be older than the event.
 * Whoever lets an answer be believed does it in this order: store it, barrier,
 * compare its stamp with session->stamp, expire it again if that is higher.  The
 * thread here: store the stamp, barrier, look for what to expire.  So one of
 * them sees the other.
 */
#include "qtfs.h"

#include <linux/fsnotify.h>
#include <linux/slab.h>

#include "frame.h"

#define NAME_EVENTS	(FS_CREATE | FS_DELETE | FS_MOVED_FROM | FS_MOVED_TO)

struct notification {
	struct llist_node list;
	u32 len;
	u8 data[] __aligned(8);
};

/* Whether an answer of this @age may have been overtaken by an event. */
bool qtfs_overtaken(const struct qtfs_session *session, const struct qtfs_age *age)
{
	smp_mb();	/* see above */
	return READ_ONCE(session->stamp) > age->stamp;
}

/* Whether @inode is of the file that @event names. */
bool qtfs_event_is_of(const struct qtfs_event *event, const struct inode *inode)
{
	return inode->i_ino == le64_to_cpu(event->ino) &&
	       qtfs_i(inode)->server_dev == le32_to_cpu(event->dev) &&
	       qtfs_i(inode)->gen == le32_to_cpu(event->gen);
}

static int inode_test(struct inode *inode, void *event)
{
	return qtfs_event_is_of(event, inode);
}

static void apply_name(struct inode *dir, u32 mask, const char *event_name, size_t len)
{
	struct dentry *parent, *dentry;
	char name[QTFS_NAME_MAX + 1];
	struct qstr qname = QSTR_INIT(name, len);

	if (!qtfs_name_ok(QTFS_NAME_COMPONENT, event_name, len))
		return;
	/* Listeners copy it up to its NUL; in the event there may be none. */
	memcpy(name, event_name, len);
	name[len] = '\0';
	parent = d_find_any_alias(dir);
	if (!parent)
		return;
	dentry = d_hash_and_lookup(parent, &qname);
	if (!IS_ERR_OR_NULL(dentry)) {
		qtfs_dentry_expire(dentry);
		/* Nobody uses what was removed: its space is wanted back. */
		if ((mask & FS_DELETE) && d_count(dentry) == 1)
			d_invalidate(dentry);
		dput(dentry);
	}
	dput(parent);
	/* Without the file's own inode, which may never have been looked up. */
	fsnotify(mask & (NAME_EVENTS | FS_ISDIR), dir, FSNOTIFY_EVENT_INODE, dir, &qname, NULL, 0);
}

static void tell_inode(struct inode *inode, u32 mask)
{
	struct dentry *dentry = qtfs_find_alias(inode);

	if (!dentry)
		return;
	mask &= FS_ATTRIB | FS_MODIFY;
	if (mask)
		fsnotify_dentry(dentry, mask);
	dput(dentry);
}

/* Others have changed @inode: what is known of it, and an open file kept for it, may be wrong. */
static void expire_inode(struct inode *inode)
{
	qtfs_expire_attr(inode);
	qtfs_deferred_drop(inode);
}

/* A mount has come or gone where @inode is: its names may lead elsewhere. */
void qtfs_expire_place(struct inode *inode)
{
	struct dentry *dentry;

	spin_lock(&inode->i_lock);
	hlist_for_each_entry(dentry, &inode->i_dentry, qtfs_d_alias)
		qtfs_dentry_expire(dentry);
	spin_unlock(&inode->i_lock);
}

/* The inode, with a reference, that @event names; NULL: nothing is known of it here. */
static struct inode *event_inode(struct super_block *sb, const struct qtfs_event *event)
{
	unsigned long hash = qtfs_inode_hash(le64_to_cpu(event->ino), le32_to_cpu(event->dev));

	return ilookup5(sb, hash, inode_test, (void *)event);
}

/* Anything may have happened. */
static void lost_events(struct qtfs_session *session, struct super_block *sb)
{
	qtfs_expire_all(sb);
	qtfs_wait_event(session, 0);
	qtfs_poll_event(session, 0);
}

/* To what @sb, of one or more super blocks, knows of the file that @event names. */
static void apply_to(struct super_block *sb, const struct qtfs_event *event)
{
	u32 mask = le32_to_cpu(event->mask);
	u16 what = le16_to_cpu(event->what);
	struct inode *inode = event_inode(sb, event);

	if (!inode)
		return;
	expire_inode(inode);
	if (what & QTFS_EVENT_PLACE)
		qtfs_expire_place(inode);
	/* All paths below it are others. */
	if ((mask & FS_MOVE_SELF) && S_ISDIR(inode->i_mode))
		qtfs_deferred_expire(qtfs_sb(sb));
	if (mask & FS_MODIFY)
		qtfs_drop_data(inode);
	if (what & QTFS_EVENT_INODE)
		tell_inode(inode, mask);
	else if ((what & QTFS_EVENT_NAME) && S_ISDIR(inode->i_mode))
		apply_name(inode, mask, (const char *)(event + 1),
			   le16_to_cpu(event->name_len));
	iput(inode);
}

/* This client has changed the file that @event names, by an inode of another super block. */
void qtfs_notify_twin(struct super_block *sb, const struct qtfs_event *event)
{
	struct inode *inode = event_inode(sb, event);

	if (!inode)
		return;
	expire_inode(inode);
	qtfs_drop_data(inode);
	if (S_ISDIR(inode->i_mode))
		qtfs_names_expire(inode);
	iput(inode);
}

static void apply(struct super_block *sb, const struct qtfs_event *event)
{
	struct qtfs_sb *sbi = qtfs_sb(sb);
	u64 number = le64_to_cpu(event->ino);
	u16 what = le16_to_cpu(event->what);
	struct qtfs_super *super;

	if (what & QTFS_EVENT_ALL) {
		lost_events(qtfs_session_of(sb), sb);
		return;
	}
	if (what & QTFS_EVENT_WAIT) {
		qtfs_wait_event(qtfs_session_of(sb), number);
		return;
	}
	if (what & QTFS_EVENT_POLL) {
		qtfs_poll_event(qtfs_session_of(sb), number);
		return;
	}
	down_read(&sbi->supers_lock);
	list_for_each_entry(super, &sbi->supers, list)
		apply_to(super->sb, event);
	up_read(&sbi->supers_lock);
	if (what & QTFS_EVENT_PLACE)
		qtfs_mountpoints_doubt(sbi, event);
}

/*
 * A RENAME of this client took a name from the file that @event names, if it names one.
 * The VFS tells listeners itself if that is @known, which had the name here; may be NULL.
 */
void qtfs_notify_victim(struct super_block *sb, const struct qtfs_event *event,
			const struct inode *known)
{
	struct inode *inode;

	if (le16_to_cpu(event->what) != QTFS_EVENT_INODE)
		return;
	inode = event_inode(sb, event);
	if (!inode)
		return;
	expire_inode(inode);
	if (inode != known)
		tell_inode(inode, FS_ATTRIB);
	iput(inode);
}

/* Returns the event at @p, NULL if it isn't whole. */
static const struct qtfs_event *event_at(const u8 *p, size_t left, size_t *size)
{
	const struct qtfs_event *event = (const void *)p;

	if (left < sizeof(*event))
		return NULL;
	*size = round_up(sizeof(*event) + le16_to_cpu(event->name_len), 8);
	if (*size > left || le16_to_cpu(event->name_len) > QTFS_NAME_MAX)
		return NULL;
	return event;
}

static bool events_ok(const struct notification *n)
{
	size_t at, size;

	for (at = 0; at < n->len; at += size)
		if (!event_at(n->data + at, n->len - at, &size))
			return false;
	return true;
}

void qtfs_notify_work(struct work_struct *work)
{
	struct qtfs_session *session = container_of(work, struct qtfs_session, notify_work);
	struct llist_node *list = llist_reverse_order(llist_del_all(&session->notifications));
	/* Pairs with qtfs_fill_super().  NULL: there is nothing to expire yet. */
	struct super_block *sb = smp_load_acquire(&session->sb);
	struct notification *n, *next;

	if (test_and_clear_bit(0, &session->missed) && sb && !READ_ONCE(session->quiet))
		lost_events(session, sb);
	llist_for_each_entry_safe(n, next, list, list) {
		const struct qtfs_event *event;
		size_t at, size;

		for (at = 0; at < n->len && sb && !READ_ONCE(session->quiet); at += size) {
			event = event_at(n->data + at, n->len - at, &size);
			apply(sb, event);
		}
		kvfree(n);
	}
}

/* Frees what was not worked on; the session is at its end. */
void qtfs_notify_drop(struct qtfs_session *session)
{
	struct notification *n, *next;

	llist_for_each_entry_safe(n, next, llist_del_all(&session->notifications), list)
		kvfree(n);
}

/* Receives @len bytes of events.  NULL: there was no memory and they are gone. */
static struct notification *events_receive(struct qtfs_session *session, struct qtfs_conn *conn,
					   u32 len)
{
	struct notification *n;
	int error;

	n = kvmalloc(struct_size(n, data, len), GFP_NOFS);
	if (!n) {
		error = qtfs_conn_discard(conn, len);
		return ERR_PTR(error);
	}
	n->len = len;
	error = qtfs_conn_recv(conn, n->data, len);
	if (!error && !qtfs_conn_crc_good(conn))
		error = qtfs_bad_frame(session, QTFS_FRAME_BAD_CRC);
	if (!error && !events_ok(n))
		error = qtfs_bad_frame(session, QTFS_FRAME_BAD_FIELD);
	if (error) {
		kvfree(n);
		return ERR_PTR(error);
	}
	return n;
}

/* Receives the rest of a NOTIFY frame, in the connection's thread. */
int qtfs_notify_receive(struct qtfs_session *session, struct qtfs_conn *conn,
			const struct qtfs_hdr *hdr)
{
	struct notification *n = events_receive(session, conn, le32_to_cpu(hdr->data_len));

	if (IS_ERR(n))
		return PTR_ERR(n);

	WRITE_ONCE(session->stamp, session->stamp_base + le64_to_cpu(hdr->stamp));
	smp_mb();	/* see above */
	atomic64_inc(&session->requests[QTFS_OP_NOTIFY]);
	if (n)
		llist_add(&n->list, &session->notifications);
	else
		set_bit(0, &session->missed);
	queue_work(qtfs_wq, &session->notify_work);
	return 0;
}
