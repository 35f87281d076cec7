// SPDX-License-Identifier: GPL-2.0
/*
 * What was written, and is not known to be on a disk of the server.
 *
 * The answer to a WRITE says that the server's kernel has the data, as that of
 * write(2) would.  So it survives whatever happens but the end of that kernel: which is
 * when its machine is booted, and session->boots tells (HELLO brings a number of each
 * boot, as NFS has its write verifier).  Until an FSYNC was answered, an inode knows
 * which ranges were written, and by which boot.  Those of an earlier one (old) are
 * made dirty again in the page cache, and so are written once more, before anything
 * else is done with the file's data or size: old ranges count as dirty (qtfs_dirty()),
 * qtfs_clean() begins with them, and nothing is read into the page cache before, since
 * that may lack them.
 *
 * The guarantee.  What fsync(2) has confirmed is on the disk.  What it hasn't is written
 * again if the file is still there; or, if it can't be, because it is in the page cache
 * no more or never was (O_DIRECT, O_APPEND, cache=strict), each open file hears EIO
 * once, at fsync(2) or close(2), as after a failed write-back.  Files that were made
 * and not synced may be gone with all their data, as on a local disk.
 *
 * Locks: unstable_lock > i_lock (igrab()); it protects all lists.  Folios are locked without it.
 */
#include "qtfs.h"

#include <linux/slab.h>

/* So many ranges of a file are kept apart; what is beyond is known to be written, not where. */
#define RANGES_MAX	64

struct unstable_range {
	struct list_head list;
	loff_t from;
	loff_t to;
	u64 seq;			/* of the last write in it */
};

static void list_inode(struct qtfs_session *session, struct qtfs_inode *qi)
{
	lockdep_assert_held(&session->unstable_lock);
	if (!list_empty(&qi->unstable_inodes))
		return;
	qi->unstable_boots = session->boots;
	list_add_tail(&qi->unstable_inodes, &session->unstable);
}

static void range_drop(struct qtfs_inode *qi, struct unstable_range *range)
{
	list_del(&range->list);
	qi->nr_unstable--;
	kfree(range);
}

/* Makes @range include all others that it touches. */
static void range_absorb(struct qtfs_inode *qi, struct unstable_range *range)
{
	struct unstable_range *other, *next;

	list_for_each_entry_safe(other, next, &qi->unstable, list) {
		if (other == range || other->from > range->to || other->to < range->from)
			continue;
		range->from = min(range->from, other->from);
		range->to = max(range->to, other->to);
		range_drop(qi, other);
	}
}

/* Bytes [@from, @to) of @inode, which are in the page cache, were written.  Doesn't sleep. */
void qtfs_unstable_add(struct inode *inode, loff_t from, loff_t to)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);
	struct unstable_range *range, *fresh;

	fresh = kmalloc(sizeof(*fresh), GFP_NOWAIT | __GFP_NOWARN);
	spin_lock(&session->unstable_lock);
	list_inode(session, qi);
	session->unstable_seq++;
	list_for_each_entry(range, &qi->unstable, list) {
		if (range->from > to || range->to < from)
			continue;
		range->from = min(range->from, from);
		range->to = max(range->to, to);
		range->seq = session->unstable_seq;
		range_absorb(qi, range);
		goto unlock;
	}
	if (!fresh || qi->nr_unstable >= RANGES_MAX) {
		qi->unstable_elsewhere = session->unstable_seq;
		goto unlock;
	}
	fresh->from = from;
	fresh->to = to;
	fresh->seq = session->unstable_seq;
	list_add(&fresh->list, &qi->unstable);
	qi->nr_unstable++;
	fresh = NULL;
unlock:
	spin_unlock(&session->unstable_lock);
	kfree(fresh);
}

/* Something in @inode was written that is not in the page cache. */
void qtfs_unstable_add_elsewhere(struct inode *inode)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);

	spin_lock(&session->unstable_lock);
	list_inode(session, qi);
	qi->unstable_elsewhere = ++session->unstable_seq;
	spin_unlock(&session->unstable_lock);
}

