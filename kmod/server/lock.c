// SPDX-License-Identifier: GPL-2.0
/*
 * LOCK: the locks of clients are locks of this kernel's files.
 *
 * A POSIX or OFD lock belongs to an owner: a number that the client chose, and
 * its session.  Here that is a struct lock_owner, which lives as long as a lock
 * names it.  flock() belongs to the open file.  So locks of two clients and of
 * processes on this machine exclude each other as they should.
 *
 * A lock that has to be waited for is waited for as wait.c says, since flock()
 * can't be waited for in another way.  A cancelled wait says whether the lock had
 * been got already.
 *
 * Locks go with the open file they were made through: on the server nothing else
 * knows which process of the client they are for, and the client unlocks what is
 * to go earlier.
 *
 * References: wait -> open.  An owner has none to the session: its pointer is
 * cleared when that ends, under owners_lock.
 *
 * Locks: owners_lock is a leaf.  The file lock code calls
 * owner_get() and owner_put() under its own.
 */
#include "server/qtfsd.h"

#include <linux/filelock.h>
#include <linux/slab.h>

struct lock_owner {
	struct list_head list;		/* session->lock_owners */
	refcount_t ref;
	u64 number;			/* the client's */
	struct qtfsd_session *session;	/* NULL: it has ended */
};

struct lock_wait {
	struct qtfsd_wait wait;
	struct qtfsd_open *open;
	struct lock_owner *owner;
	struct qtfs_lock args;
};

static DEFINE_SPINLOCK(owners_lock);	/* lists of owners, and their sessions */

/* ---- owners ---- */

static fl_owner_t owner_get(fl_owner_t p)
{
	struct lock_owner *owner = p;

	refcount_inc(&owner->ref);
	return p;
}

static void owner_put(fl_owner_t p)
{
	struct lock_owner *owner = p;

	bool last;

	if (!owner)
		return;
	spin_lock(&owners_lock);
	last = refcount_dec_and_test(&owner->ref);
	if (last)
		list_del(&owner->list);
	spin_unlock(&owners_lock);
	if (last)
		kfree(owner);
}

static const struct lock_manager_operations lock_ops = {
	.lm_get_owner = owner_get,
	.lm_put_owner = owner_put,
};

static struct lock_owner *owner_find(struct qtfsd_session *session, u64 number)
{
	struct lock_owner *owner;

	list_for_each_entry(owner, &session->lock_owners, list)
		if (owner->number == number) {
			refcount_inc(&owner->ref);
			return owner;
		}
	return NULL;
}

/* The owner @number of @session, with a reference.  NULL when memory is short. */
static struct lock_owner *owner_of(struct qtfsd_session *session, u64 number)
{
	struct lock_owner *fresh = kmalloc(sizeof(*fresh), GFP_KERNEL), *owner;

	if (!fresh)
		return NULL;
	refcount_set(&fresh->ref, 1);
	fresh->number = number;
	fresh->session = session;

	spin_lock(&owners_lock);
	owner = owner_find(session, number);
	if (!owner) {
		list_add(&fresh->list, &session->lock_owners);
		swap(owner, fresh);
	}
	spin_unlock(&owners_lock);
	kfree(fresh);
	return owner;
}

/* Whether a lock with these fields is one of @session's. */
static bool lock_is_of(const struct file_lock *fl, const struct qtfsd_session *session)
{
	const struct lock_owner *owner = qtfs_flc(fl, owner);
	bool is;

	if (fl->fl_lmops != &lock_ops)
		return false;
	spin_lock(&owners_lock);
	is = owner->session == session;
	spin_unlock(&owners_lock);
	return is;
}

/* ---- locks ---- */

/* What @args mean, for the file of @open.  @owner is NULL for flock(). */
static void lock_init(struct file_lock *fl, const struct qtfs_lock *args, struct file *file,
		      struct lock_owner *owner)
{
	static const unsigned char types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	u32 flags = le32_to_cpu(args->flags);

