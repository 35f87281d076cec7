// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes: taking them over from the server, stat, chmod and their kind,
 * permission, statfs.
 *
 * What the server said is believed until attr_expires, or until it says by an
 * event that it has changed (notify.c).  Answers may overtake each other, so each
 * has an age: one that was asked for before our own last change to the inode
 * (version) came back is not believed, nor one that an event overtook (stamp).
 *
 * Cached file data belongs to the attributes that came with it (data_mtime,
 * data_ctime, data_size, change): when others come, the pages go.  Our own change
 * of data is told apart by qtfs_update_inode_changed(), which keeps the pages.
 */
#include "qtfs.h"

#include <linux/posix_acl.h>
#include <linux/sched/signal.h>
#include <linux/statfs.h>

static struct timespec64 time_from(const struct qtfs_time *time)
{
	struct timespec64 ts = {
		.tv_sec = le64_to_cpu(time->sec),
		.tv_nsec = min_t(u32, le32_to_cpu(time->nsec), NSEC_PER_SEC - 1),
	};

	return ts;
}

void qtfs_fill_time(struct qtfs_time *to, struct timespec64 from)
{
	to->sec = cpu_to_le64(from.tv_sec);
	to->nsec = cpu_to_le32(from.tv_nsec);
	to->reserved = 0;
}

/* Returns whether the data's stamp changed. */
static bool stamp_data(struct qtfs_inode *qi, struct timespec64 mtime, struct timespec64 ctime,
		       loff_t size, u64 change)
{
	if (timespec64_equal(&qi->data_mtime, &mtime) && qi->data_size == size &&
	    qi->change == change && (change || timespec64_equal(&qi->data_ctime, &ctime)))
		return false;
	qi->data_mtime = mtime;
	qi->data_ctime = ctime;
	qi->data_size = size;
	qi->change = change;
	return true;
}

/* Whether the page cache has data that the server hasn't. */
bool qtfs_dirty(const struct inode *inode)
{
	return S_ISREG(inode->i_mode) &&
	       (mapping_tagged(inode->i_mapping, PAGECACHE_TAG_DIRTY) ||
		mapping_tagged(inode->i_mapping, PAGECACHE_TAG_WRITEBACK) ||
		qtfs_unstable_old(inode));
}

/*
 * Drops the cached pages from @first to @last.  A large folio that is dirtied meanwhile,
 * by a mapping and perhaps elsewhere, keeps its pages until it's written.
 */
static int drop_pages(struct inode *inode, pgoff_t first, pgoff_t last)
{
	int tries = 3, error;

	do {
		error = invalidate_inode_pages2_range(inode->i_mapping, first, last);
	} while (error == -EBUSY && tries-- && qtfs_clean(inode) != -EINTR);
	return error;
}

/* Drops the cached data of @inode, which others have changed, after writing ours. */
void qtfs_drop_data(struct inode *inode)
{
	qtfs_listing_drop(inode);
	if (!S_ISREG(inode->i_mode) || !inode->i_mapping->nrpages)
		return;
	/* To invalidate waits for write-back and can't be killed. */
	if (qtfs_clean(inode) != -EINTR)
		drop_pages(inode, 0, -1);
}

/* Drops the @len cached bytes from @pos on, which were written past the page cache. */
void qtfs_drop_written(struct inode *inode, loff_t pos, size_t len)
{
	int error;

	if (!inode->i_mapping->nrpages || !len)
		return;
	error = drop_pages(inode, pos >> PAGE_SHIFT, (pos + len - 1) >> PAGE_SHIFT);
	if (error)
		qtfs_log(WARN, "stale pages could not be dropped: %d", error);
}

