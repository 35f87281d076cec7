// SPDX-License-Identifier: GPL-2.0
/*
 * Deferred releases: a file or directory that was open for reading and is closed
 * stays open on the server for a while, and the next open(2) of it takes that over
 * without a request.
 *
 * It is the server's open file, so nothing is different for who reads through it,
 * and reads are judged by the server's policy as ever.  What open(2) has to decide is
 * decided here as well: whether the name still leads to it by ->d_revalidate, who may
 * by may_open() from attributes that events keep right.  The policy's word
 * is that of the first open: so it must be the same path and the same caller, and
 * neither the file nor a directory above it may have changed since, as far as
 * events and our own changes tell (the inode's and deferred_version).  A new policy comes
 * as QTFS_EVENT_ALL.
 *
 * An inode has one of them at most.  It goes back to the server after DEFER_MS, when
 * there are too many, when an event or a removal concerns the file (its space
 * may be wanted), or with the inode.
 *
 * Never deferred: what may be written, has been locked, or is open in a special way; and
 * nothing where caches are not to be trusted: cache=strict and none, timeouts of 0.
 *
 * Reference: the one of the struct file that was closed, handed on to the next.
 * sbi->deferred_lock is a leaf: the list, its length and every inode's pointer.
 */
#include "qtfs.h"

#define DEFER_MS	10000
#define DEFER_MAX	1024

static bool trusted(const struct qtfs_sb *sbi)
{
	return sbi->cache == QTFS_CACHE_COHERENT && sbi->attr_ttl && sbi->entry_ttl;
}

/* These make no difference to files and directories that are open. */
#define IDLE_FLAGS	(QTFS_O_DIRECTORY | QTFS_O_NONBLOCK)

/* By which node @file, about to be opened by @number, may serve other opens; 0: never. */
u64 qtfs_defer_node(const struct file *file, u64 number)
{
	umode_t mode = file_inode(file)->i_mode;

	if ((qtfs_open_flags(file) & ~IDLE_FLAGS) || !(S_ISREG(mode) || S_ISDIR(mode)))
		return 0;
	return number;
}

/* Whether nothing is known to have happened since @qf was opened. */
static bool still_good(const struct qtfs_sb *sbi, const struct inode *inode,
		       const struct qtfs_file *qf)
{
	return qf->epoch == READ_ONCE(sbi->session->epoch) && !qf->error &&
	       qf->version >= READ_ONCE(qtfs_i(inode)->version) &&
	       qf->version >= READ_ONCE(sbi->deferred_version) && !qtfs_attr_expired(inode);
}

static bool same_caller(const struct cred *a, const struct cred *b)
{
	return a == b || (!cred_fscmp(a, b) && a->user_ns == b->user_ns &&
			  !memcmp(&a->cap_effective, &b->cap_effective, sizeof(a->cap_effective)));
}

static void unlist(struct qtfs_sb *sbi, struct qtfs_file *qf)
{
	lockdep_assert_held(&sbi->deferred_lock);
	list_del(&qf->deferred);
	qtfs_i(qf->inode)->deferred = NULL;
	sbi->nr_deferred--;
}

static void enlist(struct qtfs_sb *sbi, struct inode *inode, struct qtfs_file *qf)
{
	lockdep_assert_held(&sbi->deferred_lock);
	qf->inode = inode;
	qf->defer_until = jiffies + msecs_to_jiffies(DEFER_MS);
	list_add_tail(&qf->deferred, &sbi->deferred);
	qtfs_i(inode)->deferred = qf;
	sbi->nr_deferred++;
}

/*
 * Keeps what @file, at its end, has open, and returns true; else it's the caller's
 * to give back.
 */
