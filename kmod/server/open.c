// SPDX-License-Identifier: GPL-2.0
/*
 * Opens: the open files of a session.  References, lookups and the race with
 * the end of the session are those of nodes: see node.c.
 *
 * The file is closed where the last reference goes: usually before RELEASE is
 * answered.  Where the engine has the file in its hands at that moment, its
 * thread closes it.
 */
#include "server/qtfsd.h"

#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

static void open_release(struct kref *ref)
{
	struct qtfsd_open *open = container_of(ref, struct qtfsd_open, ref);

	qtfsd_locks_drop(open);
	qtfsd_poll_end(open);
	qtfsd_fput(open->file);
	kfree_rcu(open, rcu);
}

void qtfsd_open_put(struct qtfsd_open *open)
{
	if (open)
		kref_put(&open->ref, open_release);
}

static bool open_erase(struct qtfsd_session *session, struct qtfsd_open *open)
{
	u32 index = qtfsd_number_index(open->number);

	if (xa_cmpxchg(&session->opens, index, open, NULL, 0) != open)
		return false;
	atomic_dec(&session->nr_opens);
	qtfsd_open_put(open);
	return true;
}

/*
 * Makes an open of @file, whose reference it takes over, whatever happens.
 * @policy is the epoch of the policy that allowed it.  -ENFILE at the session's
 * limit, -ESTALE if the session has ended.
 */
struct qtfsd_open *qtfsd_open_make(struct qtfsd_session *session, struct file *file, u32 flags,
				   u64 policy)
{
	struct qtfsd_open *open;
	u32 index;
	int error;

	open = kzalloc(sizeof(*open), GFP_KERNEL);
	if (!open) {
		qtfsd_fput(file);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&open->ref);
	open->file = file;
	open->flags = flags;
	qtfsd_fast_init(open);
	if (open->fast_read)
		open->read_grant = policy;
	if (open->fast_write)
		open->write_grant = policy;

	error = xa_alloc(&session->opens, &index, NULL,
			 XA_LIMIT(1, max(READ_ONCE(qtfsd.limits.opens), 1u)), GFP_KERNEL);
	if (error) {
		qtfsd_open_put(open);
		return ERR_PTR(error == -EBUSY ? -ENFILE : error);
	}
	open->number = qtfsd_number(session, index);
	kref_get(&open->ref);
	atomic_inc(&session->nr_opens);
	xa_store(&session->opens, index, open, GFP_KERNEL);	/* reserved: can't fail */

	smp_mb();	/* pairs with session_end() */
	if (READ_ONCE(session->dead)) {
		open_erase(session, open);
		qtfsd_open_put(open);
		return ERR_PTR(-ESTALE);
	}
	return open;
}

/* What the client must know of an open @file: QTFS_OPENED_*. */
u32 qtfsd_opened_flags(const struct file *file, const struct qtfs_attr *attr)
{
	umode_t mode = file_inode(file)->i_mode;
	u32 flags = 0;

	if ((attr->flags & cpu_to_le32(QTFS_ATTR_UNCACHED)) || !(S_ISREG(mode) || S_ISDIR(mode)))
		flags |= QTFS_OPENED_UNCACHED;
	if ((file->f_mode & FMODE_STREAM) || !(file->f_mode & FMODE_PREAD))
		flags |= QTFS_OPENED_STREAM;
	if (file_can_poll((struct file *)file))
		flags |= QTFS_OPENED_POLL;
	return flags;
}

/* Returns the open with a reference, NULL if there is none of that number. */
struct qtfsd_open *qtfsd_open_get(struct qtfsd_session *session, u64 number)
{
	struct qtfsd_open *open;

	rcu_read_lock();
	open = xa_load(&session->opens, qtfsd_number_index(number));
	if (open && (open->number != number || !kref_get_unless_zero(&open->ref)))
		open = NULL;
	rcu_read_unlock();
	return open;
}

/* Takes @number out of the table.  False if it isn't there (any more). */
bool qtfsd_open_release(struct qtfsd_session *session, u64 number)
{
	struct qtfsd_open *open = qtfsd_open_get(session, number);
	bool erased = open && open_erase(session, open);

	qtfsd_open_put(open);
	return erased;
}

/* The session is dead. */
void qtfsd_opens_release_all(struct qtfsd_session *session)
{
	struct qtfsd_open *open;
	unsigned long index;

	xa_for_each(&session->opens, index, open) {
		open_erase(session, open);
		cond_resched();
	}
}
