// SPDX-License-Identifier: GPL-2.0
/*
 * Locks: fcntl(2), of processes and of open file descriptions, and flock(2).
 *
 * They are the server's (LOCK), unless the mount says local_lock=.  What it has
 * granted is entered into the VFS's own tables as well: so a close of a file
 * without locks costs nothing, and /proc/locks tells the truth.  Set: the server
 * first, then here.  Unlock: here first, then the server, so that nobody is given
 * by the server what is still somebody else's here.
 *
 * A lock that has to be waited for is waited for as wait.c says.  A signal cancels
 * the wait on the server; if that says the lock had been got already, then so be it.
 *
 * Who gets a lock has to see what was written before it was let go, and who lets
 * one go has to have written: dirty pages go before an unlock, and with a lock
 * come the file's attributes and the count of events, see lock_refresh().
 *
 * After a restart of the server the locks that are entered here are taken again when
 * their files are opened again (recover.c), while the server gives nobody else any.
 * Where that fails, somebody may have changed what the lock was to protect: then the
 * file can't be used any more, EIO.
 */
#include "qtfs.h"

#include <linux/filelock.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/* Until we ask again while clients of a server that was restarted get their locks back. */
#define GRACE_PAUSE	(HZ / 4)

static int lock_rpc(struct file *file, struct qtfs_lock *body, u32 flags,
		    struct qtfs_lock_rep *rep, struct qtfs_age *age)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_LOCK,
		.file = qtfs_file(file),
		.body = body,
		.reply = rep,
	};
	int error;

	body->flags = cpu_to_le32(flags);
	for (;;) {
		error = qtfs_rpc_call(qtfs_session_of(file_inode(file)->i_sb), &rpc);
		*age = rpc.age;
		if (error || !(rep->flags & cpu_to_le32(QTFS_LOCK_GRACE)))
			return error;
		/*
		 * Some seconds at most, in which nobody is known to have the lock: no
		 * signal but a fatal one would make a local file system say EINTR.
		 */
		schedule_timeout_killable(GRACE_PAUSE);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/* Gives a wait up.  0: too late, the lock is ours. */
static int lock_cancel(struct file *file, struct qtfs_lock *body, struct qtfs_lock_rep *rep,
		       struct qtfs_age *age)
{
	u32 flags = le32_to_cpu(body->flags) & (QTFS_LOCK_FLOCK | QTFS_LOCK_OFD);

	return lock_rpc(file, body, flags | QTFS_LOCK_CANCEL, rep, age) ? -ERESTARTSYS : 0;
}

/* Asks for the lock until it's there. */
static int lock_waiting(struct file *file, struct qtfs_lock *body, u32 flags,
			struct qtfs_lock_rep *rep, struct qtfs_age *age)
{
	struct qtfs_session *session = qtfs_session_of(file_inode(file)->i_sb);
	struct qtfs_wait wait;
	int error;

	qtfs_wait_begin(session, &wait);
	body->wait = cpu_to_le64(wait.number);
	for (;;) {
		error = lock_rpc(file, body, flags | QTFS_LOCK_WAIT, rep, age);
		if (error == -EINTR && signal_pending(current))
			error = lock_cancel(file, body, rep, age);
		else if (!error && (rep->flags & cpu_to_le32(QTFS_LOCK_WAITING)))
			error = -EAGAIN;
		if (error != -EAGAIN)
			break;
		if (qtfs_wait_for_event(session, &wait)) {
			error = lock_cancel(file, body, rep, age);
			break;
		}
	}
	qtfs_wait_end(session, &wait);
	return error;
}

/*
 * What is cached must be as new as the lock.  The attributes came after the lock
 * was granted; if events that were counted before have not come yet, they may be
 * about this file.
 */
static void lock_refresh(struct inode *inode, const struct qtfs_lock_rep *rep,
			 const struct qtfs_age *age)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);

	if (qtfs_uncached(inode))
		return;
	if (READ_ONCE(session->stamp) < age->stamp) {
		qtfs_expire_attr(inode);
		qtfs_drop_data(inode);
		return;
	}
	flush_work(&session->notify_work);
	qtfs_update_inode(inode, &rep->attr, age);
}