/* What an FSYNC that is sent now will make stable: for qtfs_unstable_commit(). */
struct qtfs_unstable_mark qtfs_unstable_mark(struct qtfs_session *session)
{
	struct qtfs_unstable_mark mark;

	spin_lock(&session->unstable_lock);
	mark.seq = session->unstable_seq;
	mark.boots = session->boots;
	spin_unlock(&session->unstable_lock);
	return mark;
}

static void commit(struct qtfs_inode *qi, u64 mark)
{
	struct unstable_range *range, *next;

	list_for_each_entry_safe(range, next, &qi->unstable, list)
		if (range->seq <= mark)
			range_drop(qi, range);
	if (qi->unstable_elsewhere <= mark)
		qi->unstable_elsewhere = 0;
	if (list_empty(&qi->unstable) && !qi->unstable_elsewhere)
		list_del_init(&qi->unstable_inodes);
}

/*
 * What of @inode was written before @mark is on the server's disk.  False if it may have
 * been lost before it got there.
 */
bool qtfs_unstable_commit(struct inode *inode, struct qtfs_unstable_mark mark)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);

	bool good;

	spin_lock(&session->unstable_lock);
	good = session->boots == mark.boots;
	if (good && !list_empty(&qi->unstable_inodes)) {
		good = qi->unstable_boots == mark.boots;
		if (good)
			commit(qi, mark.seq);
	}
	spin_unlock(&session->unstable_lock);
	return good;
}

/* Whether something of @inode was written and not committed. */
bool qtfs_unstable_any(const struct inode *inode)
{
	return !list_empty_careful(&qtfs_i(inode)->unstable_inodes);
}

/* Likewise all of the file system that the server knows by @dev. */
void qtfs_unstable_commit_all(struct qtfs_session *session, u32 dev,
			      struct qtfs_unstable_mark mark)
{
	struct qtfs_inode *qi, *next;

	spin_lock(&session->unstable_lock);
	list_for_each_entry_safe(qi, next, &session->unstable, unstable_inodes)
		if (session->boots == mark.boots && qi->unstable_boots == mark.boots &&
		    qi->server_dev == dev)
			commit(qi, mark.seq);
	spin_unlock(&session->unstable_lock);
}

/* @inode is on its way out. */
void qtfs_unstable_drop(struct inode *inode)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);

	if (list_empty_careful(&qtfs_i(inode)->unstable_inodes))
		return;
	spin_lock(&session->unstable_lock);
	commit(qtfs_i(inode), U64_MAX);
	spin_unlock(&session->unstable_lock);
}

/* Whether something in @inode has to be written again. */
bool qtfs_unstable_old(const struct inode *inode)
{
	const struct qtfs_inode *qi = qtfs_i(inode);

	return !list_empty_careful(&qi->unstable_inodes) &&
	       READ_ONCE(qi->unstable_boots) != READ_ONCE(qtfs_session_of(inode->i_sb)->boots);
}

/*
 * Takes all that has to be written again, and the file's size, which until now did not
 * become less by what the server lost.  Returns whether it's in the page cache alone.
 */
static bool take_old(struct inode *inode, struct list_head *ranges, loff_t *size)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);
	bool all = true;

	spin_lock(&session->unstable_lock);
	*size = i_size_read(inode);
	if (qtfs_unstable_old(inode)) {
		all = !qi->unstable_elsewhere;
		list_splice_init(&qi->unstable, ranges);
		qi->nr_unstable = 0;
		qi->unstable_elsewhere = 0;
		list_del_init(&qi->unstable_inodes);
	}
	spin_unlock(&session->unstable_lock);
	return all;
}

/*
 * What @folio has of [@pos, @end) is dirty again, and the file as long as it was.  If
 * it isn't up to date, it has just this of the server's data.  False: not yet.
 */