static bool update(struct inode *inode, const struct qtfs_attr *attr)
{
	struct qtfs_inode *qi = qtfs_i(inode);
	struct timespec64 mtime = time_from(&attr->mtime);
	struct timespec64 ctime = time_from(&attr->ctime);
	loff_t size = min_t(u64, le64_to_cpu(attr->size), MAX_LFS_FILESIZE);

	if (((qi->flags ^ le32_to_cpu(attr->flags)) & QTFS_ATTR_ACL) ||
	    !timespec64_equal(&ctime, &qi->data_ctime))
		forget_all_cached_acls(inode);
	inode->i_mode = (inode->i_mode & S_IFMT) | (le32_to_cpu(attr->mode) & S_IALLUGO);
	inode->i_uid = make_kuid(&init_user_ns, le32_to_cpu(attr->uid));
	inode->i_gid = make_kgid(&init_user_ns, le32_to_cpu(attr->gid));
	set_nlink(inode, le32_to_cpu(attr->nlink));
	inode_set_atime_to_ts(inode, time_from(&attr->atime));
	inode_set_ctime_to_ts(inode, ctime);
	inode->i_blocks = le64_to_cpu(attr->blocks);
	qi->flags = le32_to_cpu(attr->flags);
	qi->blksize = le32_to_cpu(attr->blksize) ?: PAGE_SIZE;
	qi->attributes = le64_to_cpu(attr->attributes);
	qi->attributes_mask = le64_to_cpu(attr->attributes_mask);
	qi->btime = time_from(&attr->btime);
	/* What is still to be written back may have made it longer. */
	if (qtfs_dirty(inode)) {
		i_size_write(inode, max(size, i_size_read(inode)));
		return false;
	}
	qi->times_stale = false;
	inode_set_mtime_to_ts(inode, mtime);
	i_size_write(inode, size);
	return stamp_data(qi, mtime, ctime, size, le64_to_cpu(attr->change));
}

/* Lets what was just taken over be believed for a while, if it's not overtaken. */
static void believe(struct inode *inode, const struct qtfs_age *age)
{
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);

	/* Events look for the inode of its root, in another super block. */
	if ((qi->flags & QTFS_ATTR_UNCACHED) || qi->mountpoint || !sbi->attr_ttl ||
	    qtfs_dirty(inode)) {
		qi->attr_expires = 0;
		return;
	}
	qi->expiry = atomic_read(&sbi->expiry);
	/* 0 means expired. */
	WRITE_ONCE(qi->attr_expires, (jiffies + sbi->attr_ttl) ?: 1);
	if (qtfs_overtaken(sbi->session, age))
		WRITE_ONCE(qi->attr_expires, 0);
}

/*
 * Takes over what the server said of @inode, in an answer of @age.  Must not hold
 * a page's lock.
 */
void qtfs_update_inode(struct inode *inode, const struct qtfs_attr *attr,
		       const struct qtfs_age *age)
{
	struct qtfs_inode *qi = qtfs_i(inode);
	bool changed = false;

	spin_lock(&inode->i_lock);
	if (age->version < qi->version) {
		/* Asked for before our own last change: who knows which came first. */
		qi->attr_expires = 0;
	} else {
		changed = update(inode, attr);
		believe(inode, age);
	}
	spin_unlock(&inode->i_lock);

	if (changed)
		qtfs_drop_data(inode);
}

/*
 * Likewise, after a change of our own that answered with @attr.  @data: it was
 * the data that changed, and the pages that are still cached are right; then it
 * does not sleep, and the inode may be on its way out.
 */
void qtfs_update_inode_changed(struct inode *inode, const struct qtfs_attr *attr,
			       const struct qtfs_age *age, bool data)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);
	bool changed;

	spin_lock(&inode->i_lock);
	/* Two changes at once: either answer may be the older one. */
	if (age->version < qi->version || (inode_state_read_once(inode) & I_FREEING)) {
		qi->attr_expires = 0;
		changed = false;
	} else {
		changed = update(inode, attr);
		believe(inode, age);
	}
	qi->version = atomic64_inc_return(&session->version);
	spin_unlock(&inode->i_lock);

	qtfs_twins_changed(inode);
	if (changed && !data)
		qtfs_drop_data(inode);
}

