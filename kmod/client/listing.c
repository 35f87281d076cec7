// SPDX-License-Identifier: GPL-2.0
/*
 * Listings: the names of a directory that was read in one batch, kept with its
 * inode as rows without attributes, so that to read it again costs no request.
 *
 * One is right until an event or a change of our own concerns the directory, both
 * of which raise the inode's version, until the attributes say that it changed, or
 * until it is as old as a name may get.  When a name in it had to be looked up
 * nevertheless, its dentries have gone: then it goes too, and the next READDIR brings them
 * all again.
 *
 * The inode's i_lock protects the pointer and what belongs to it; whoever reads has a
 * reference to the buffer, which never changes.
 */
#include "qtfs.h"

#include "frame.h"

/* A whole row without attributes, as long as @entry's name needs. */
static u32 row_size(const struct qtfs_dirent *entry)
{
	return round_up(sizeof(*entry) + le16_to_cpu(entry->name_len), 8);
}

/* How long the rows are without attributes; 0 if they are not the whole directory. */
static u32 names_size(const void *rows, u32 len)
{
	const struct qtfs_dirent *entry = NULL;
	u32 at, size, total = 0;

	for (at = 0; (size = qtfs_dirent_size(rows + at, len - at)); at += size) {
		entry = rows + at;
		total += row_size(entry);
	}
	return entry && at == len && (entry->flags & QTFS_DIRENT_LAST) ? total : 0;
}

static void copy_names(void *to, const void *rows, u32 len)
{
	u32 at, size;

	for (at = 0; (size = qtfs_dirent_size(rows + at, len - at)); at += size) {
		const struct qtfs_dirent *entry = rows + at;
		struct qtfs_dirent *copy = to;

		memcpy(copy, entry, row_size(entry));
		copy->flags &= ~QTFS_DIRENT_ENTRY;
		to += row_size(entry);
	}
}

static struct qtfs_buf *listing_set(struct qtfs_inode *qi, struct qtfs_buf *buf)
{
	struct qtfs_buf *old = qi->listing;

	lockdep_assert_held(&qi->vfs_inode.i_lock);
	qi->listing = buf;
	return old;
}

void qtfs_listing_drop(struct inode *dir)
{
	struct qtfs_buf *old;

	if (!READ_ONCE(qtfs_i(dir)->listing))
		return;
	spin_lock(&dir->i_lock);
	old = listing_set(qtfs_i(dir), NULL);
	spin_unlock(&dir->i_lock);
	qtfs_buf_put(old);
}

/*
 * Keeps the @rows that READDIR answered with from the start of @dir, if they are all
 * of it.  The caller holds the directory's lock, shared.
 */
void qtfs_listing_keep(struct inode *dir, const void *rows, u32 len, const struct qtfs_age *age)
{
	struct qtfs_sb *sbi = qtfs_sb(dir->i_sb);
	struct qtfs_inode *qi = qtfs_i(dir);
	struct qtfs_buf *buf, *old;
	u32 size;

	if (sbi->cache != QTFS_CACHE_COHERENT || !sbi->entry_ttl || qtfs_uncached(dir))
		return;
	size = names_size(rows, len);
	buf = size ? qtfs_buf_alloc(size, GFP_KERNEL_ACCOUNT) : NULL;
	if (!buf)
		return;
	copy_names(buf->linear, rows, len);

	spin_lock(&dir->i_lock);
	old = listing_set(qi, buf);
	qi->listing_version = age->version;
	qi->listing_expires = jiffies + sbi->entry_ttl;
	qi->listing_expiry = atomic_read(&sbi->expiry);
	spin_unlock(&dir->i_lock);
	qtfs_buf_put(old);
	/* After the store: see notify.c. */
	if (qtfs_overtaken(sbi->session, age))
		qtfs_listing_drop(dir);
}

/* What is known to be all of @dir, with a reference; NULL: it has to be asked for. */
struct qtfs_buf *qtfs_listing_get(struct inode *dir)
{
	struct qtfs_sb *sbi = qtfs_sb(dir->i_sb);
	struct qtfs_inode *qi = qtfs_i(dir);
	struct qtfs_buf *buf;

	if (!READ_ONCE(qi->listing) || sbi->cache != QTFS_CACHE_COHERENT)
		return NULL;
	spin_lock(&dir->i_lock);
	buf = qi->listing;
	if (buf && qi->listing_version >= qi->version &&
	    qi->listing_expiry == atomic_read(&sbi->expiry) &&
	    time_before(jiffies, qi->listing_expires))
		refcount_inc(&buf->ref);
	else
		buf = NULL;
	spin_unlock(&dir->i_lock);
	return buf;
}