static bool folio_dirty_again(struct inode *inode, struct folio *folio, loff_t pos, loff_t end)
{
	size_t from = offset_in_folio(folio, pos), to = end - folio_pos(folio);

	if (!qtfs_range_joins(folio, from, to))
		return false;
	qtfs_range_prepare(folio, GFP_NOFS | __GFP_NOFAIL);
	qtfs_range_add(folio, from, to);
	folio_mark_dirty(folio);
	spin_lock(&inode->i_lock);
	if (i_size_read(inode) < end)
		i_size_write(inode, end);
	spin_unlock(&inode->i_lock);
	return true;
}

/* Makes @range of @inode dirty again, up to @size.  False if not all of it is there. */
static bool dirty_again(struct inode *inode, const struct unstable_range *range, loff_t size)
{
	loff_t to = min(range->to, size);
	loff_t pos = range->from;
	bool all = true;

	while (pos < to) {
		struct folio *folio = filemap_lock_folio(inode->i_mapping, pos >> PAGE_SHIFT);
		loff_t end;
		bool done;

		if (IS_ERR(folio)) {
			all = false;
			pos = round_down(pos, PAGE_SIZE) + PAGE_SIZE;
			continue;
		}
		end = min_t(loff_t, to, folio_pos(folio) + folio_size(folio));
		folio_wait_writeback(folio);
		done = folio_dirty_again(inode, folio, pos, end);
		folio_unlock(folio);
		folio_put(folio);
		if (done)
			pos = end;
		else if (filemap_write_and_wait_range(inode->i_mapping, pos, end - 1))
			return false;
	}
	return all;
}

/* Makes dirty what has to be written again.  Sleeps; must not hold a folio's lock. */
void qtfs_unstable_resend(struct inode *inode)
{
	struct unstable_range *range, *next;
	LIST_HEAD(ranges);
	loff_t size;
	bool all;

	/* Somebody has to write it back. */
	if (!qtfs_unstable_old(inode) || list_empty_careful(&qtfs_i(inode)->writers))
		return;
	all = take_old(inode, &ranges, &size);
	list_for_each_entry_safe(range, next, &ranges, list) {
		all = dirty_again(inode, range, size) && all;
		kfree(range);
	}
	if (!all)
		mapping_set_error(inode->i_mapping, -EIO);
}

/* ---- all of them ---- */

/*
 * Writes again what has to be, through an open of our own: perhaps nobody else has it
 * open any more.
 */
void qtfs_unstable_write_again(struct inode *inode)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_file *qf = qtfs_open_writer(inode);

	/* Who was killed leaves it to others. */
	if (qf == ERR_PTR(-EINTR))
		return;
	if (IS_ERR(qf)) {
		qtfs_log(WARN, "%s: inode %llu can't be written again (%ld)",
			 qtfs_session_text(session), (u64)inode->i_ino, PTR_ERR(qf));
		mapping_set_error(inode->i_mapping, -EIO);
		qtfs_unstable_drop(inode);
		return;
	}
	qtfs_clean(inode);
	qtfs_writer_del(inode, qf);
	qtfs_file_put(session, qf);
}

/* An inode in which something has to be written again, with a reference; or NULL. */
static struct inode *old_inode_get(struct qtfs_session *session)
{
	struct inode *inode = NULL;
	struct qtfs_inode *qi;

	spin_lock(&session->unstable_lock);
	list_for_each_entry(qi, &session->unstable, unstable_inodes) {
		if (qi->unstable_boots == session->boots)
			continue;
		inode = igrab(&qi->vfs_inode);
		if (inode)
			break;
	}
	spin_unlock(&session->unstable_lock);
	return inode;
}

/* After the server's machine was booted: writes again what it may have lost. */
static void unstable_work(struct work_struct *work)
{
	struct qtfs_session *session = container_of(work, struct qtfs_session, unstable_work);
	struct inode *inode;

	while (!READ_ONCE(session->quiet) && (inode = old_inode_get(session))) {
		qtfs_unstable_write_again(inode);
		iput(inode);
		cond_resched();
	}
}

void qtfs_unstable_init(struct qtfs_session *session)
{
	spin_lock_init(&session->unstable_lock);
	INIT_LIST_HEAD(&session->unstable);
	INIT_WORK(&session->unstable_work, unstable_work);
}