/*
 * A WRITE of write-back that was started at @version has been answered.  Neither an answer
 * that is under way nor what is known from before is believed any more.  Returns what
 * qtfs_update_inode_written() wants; 0 if another change of ours was under way as well.
 */
u64 qtfs_write_answered(struct inode *inode, u64 version)
{
	struct qtfs_inode *qi = qtfs_i(inode);
	u64 answer = 0;

	spin_lock(&inode->i_lock);
	qi->attr_expires = 0;
	if (version >= qi->version)
		answer = atomic64_inc_return(&qtfs_session_of(inode->i_sb)->version);
	qi->version = answer ?: atomic64_inc_return(&qtfs_session_of(inode->i_sb)->version);
	spin_unlock(&inode->i_lock);
	qtfs_twins_changed(inode);
	return answer;
}

/* Whether the server said @attr later than what is known of the data's times. */
static bool written_later(const struct qtfs_inode *qi, const struct qtfs_attr *attr)
{
	struct timespec64 ctime = time_from(&attr->ctime);
	u64 change = le64_to_cpu(attr->change);

	if (change && qi->change)
		return change > qi->change;
	return timespec64_compare(&ctime, &qi->data_ctime) >= 0;
}

/*
 * Takes over @attr, with which the WRITE was answered, when its pages are clean.  WRITEs
 * that are under way at once are answered in any order: what is known after the last
 * answer may be from before one of the others, and so lack what that one has appended.
 * Then it's the times alone that are taken, of the latest, lest the pages be dropped when
 * the server is asked.  Doesn't sleep; the inode may be on its way out.
 */
void qtfs_update_inode_written(struct inode *inode, const struct qtfs_attr *attr,
			       const struct qtfs_age *age, u64 answer)
{
	struct qtfs_inode *qi = qtfs_i(inode);

	spin_lock(&inode->i_lock);
	if (inode_state_read_once(inode) & I_FREEING)
		goto unlock;
	if (answer && answer == qi->version && !qtfs_dirty(inode)) {
		update(inode, attr);
		believe(inode, age);
	} else if (written_later(qi, attr)) {
		inode_set_mtime_to_ts(inode, time_from(&attr->mtime));
		stamp_data(qi, time_from(&attr->mtime), time_from(&attr->ctime),
			   i_size_read(inode), le64_to_cpu(attr->change));
	}
unlock:
	spin_unlock(&inode->i_lock);
}

/*
 * Asks again for the attributes of @inode before they are used.  Who wants its ACL alone asks for
 * that, as it may have one now.
 */
void qtfs_expire_attr(struct inode *inode)
{
	struct qtfs_inode *qi = qtfs_i(inode);

	spin_lock(&inode->i_lock);
	qi->attr_expires = 0;
	qi->flags |= QTFS_ATTR_ACL;
	/* Answers that are under way are as old. */
	qi->version = atomic64_inc_return(&qtfs_session_of(inode->i_sb)->version);
	spin_unlock(&inode->i_lock);
}

/*
 * Likewise after a name in @dir was made, removed or renamed by us: that changes its
 * size, times and links, but not who may do what in it, so that the next one needs
 * no request first.
 */
void qtfs_expire_times(struct inode *dir)
{
	struct qtfs_inode *qi = qtfs_i(dir);

	spin_lock(&dir->i_lock);
	WRITE_ONCE(qi->times_stale, true);
	qi->version = atomic64_inc_return(&qtfs_session_of(dir->i_sb)->version);
	spin_unlock(&dir->i_lock);
	qtfs_twins_changed(dir);
}

/* A change of ours concerns @inode, and its answer doesn't say what it is now. */
void qtfs_expire_changed(struct inode *inode)
{
	qtfs_expire_attr(inode);
	qtfs_twins_changed(inode);
}

/* Expires all names and attributes; what is mounted is looked at again. */
void qtfs_expire_all(struct super_block *sb)
{
	atomic_inc(&qtfs_sb(sb)->expiry);
	qtfs_deferred_expire(qtfs_sb(sb));
	qtfs_mountpoints_doubt(qtfs_sb(sb), NULL);
}

