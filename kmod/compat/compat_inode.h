/* SPDX-License-Identifier: GPL-2.0 */
/* Inodes: time stamps, state, attributes, allocation. */
#ifndef QTFS_COMPAT_INODE_H
#define QTFS_COMPAT_INODE_H

#include <linux/fs.h>

#ifndef QTFS_HAVE_INODE_CTIME
static inline struct timespec64 inode_get_ctime(const struct inode *inode)
{
	return inode->i_ctime;
}

static inline struct timespec64 inode_set_ctime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	inode->i_ctime = ts;
	return ts;
}

static inline struct timespec64 inode_set_ctime_current(struct inode *inode)
{
	return inode_set_ctime_to_ts(inode, current_time(inode));
}
#endif

#ifndef QTFS_HAVE_INODE_ATIME
static inline struct timespec64 inode_get_atime(const struct inode *inode)
{
	return inode->i_atime;
}

static inline struct timespec64 inode_set_atime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	inode->i_atime = ts;
	return ts;
}

static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}

static inline struct timespec64 inode_set_mtime_to_ts(struct inode *inode,
						      struct timespec64 ts)
{
	inode->i_mtime = ts;
	return ts;
}

static inline struct timespec64 simple_inode_init_ts(struct inode *inode)
{
	struct timespec64 ts = inode_set_ctime_current(inode);

	inode_set_atime_to_ts(inode, ts);
	return inode_set_mtime_to_ts(inode, ts);
}
#endif

#ifndef QTFS_HAVE_INODE_STATE
static inline unsigned long inode_state_read_once(struct inode *inode)
{
	return READ_ONCE(inode->i_state);
}

/* The three below under inode->i_lock. */
static inline unsigned long inode_state_read(struct inode *inode)
{
	return inode->i_state;
}

static inline void inode_state_set(struct inode *inode, unsigned long flags)
{
	WRITE_ONCE(inode->i_state, inode->i_state | flags);
}

static inline void inode_state_clear(struct inode *inode, unsigned long flags)
{
	WRITE_ONCE(inode->i_state, inode->i_state & ~flags);
}
#endif

#ifndef QTFS_HAVE_INODE_GENERIC_DROP
#define inode_generic_drop generic_drop_inode
#define inode_just_drop generic_delete_inode
#endif

#ifndef QTFS_HAVE_ALLOC_INODE_SB
#define alloc_inode_sb(sb, cache, gfp) kmem_cache_alloc(cache, gfp)
#endif

#ifndef QTFS_HAVE_FILLATTR_MASK
#if defined(QTFS_HAVE_IDMAP) || defined(QTFS_HAVE_IDMAP_USERNS)
#define generic_fillattr(idmap, mask, inode, stat) generic_fillattr(idmap, inode, stat)
#else
#define generic_fillattr(idmap, mask, inode, stat) generic_fillattr(inode, stat)
#endif
#endif

#endif
