/* SPDX-License-Identifier: GPL-2.0 */
/*
 * struct mnt_idmap (6.3). From 5.12 to 6.2 a user namespace stood in its place,
 * which takes its name here: the tag of a struct and the name of a function do
 * not meet in C, so that mnt_idmap(mnt) works as well. Before 5.12 there was
 * nothing, and the argument is dropped.
 */
#ifndef QTFS_COMPAT_IDMAP_H
#define QTFS_COMPAT_IDMAP_H

#ifndef QTFS_HAVE_IDMAP

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/posix_acl.h>
#include <linux/user_namespace.h>
#include <linux/xattr.h>

#define mnt_idmap user_namespace
#define nop_mnt_idmap init_user_ns

#ifdef QTFS_HAVE_IDMAP_USERNS

static inline struct mnt_idmap *mnt_idmap(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}

#define file_mnt_idmap(file) file_mnt_user_ns(file)

#else

static inline struct mnt_idmap *mnt_idmap(const struct vfsmount *mnt)
{
	return &nop_mnt_idmap;
}

#define file_mnt_idmap(file) (&nop_mnt_idmap)

#define generic_permission(idmap, inode, mask) generic_permission(inode, mask)
#define inode_init_owner(idmap, inode, dir, mode) inode_init_owner(inode, dir, mode)
#define inode_owner_or_capable(idmap, inode) inode_owner_or_capable(inode)
#define inode_permission(idmap, inode, mask) inode_permission(inode, mask)
#define notify_change(idmap, dentry, attr, deleg) notify_change(dentry, attr, deleg)
#define posix_acl_update_mode(idmap, inode, mode, acl) \
	posix_acl_update_mode(inode, mode, acl)
#define setattr_copy(idmap, inode, attr) setattr_copy(inode, attr)
#define setattr_prepare(idmap, dentry, attr) setattr_prepare(dentry, attr)
#define vfs_getxattr(idmap, dentry, name, value, size) \
	vfs_getxattr(dentry, name, value, size)
#define vfs_setxattr(idmap, dentry, name, value, size, flags) \
	vfs_setxattr(dentry, name, value, size, flags)
#define vfs_removexattr(idmap, dentry, name) vfs_removexattr(dentry, name)

#endif
#endif
#endif
