/* SPDX-License-Identifier: GPL-2.0 */
/* Groups and marks of fsnotify, for those who include it. */
#ifndef QTFS_COMPAT_FSNOTIFY_H
#define QTFS_COMPAT_FSNOTIFY_H

#include <linux/fsnotify_backend.h>

#ifndef QTFS_HAVE_FSNOTIFY_GROUP_FLAGS
#define fsnotify_alloc_group(ops, flags) fsnotify_alloc_group(ops)
#endif

#ifndef QTFS_HAVE_FSNOTIFY_FIND_INODE_MARK
static inline struct fsnotify_mark *fsnotify_find_inode_mark(struct inode *inode,
							     struct fsnotify_group *group)
{
	return fsnotify_find_mark(&inode->i_fsnotify_marks, group);
}
#endif

#ifdef QTFS_HAVE_FSNOTIFY_EVENT_COOKIE
#define QTFS_EVENT_COOKIE , u32 cookie
#else
#define QTFS_EVENT_COOKIE
#endif

#define QTFS_DEFINE_INODE_EVENT(fn) \
	static int fn##_op(struct fsnotify_mark *mark, u32 mask, struct inode *inode, \
			   struct inode *dir, const struct qstr *name QTFS_EVENT_COOKIE) \
	{ return fn(mark, mask, inode, dir, name); } \
	static_assert(true)

#endif