	locks_init_lock(fl);
	qtfs_flc(fl, type) = types[le32_to_cpu(args->type)];
	qtfs_flc(fl, file) = file;
	/* Those of other machines are negative by convention. */
	qtfs_flc(fl, pid) = -(pid_t)(le32_to_cpu(args->pid) & INT_MAX);
	if (flags & QTFS_LOCK_FLOCK) {
		qtfs_flc(fl, flags) = FL_FLOCK;
		qtfs_flc(fl, owner) = (fl_owner_t)file;
		fl->fl_end = OFFSET_MAX;
		return;
	}
	qtfs_flc(fl, flags) = FL_POSIX | (flags & QTFS_LOCK_OFD ? FL_OFDLCK : 0);
	qtfs_flc(fl, owner) = owner_get(owner);
	fl->fl_lmops = &lock_ops;
	fl->fl_start = le64_to_cpu(args->start);
	fl->fl_end = le64_to_cpu(args->end);
}

static int flock_once(struct file *file, struct file_lock *fl)
{
	if (file->f_op->flock)
		return file->f_op->flock(file, qtfs_flc(fl, flags) & FL_SLEEP ? F_SETLKW : F_SETLK,
					 fl);
	return locks_lock_file_wait(file, fl);
}

/* Sets the lock @fl, waiting for it if FL_SLEEP is set. */
static int lock_set(struct file *file, struct file_lock *fl)
{
	int error;

	if (qtfs_flc(fl, flags) & FL_FLOCK)
		return flock_once(file, fl);
	for (;;) {
		error = vfs_lock_file(file, qtfs_flc(fl, flags) & FL_SLEEP ? F_SETLKW : F_SETLK,
				      fl, NULL);
		if (error != FILE_LOCK_DEFERRED)
			break;
		error = wait_event_interruptible(qtfs_flc(fl, wait),
						 list_empty(&qtfs_flc(fl, blocked_member)));
		if (error)
			break;
	}
	locks_delete_block(fl);
	return error;
}

/* Sets the lock that @args describe, at once or (@wait) when it can be had. */
static int lock_by_args(struct qtfsd_open *open, const struct qtfs_lock *args,
			struct lock_owner *owner, bool wait)
{
	struct file_lock fl;
	int error;

	lock_init(&fl, args, open->file, owner);
	if (wait)
		qtfs_flc(&fl, flags) |= FL_SLEEP;
	error = lock_set(open->file, &fl);
	locks_release_private(&fl);
	return error;
}

/* Tells which lock is in the way of @args, type 2 (unlock) if none is. */
static int lock_test(struct qtfsd_call *call, const struct qtfs_lock *args,
		     struct lock_owner *owner, struct qtfs_lock_rep *rep)
{
	struct file *file = call->open->file;
	struct file_lock fl;
	int error;
	pid_t pid;

	/* What is in the way takes the owner's place, with a reference of its own. */
	lock_init(&fl, args, file, owner);
	owner_put(owner);
	fl.fl_lmops = NULL;
	error = vfs_test_lock(file, &fl);
	pid = qtfs_flc(&fl, pid);
	if (!error) {
		rep->type = cpu_to_le32(lock_is_unlock(&fl) ? 2 : lock_is_write(&fl) ? 1 : 0);
		rep->start = cpu_to_le64(fl.fl_start);
		rep->end = cpu_to_le64(fl.fl_end);
		/* What is a process of the client's own it gets told as such. */
		if (qtfs_flc(&fl, flags) & FL_OFDLCK)
			pid = -1;
		else if (lock_is_of(&fl, call->session))
			pid = abs(pid);
		else
			pid = -abs(pid);
		rep->pid = cpu_to_le32(pid);
	}
	locks_release_private(&fl);
	return error;
}