static u32 lock_type(struct file_lock *fl)
{
	return lock_is_unlock(fl) ? 2 : lock_is_write(fl) ? 1 : 0;
}

/* What @fl says, for the server. */
static u32 fill_lock(struct file *file, struct file_lock *fl, struct qtfs_lock *body)
{
	struct qtfs_session *session = qtfs_session_of(file_inode(file)->i_sb);

	/* Addresses of this kernel are nobody else's business. */
	*body = (struct qtfs_lock) {
		.owner = cpu_to_le64((u64)(unsigned long)qtfs_flc(fl, owner) ^ session->lock_key),
		.start = cpu_to_le64(fl->fl_start),
		.end = cpu_to_le64(fl->fl_end),
		.type = cpu_to_le32(lock_type(fl)),
		.pid = cpu_to_le32(qtfs_flc(fl, pid)),
	};
	if (qtfs_flc(fl, flags) & FL_FLOCK)
		return QTFS_LOCK_FLOCK;
	return qtfs_flc(fl, flags) & FL_OFDLCK ? QTFS_LOCK_OFD : 0;
}

/* Enters what the server has granted; another process may be about to take out its own. */
static int lock_enter(struct file *file, struct file_lock *fl)
{
	typeof(qtfs_flc(fl, flags)) flags = qtfs_flc(fl, flags);
	int error;

	qtfs_flc(fl, flags) |= FL_SLEEP;
	error = locks_lock_file_wait(file, fl);
	qtfs_flc(fl, flags) = flags;
	return error;
}

static int do_unlock(struct file *file, struct file_lock *fl)
{
	typeof(qtfs_flc(fl, flags)) flags = qtfs_flc(fl, flags);
	struct qtfs_lock_rep rep;
	struct qtfs_lock body;
	struct qtfs_age age;
	int error;

	qtfs_clean(file_inode(file));
	qtfs_flc(fl, flags) |= FL_EXISTS;
	error = locks_lock_file_wait(file, fl);
	qtfs_flc(fl, flags) = flags;
	if (error == -ENOENT)
		return 0;
	flags = fill_lock(file, fl, &body);
	return error ?: lock_rpc(file, &body, flags, &rep, &age);
}

static int do_lock(struct file *file, int cmd, struct file_lock *fl)
{
	struct qtfs_lock_rep rep;
	struct qtfs_lock body;
	struct qtfs_age age;
	u32 flags;
	int error;

	flags = fill_lock(file, fl, &body);
	if (IS_SETLKW(cmd))
		error = lock_waiting(file, &body, flags, &rep, &age);
	else
		error = lock_rpc(file, &body, flags, &rep, &age);
	if (error)
		return error;
	lock_refresh(file_inode(file), &rep, &age);

	error = lock_enter(file, fl);
	if (error) {
		body.type = cpu_to_le32(2);
		lock_rpc(file, &body, flags, &rep, &age);
	}
	return error;
}

/* Tells in @fl what is in the way of it. */
static int do_test(struct file *file, struct file_lock *fl)
{
	struct qtfs_lock_rep rep;
	struct qtfs_lock body;
	struct qtfs_age age;
	u32 flags;
	int error;

	flags = fill_lock(file, fl, &body);
	error = lock_rpc(file, &body, flags | QTFS_LOCK_TEST, &rep, &age);
	if (error)
		return error;
	switch (le32_to_cpu(rep.type)) {
	case 0:
		qtfs_flc(fl, type) = F_RDLCK;
		break;
	case 1:
		qtfs_flc(fl, type) = F_WRLCK;
		break;
	default:
		qtfs_flc(fl, type) = F_UNLCK;
		return 0;
	}
	fl->fl_start = le64_to_cpu(rep.start);
	fl->fl_end = le64_to_cpu(rep.end);
	qtfs_flc(fl, pid) = le32_to_cpu(rep.pid);
	/* The VFS says -1 of those, and what it is told of the others. */
	qtfs_flc(fl, flags) &= ~FL_OFDLCK;
	return 0;
}

/* ---- after a restart of the server ---- */