bool qtfs_attr_expired(const struct inode *inode)
{
	const struct qtfs_inode *qi = qtfs_i(inode);
	unsigned long expires = READ_ONCE(qi->attr_expires);

	return !expires || time_after_eq(jiffies, expires) ||
	       READ_ONCE(qi->expiry) != atomic_read(&qtfs_sb(inode->i_sb)->expiry);
}

/* Asks the server for the attributes of what @dentry names.  Nothing here is changed by them. */
int qtfs_ask_attr(struct dentry *dentry, struct qtfs_attr *attr, struct qtfs_age *age)
{
	struct qtfs_attr_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_GETATTR,
		.dentry = dentry,
		.reply = &rep,
	};
	int error;

	error = qtfs_rpc_call(qtfs_session_of(dentry->d_sb), &rpc);
	if (error)
		return error;
	*attr = rep.attr;
	*age = rpc.age;
	return 0;
}

/* Takes over what the server says now of @dentry's inode. */
int qtfs_refresh_dentry(struct dentry *dentry)
{
	struct qtfs_attr attr;
	struct qtfs_age age;
	int error;

	error = qtfs_ask_attr(dentry, &attr, &age);
	if (!error)
		qtfs_update_inode(d_inode(dentry), &attr, &age);
	return error;
}

/* Likewise, by whatever name the inode has here. */
int qtfs_refresh_inode(struct inode *inode)
{
	struct dentry *dentry = qtfs_find_alias(inode);
	int error;

	if (!dentry)
		return -ESTALE;
	error = qtfs_refresh_dentry(dentry);
	dput(dentry);
	return error;
}

int qtfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		 u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct qtfs_inode *qi = qtfs_i(inode);
	int error;

	/* Times and blocks are the server's, so it must have the data. */
	if (qtfs_dirty(inode) && !(flags & AT_STATX_DONT_SYNC) &&
	    (mask & (STATX_MTIME | STATX_CTIME | STATX_BLOCKS)))
		qtfs_clean(inode);
	if ((flags & AT_STATX_FORCE_SYNC) ||
	    (!(flags & AT_STATX_DONT_SYNC) &&
	     (READ_ONCE(qi->times_stale) || qtfs_attr_expired(inode)))) {
		error = qtfs_refresh_dentry(path->dentry);
		if (error)
			return error;
	}

	generic_fillattr(idmap, mask, inode, stat);
	stat->dev = qi->dev;
	stat->blksize = qi->blksize;
	stat->attributes |= qi->attributes & ~(u64)(STATX_ATTR_MOUNT_ROOT | STATX_ATTR_AUTOMOUNT);
	stat->attributes_mask |= qi->attributes_mask;
	if (qi->flags & QTFS_ATTR_BTIME) {
		stat->btime = qi->btime;
		stat->result_mask |= STATX_BTIME;
	}
	return 0;
}

static void fill_setattr(struct qtfs_setattr *body, const struct iattr *iattr)
{
	unsigned int ia = iattr->ia_valid;
	u32 valid = 0;

	/*
	 * A chown or a truncate takes the set-id bits away.  The VFS has turned
	 * that into a mode computed from ours; the server does it by itself.
	 */
	if (ia & (ATTR_KILL_SUID | ATTR_KILL_SGID))
		ia &= ~ATTR_MODE;

	if (ia & ATTR_MODE) {
		valid |= QTFS_SET_MODE;
		body->mode = cpu_to_le32(iattr->ia_mode & S_IALLUGO);
	}
	if (ia & ATTR_UID) {
		valid |= QTFS_SET_UID;
		body->uid = cpu_to_le32(from_kuid(&init_user_ns, iattr->ia_uid));
	}
	if (ia & ATTR_GID) {
		valid |= QTFS_SET_GID;
		body->gid = cpu_to_le32(from_kgid(&init_user_ns, iattr->ia_gid));
	}
	if (ia & ATTR_SIZE) {
		valid |= QTFS_SET_SIZE;
		if (ia & ATTR_OPEN)
			valid |= QTFS_SET_BY_OPEN;
		body->size = cpu_to_le64(iattr->ia_size);
	}
	if (ia & ATTR_ATIME_SET) {
		valid |= QTFS_SET_ATIME;
		qtfs_fill_time(&body->atime, iattr->ia_atime);
	} else if (ia & ATTR_ATIME) {
		valid |= QTFS_SET_ATIME_NOW;
	}
	if (ia & ATTR_MTIME_SET) {
		valid |= QTFS_SET_MTIME;
		qtfs_fill_time(&body->mtime, iattr->ia_mtime);
	} else if ((ia & ATTR_MTIME) && !(ia & ATTR_SIZE)) {
		valid |= QTFS_SET_MTIME_NOW;
	}
	body->valid = cpu_to_le32(valid);
}