/* Unlocks all that was locked through @open, which is about to be closed. */
void qtfsd_locks_drop(struct qtfsd_open *open)
{
	struct file_lock *fl, unlock;
	struct file_lock_context *ctx;
	bool found;

	/* Pairs with the release where the file lock code made it. */
	ctx = smp_load_acquire(&file_inode(open->file)->i_flctx);
	if (!READ_ONCE(open->locked) || !ctx)
		return;
	do {
		found = false;
		spin_lock(&ctx->flc_lock);
		qtfs_for_each_posix_lock(fl, ctx) {
			if (qtfs_flc(fl, file) != open->file || fl->fl_lmops != &lock_ops)
				continue;
			locks_init_lock(&unlock);
			qtfs_flc(&unlock, owner) = owner_get(qtfs_flc(fl, owner));
			found = true;
			break;
		}
		spin_unlock(&ctx->flc_lock);
		if (!found)
			break;
		unlock.fl_lmops = &lock_ops;
		unlock.fl_end = OFFSET_MAX;
		qtfs_flc(&unlock, flags) = FL_POSIX | FL_CLOSE;
		qtfs_flc(&unlock, type) = F_UNLCK;
		qtfs_flc(&unlock, file) = open->file;
		found = !vfs_lock_file(open->file, F_SETLK, &unlock, NULL);
		locks_release_private(&unlock);
	} while (found);
}

static unsigned int locks_through(struct qtfsd_open *open)
{
	struct file_lock_context *ctx;
	struct file_lock *fl;
	unsigned int count = 0;

	/* Pairs with the release where the file lock code made it. */
	ctx = smp_load_acquire(&file_inode(open->file)->i_flctx);
	if (!ctx)
		return 0;
	spin_lock(&ctx->flc_lock);
	qtfs_for_each_posix_lock(fl, ctx)
		count += qtfs_flc(fl, file) == open->file;
	qtfs_for_each_flock(fl, ctx)
		count += qtfs_flc(fl, file) == open->file;
	spin_unlock(&ctx->flc_lock);
	return count;
}

/* How many locks the client holds: to be shown. */
unsigned int qtfsd_locks_count(struct qtfsd_session *session)
{
	struct qtfsd_open *open;
	unsigned int count = 0;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&session->opens, index, open) {
		if (!kref_get_unless_zero(&open->ref))
			continue;
		rcu_read_unlock();
		count += locks_through(open);
		qtfsd_open_put(open);
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	return count;
}

/* ---- waiting ---- */

static int lock_wait_run(struct qtfsd_wait *wait)
{
	struct lock_wait *lw = container_of(wait, struct lock_wait, wait);

	return lock_by_args(lw->open, &lw->args, lw->owner, true);
}

static void lock_wait_free(struct qtfsd_wait *wait)
{
	struct lock_wait *lw = container_of(wait, struct lock_wait, wait);

	owner_put(lw->owner);
	qtfsd_open_put(lw->open);
	kfree(lw);
}

static const struct qtfsd_wait_ops lock_wait_ops = {
	.name = "qtfsd-lock",
	.run = lock_wait_run,
	.free = lock_wait_free,
};

/* Begins to wait for what @args describe. */
static int lock_wait_start(struct qtfsd_call *call, const struct qtfs_lock *args,
			   struct lock_owner *owner)
{
	struct lock_wait *lw = kzalloc(sizeof(*lw), GFP_KERNEL);
	int error;

	if (!lw)
		return -ENOMEM;
	lw->args = *args;
	lw->open = call->open;
	kref_get(&lw->open->ref);
	if (owner)
		lw->owner = owner_get(owner);
	error = qtfsd_wait_start(call->session, &lw->wait, &lock_wait_ops,
				 le64_to_cpu(args->wait));
	return error == -ENFILE ? -ENOLCK : error;
}

/* The session is dead, and waits for nothing any more. */
void qtfsd_locks_end(struct qtfsd_session *session)
{
	struct lock_owner *owner, *next;

	spin_lock(&owners_lock);
	list_for_each_entry_safe(owner, next, &session->lock_owners, list) {
		list_del_init(&owner->list);
		owner->session = NULL;
	}
	spin_unlock(&owners_lock);
}

/* ---- the call ---- */