/* Adds @fl to @locks, which has room for @max, if it's one of @qf's. */
static void held_add(const struct qtfs_file *qf, struct file_lock *fl, struct qtfs_lock *locks,
		     unsigned int max, unsigned int *nr)
{
	u32 flags;

	if (qtfs_flc(fl, file) != qf->file)
		return;
	if (*nr < max) {
		flags = fill_lock(qf->file, fl, &locks[*nr]);
		locks[*nr].flags = cpu_to_le32(flags | QTFS_LOCK_RECLAIM);
	}
	(*nr)++;
}

/* Tells which locks are held through @qf.  Returns how many, also if there is no room for all. */
static unsigned int held_locks(struct qtfs_session *session, const struct qtfs_file *qf,
			       struct qtfs_lock *locks, unsigned int max)
{
	struct file_lock_context *ctx;
	struct file_lock *fl;
	unsigned int nr = 0, local;

	spin_lock(&session->files_lock);
	if (list_empty(&qf->files))
		goto unlock;		/* closed */
	local = qtfs_sb(qf->inode->i_sb)->local_lock;
	/* Pairs with the release where the file lock code made it. */
	ctx = smp_load_acquire(&qf->inode->i_flctx);
	if (!ctx)
		goto unlock;
	spin_lock(&ctx->flc_lock);
	if (!(local & QTFS_LOCAL_POSIX))
		qtfs_for_each_posix_lock(fl, ctx)
			held_add(qf, fl, locks, max, &nr);
	if (!(local & QTFS_LOCAL_FLOCK))
		qtfs_for_each_flock(fl, ctx)
			held_add(qf, fl, locks, max, &nr);
	spin_unlock(&ctx->flc_lock);
unlock:
	spin_unlock(&session->files_lock);
	return nr;
}

static int reclaim(struct qtfs_session *session, const struct qtfs_lock *lock, u64 number,
		   u64 epoch, unsigned long timeout)
{
	struct qtfs_lock_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_LOCK,
		.open = number,
		.of_epoch = epoch,
		.body = lock,
		.reply = &rep,
		.recovery = true,
		.timeout = timeout,
	};
	int error;

	do {
		error = qtfs_rpc_call(session, &rpc);
	} while ((error == -ETIMEDOUT || error == -EINTR || error == -ENOMEM) &&
		 !READ_ONCE(session->error) && !READ_ONCE(session->quiet));
	return error;
}

/*
 * Takes the locks again that are held through @qf, which has been opened again as
 * @number.  An error if not all can be had.
 */
int qtfs_locks_reclaim(struct qtfs_session *session, struct qtfs_file *qf, u64 number, u64 epoch,
		       unsigned long timeout)
{
	struct qtfs_lock *locks = NULL;
	unsigned int max = 0, nr, i;
	int error = 0;

	while ((nr = held_locks(session, qf, locks, max)) > max) {
		kvfree(locks);
		max = nr + 8;
		while (!(locks = kvmalloc_array(max, sizeof(*locks), GFP_KERNEL)))
			schedule_timeout_idle(HZ / 50);
	}
	for (i = 0; i < nr && !error; i++)
		error = reclaim(session, &locks[i], number, epoch, timeout);
	kvfree(locks);
	return error;
}

/* ->lock */
int qtfs_lock(struct file *file, int cmd, struct file_lock *fl)
{
	WRITE_ONCE(qtfs_file(file)->node, 0);	/* its end is told to the server: see defer.c */
	if (qtfs_sb(file_inode(file)->i_sb)->local_lock & QTFS_LOCAL_POSIX) {
		if (!IS_GETLK(cmd))
			return posix_lock_file(file, fl, NULL);
		posix_test_lock(file, fl);
		return 0;
	}
	if (IS_GETLK(cmd))
		return do_test(file, fl);
	return lock_is_unlock(fl) ? do_unlock(file, fl) : do_lock(file, cmd, fl);
}

/* ->flock */
int qtfs_flock(struct file *file, int cmd, struct file_lock *fl)
{
	WRITE_ONCE(qtfs_file(file)->node, 0);
	if (qtfs_sb(file_inode(file)->i_sb)->local_lock & QTFS_LOCAL_FLOCK)
		return locks_lock_file_wait(file, fl);
	return lock_is_unlock(fl) ? do_unlock(file, fl) : do_lock(file, cmd, fl);
}