/*
 * Whether the caller may make what @dentry names @size bytes long: the server knows neither
 * its limit (RLIMIT_FSIZE) nor whom to send SIGXFSZ.  What is long enough may stay so.
 */
int qtfs_newsize_ok(struct dentry *dentry, loff_t size)
{
	struct inode *inode = d_inode(dentry);
	int error;

	if (size > i_size_read(inode) && size > rlimit(RLIMIT_FSIZE) &&
	    qtfs_attr_expired(inode)) {
		error = qtfs_refresh_dentry(dentry);
		if (error)
			return error;
	}
	return inode_newsize_ok(inode, size);
}

/* The server checks the caller's rights: it has the file's true owner and mode. */
int qtfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *iattr)
{
	struct inode *inode = d_inode(dentry);
	struct qtfs_setattr body = {};
	struct qtfs_attr_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_SETATTR,
		.dentry = dentry,
		.body = &body,
		.reply = &rep,
	};
	int error;

	/* What was written before must not come after. */
	if (iattr->ia_valid & ATTR_SIZE) {
		error = qtfs_newsize_ok(dentry, iattr->ia_size) ?: qtfs_direct_drain(inode);
		if (error)
			return error;
	}
	if (qtfs_dirty(inode))
		qtfs_clean(inode);
	fill_setattr(&body, iattr);
	if ((iattr->ia_valid & ATTR_SIZE) && (iattr->ia_valid & ATTR_FILE))
		rpc.file = qtfs_file(iattr->ia_file);
	error = qtfs_rpc_call(qtfs_session_of(inode->i_sb), &rpc);
	if (error) {
		qtfs_expire_attr(inode);
		return error;
	}

	qtfs_update_inode_changed(inode, &rep.attr, &rpc.age, true);
	if (iattr->ia_valid & ATTR_SIZE)
		truncate_pagecache(inode, iattr->ia_size);
	return 0;
}

int qtfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	int error;

	if (qtfs_attr_expired(inode)) {
		if (mask & MAY_NOT_BLOCK)
			return -ECHILD;
		error = qtfs_refresh_inode(inode);
		if (error)
			return error;
	}
	return generic_permission(idmap, inode, mask);
}

int qtfs_statfs(struct dentry *dentry, struct kstatfs *st)
{
	struct qtfs_statfs_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_STATFS,
		.dentry = dentry,
		.reply = &rep,
	};
	int error;

	error = qtfs_rpc_call(qtfs_session_of(dentry->d_sb), &rpc);
	if (error)
		return error;

	st->f_type = le64_to_cpu(rep.type);
	st->f_bsize = le64_to_cpu(rep.bsize);
	st->f_blocks = le64_to_cpu(rep.blocks);
	st->f_bfree = le64_to_cpu(rep.bfree);
	st->f_bavail = le64_to_cpu(rep.bavail);
	st->f_files = le64_to_cpu(rep.files);
	st->f_ffree = le64_to_cpu(rep.ffree);
	st->f_frsize = le64_to_cpu(rep.frsize);
	st->f_namelen = le64_to_cpu(rep.namelen);
	st->f_fsid = u64_to_fsid(huge_encode_dev(dentry->d_sb->s_dev));
	return 0;
}