static int lock_allowed(const struct file *file, const struct qtfs_lock *args)
{
	u32 type = le32_to_cpu(args->type);

	if (type > 2 || le64_to_cpu(args->end) > OFFSET_MAX ||
	    le64_to_cpu(args->start) > le64_to_cpu(args->end))
		return -EINVAL;
	/* As fcntl(2); the client's kernel has asked its own file. */
	if (!(args->flags & cpu_to_le32(QTFS_LOCK_FLOCK | QTFS_LOCK_TEST)) &&
	    ((type == 0 && !(file->f_mode & FMODE_READ)) ||
	     (type == 1 && !(file->f_mode & FMODE_WRITE))))
		return -EBADF;
	return 0;
}

static int lock_cancel(struct qtfsd_call *call, const struct qtfs_lock *args)
{
	struct qtfsd_wait *wait;
	bool found;
	int error;

	wait = qtfsd_wait_take(call->session, &lock_wait_ops, le64_to_cpu(args->wait), false,
			       &found);
	if (!wait)
		return -ENOENT;
	error = qtfsd_wait_cancel(wait);
	qtfsd_wait_free(wait);
	return error;
}

static int lock_again(struct qtfsd_call *call, const struct qtfs_lock *args, bool *found)
{
	struct qtfsd_wait *wait;
	int error;

	wait = qtfsd_wait_take(call->session, &lock_wait_ops, le64_to_cpu(args->wait), true,
			       found);
	if (!wait) {
		call->reply.lock.flags = cpu_to_le32(QTFS_LOCK_WAITING);
		return 0;
	}
	error = wait->error;
	qtfsd_wait_free(wait);
	return error == -ERESTARTSYS ? -EINTR : error;
}

/*
 * Whether those who had locks before the server was started may still come for
 * them, so that nobody else is given any.  Only to unlock is always good.
 */
static bool in_grace(const struct qtfs_lock *args)
{
	unsigned long grace = min(READ_ONCE(qtfsd.limits.grace), 3600u) * HZ;

	return !(args->flags & cpu_to_le32(QTFS_LOCK_RECLAIM)) && args->type != cpu_to_le32(2) &&
	       time_before(jiffies, qtfsd.started + grace);
}

static int do_lock(struct qtfsd_call *call, const struct qtfs_lock *args, struct lock_owner *owner)
{
	u32 flags = le32_to_cpu(args->flags);
	bool found;
	int error;

	if (flags & QTFS_LOCK_TEST)
		return lock_test(call, args, owner, &call->reply.lock);
	if (flags & QTFS_LOCK_CANCEL)
		return lock_cancel(call, args);
	if (flags & QTFS_LOCK_WAIT) {
		error = lock_again(call, args, &found);
		if (found)
			return error;
		call->reply.lock.flags = 0;
	}
	if (in_grace(args)) {
		call->reply.lock.flags = cpu_to_le32(QTFS_LOCK_GRACE);
		return 0;
	}
	if (!(flags & QTFS_LOCK_FLOCK))
		WRITE_ONCE(call->open->locked, true);
	error = lock_by_args(call->open, args, owner, false);
	if (error != -EAGAIN || !(flags & QTFS_LOCK_WAIT))
		return error;
	error = lock_wait_start(call, args, owner);
	if (!error)
		call->reply.lock.flags = cpu_to_le32(QTFS_LOCK_WAITING);
	return error;
}

/* Carries LOCK out, in a worker, and answers it. */
void qtfsd_lock_run(struct qtfsd_call *call)
{
	const struct qtfs_lock *args = call->args;
	struct qtfs_lock_rep *rep = &call->reply.lock;
	struct file *file = call->open->file;
	struct lock_owner *owner = NULL;
	int error;

	memset(rep, 0, sizeof(*rep));
	error = lock_allowed(file, args);
	if (!error && !(args->flags & cpu_to_le32(QTFS_LOCK_FLOCK))) {
		owner = owner_of(call->session, le64_to_cpu(args->owner));
		if (!owner)
			error = -ENOMEM;
	}
	if (!error)
		error = do_lock(call, args, owner);
	owner_put(owner);
	if (!error) {
		/* Who got the lock sees all that was done before it was let go. */
		call->stamp = READ_ONCE(call->session->notify_count);
		error = qtfsd_attr_fill(&rep->attr, &file->f_path, false);
	}
	qtfsd_reply(call, error);
}
