// SPDX-License-Identifier: GPL-2.0
/*
 * POSIX ACLs.
 *
 * The server keeps and enforces them; here they are read so that permission()
 * says the same.  Attributes tell whether a file has an access ACL at all
 * (QTFS_ATTR_ACL), so those that have none cost no request, unless they may have
 * changed since (qtfs_expire_attr()).  The VFS caches what
 * get_inode_acl() returns until attr.c sees that the file's ctime has changed.
 */
#include "qtfs.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>

static const char *acl_name(int type)
{
	return type == ACL_TYPE_ACCESS ? XATTR_NAME_POSIX_ACL_ACCESS :
					 XATTR_NAME_POSIX_ACL_DEFAULT;
}

static struct posix_acl *acl_fetch(struct dentry *dentry, int type)
{
	size_t size = PAGE_SIZE;
	struct posix_acl *acl;
	ssize_t len;
	void *value;

	for (;;) {
		value = kvmalloc(size, GFP_KERNEL);
		if (!value)
			return ERR_PTR(-ENOMEM);
		len = qtfs_xattr_fetch(dentry, QTFS_OP_GETXATTR, acl_name(type), value, size);
		if (len != -ERANGE || size == QTFS_XATTR_MAX)
			break;
		kvfree(value);
		size = QTFS_XATTR_MAX;
	}
	if (len > 0)
		acl = posix_acl_from_xattr(&init_user_ns, value, len);
	else if (!len || len == -ENODATA || len == -EOPNOTSUPP)
		acl = NULL;
	else
		acl = ERR_PTR(len);
	kvfree(value);
	return acl;
}

struct posix_acl *qtfs_get_inode_acl(struct inode *inode, int type, bool rcu)
{
	struct posix_acl *acl;
	struct dentry *dentry;

	if (type == ACL_TYPE_ACCESS && !(READ_ONCE(qtfs_i(inode)->flags) & QTFS_ATTR_ACL))
		return NULL;
	if (qtfs_no_xattr(inode))
		return NULL;
	if (rcu)
		return ERR_PTR(-ECHILD);

	dentry = qtfs_find_alias(inode);
	if (!dentry)
		return ERR_PTR(-ESTALE);
	acl = acl_fetch(dentry, type);
	dput(dentry);
	return acl;
}

int qtfs_set_acl_entry(struct mnt_idmap *idmap, struct dentry *dentry, struct posix_acl *acl,
		       int type)
{
	void *value = NULL;
	size_t size = 0;
	int error;

	if (acl) {
		value = posix_acl_to_xattr(&init_user_ns, acl, &size, GFP_KERNEL);
		if (!value)
			return -ENOMEM;
	}
	error = qtfs_xattr_store(dentry, acl_name(type), value, size, 0);
	kfree(value);
	/* There may have been none to remove. */
	if (error == -ENODATA && !acl)
		error = 0;
	forget_all_cached_acls(d_inode(dentry));
	return error;
}