bool qtfs_defer(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct qtfs_file *qf = qtfs_file(file), *other;

	if (!qf->node || !inode->i_nlink || !trusted(sbi) || !still_good(sbi, inode, qf))
		return false;
	qtfs_buf_put(qf->entries);
	qf->entries = NULL;

	spin_lock(&sbi->deferred_lock);
	other = qtfs_i(inode)->deferred;
	if (other && still_good(sbi, inode, other)) {
		spin_unlock(&sbi->deferred_lock);
		return false;
	}
	if (!other && sbi->nr_deferred >= DEFER_MAX)
		other = list_first_entry(&sbi->deferred, struct qtfs_file, deferred);
	if (other)
		unlist(sbi, other);
	enlist(sbi, inode, qf);
	spin_unlock(&sbi->deferred_lock);

	if (other)
		qtfs_file_put(sbi->session, other);
	queue_delayed_work(qtfs_wq, &sbi->deferred_work, msecs_to_jiffies(DEFER_MS));
	return true;
}

/* What is open already for @file, about to be opened by the node @number; NULL: nothing. */
struct qtfs_file *qtfs_deferred_take(struct file *file, u64 number)
{
	struct inode *inode = file_inode(file);
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct qtfs_file *qf;

	if (!READ_ONCE(qtfs_i(inode)->deferred) || !trusted(sbi) || !qtfs_defer_node(file, number))
		return NULL;
	spin_lock(&sbi->deferred_lock);
	qf = qtfs_i(inode)->deferred;
	if (qf && qf->node == number && still_good(sbi, inode, qf) &&
	    same_caller(qf->cred, file->f_cred))
		unlist(sbi, qf);
	else
		qf = NULL;
	spin_unlock(&sbi->deferred_lock);
	return qf;
}

/* Something happened to @inode, or it is on its way out.  Doesn't sleep. */
void qtfs_deferred_drop(struct inode *inode)
{
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct qtfs_file *qf;

	if (!READ_ONCE(qtfs_i(inode)->deferred))
		return;
	spin_lock(&sbi->deferred_lock);
	qf = qtfs_i(inode)->deferred;
	if (qf)
		unlist(sbi, qf);
	spin_unlock(&sbi->deferred_lock);
	if (qf)
		qtfs_file_put_later(sbi->session, qf);
}

/* Nothing that was opened until now may serve another open. */
void qtfs_deferred_expire(struct qtfs_sb *sbi)
{
	bool some;

	spin_lock(&sbi->deferred_lock);
	WRITE_ONCE(sbi->deferred_version, atomic64_inc_return(&sbi->session->version));
	some = sbi->nr_deferred;
	spin_unlock(&sbi->deferred_lock);
	if (some)
		mod_delayed_work(qtfs_wq, &sbi->deferred_work, 0);
}

static void deferred_work(struct work_struct *work)
{
	struct qtfs_sb *sbi = container_of(work, struct qtfs_sb, deferred_work.work);
	struct qtfs_file *qf, *next;
	unsigned long now = jiffies, delay = 0;
	LIST_HEAD(old);

	spin_lock(&sbi->deferred_lock);
	list_for_each_entry_safe(qf, next, &sbi->deferred, deferred) {
		if (qf->version >= sbi->deferred_version && time_before(now, qf->defer_until)) {
			delay = delay ?: qf->defer_until - now;
			continue;
		}
		unlist(sbi, qf);
		list_add_tail(&qf->deferred, &old);
	}
	spin_unlock(&sbi->deferred_lock);

	list_for_each_entry_safe(qf, next, &old, deferred)
		qtfs_file_put(sbi->session, qf);
	if (delay)
		queue_delayed_work(qtfs_wq, &sbi->deferred_work, delay);
}

void qtfs_deferred_init(struct qtfs_sb *sbi)
{
	spin_lock_init(&sbi->deferred_lock);
	INIT_LIST_HEAD(&sbi->deferred);
	INIT_DELAYED_WORK(&sbi->deferred_work, deferred_work);
}

/* All inodes are gone, and what they had deferred. */
void qtfs_deferred_exit(struct qtfs_sb *sbi)
{
	cancel_delayed_work_sync(&sbi->deferred_work);
	WARN_ON(!list_empty(&sbi->deferred));
}
