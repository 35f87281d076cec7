/* SPDX-License-Identifier: GPL-2.0 */
/*
 * POSIX ACLs. From 6.2 on the VFS itself turns their extended attributes into
 * ->get_inode_acl and ->set_acl; before, a file system listed handlers for that.
 */
#ifndef QTFS_COMPAT_ACL_H
#define QTFS_COMPAT_ACL_H

#ifdef QTFS_HAVE_GET_INODE_ACL
#define QTFS_ACL_XATTR_HANDLERS
#else
#include <linux/fs.h>
#include <linux/posix_acl_xattr.h>
#define get_inode_acl get_acl
#ifdef QTFS_HAVE_IDMAP_USERNS
#define posix_acl_chmod(idmap, dentry, mode) \
	posix_acl_chmod(idmap, d_inode(dentry), mode)
#else
#define posix_acl_chmod(idmap, dentry, mode) posix_acl_chmod(d_inode(dentry), mode)
#endif
/* Goes into the array of handlers, without a comma. */
#define QTFS_ACL_XATTR_HANDLERS \
	&posix_acl_access_xattr_handler, &posix_acl_default_xattr_handler,
#endif

#ifndef QTFS_HAVE_POSIX_ACL_TO_XATTR_ALLOC
#include <linux/fs.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
static inline void *qtfs_posix_acl_to_xattr(struct user_namespace *ns,
					    const struct posix_acl *acl,
					    size_t *sizep, gfp_t gfp)
{
	size_t size = posix_acl_xattr_size(acl->a_count);
	void *value = kmalloc(size, gfp);
	int ret;

	if (!value)
		return NULL;
	ret = posix_acl_to_xattr(ns, acl, value, size);
	if (ret < 0) {
		kfree(value);
		return NULL;
	}
	*sizep = size;
	return value;
}

#define posix_acl_to_xattr qtfs_posix_acl_to_xattr
#endif

#endif
