// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes of every name space that the server's file system has.
 * The server decides who may see and change which.
 */
#include "qtfs.h"

#include <linux/xattr.h>

/*
 * GETXATTR and LISTXATTR differ in nothing but the name.  @size 0 asks for the
 * length.  Returns the length or an error, -ERANGE among them.
 */
ssize_t qtfs_xattr_fetch(struct dentry *dentry, enum qtfs_op op, const char *name,
			 void *value, size_t size)
{
	struct qtfs_getxattr body;
	struct qtfs_getxattr_rep rep;
	struct qtfs_rpc rpc = {
		.op = op,
		.dentry = dentry,
		.body = &body,
		.reply = &rep,
	};
	ssize_t len;

	if (name)
		rpc.name[0] = (struct qtfs_name){ name, strlen(name) };
	rpc.in_max = min_t(size_t, size, QTFS_XATTR_MAX);
	body.size = cpu_to_le32(rpc.in_max);
	body.reserved = 0;
	if (rpc.in_max) {
		rpc.in = qtfs_buf_alloc(rpc.in_max, GFP_KERNEL);
		if (!rpc.in)
			return -ENOMEM;
	}

	len = qtfs_rpc_call(qtfs_session_of(dentry->d_sb), &rpc);
	if (!len && le32_to_cpu(rep.len) > QTFS_XATTR_MAX)
		len = -EPROTO;
	if (!len) {
		len = size ? rpc.in_len : le32_to_cpu(rep.len);
		if (size)
			memcpy(value, rpc.in->linear, len);
	}
	qtfs_buf_put(rpc.in);
	return len;
}

/* Whether the server has said that the inode has none, but maybe trusted.*. */
bool qtfs_no_xattr(const struct inode *inode)
{
	return (READ_ONCE(qtfs_i(inode)->flags) & QTFS_ATTR_NO_XATTR) && !qtfs_attr_expired(inode);
}

/* Others than these may be made up when they are asked for. */
static bool is_stored(const char *name)
{
	return !strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN) ||
	       !strncmp(name, XATTR_SECURITY_PREFIX, XATTR_SECURITY_PREFIX_LEN);
}

static int qtfs_xattr_get(const struct xattr_handler *handler, struct dentry *dentry,
			  struct inode *inode, const char *name, void *value, size_t size)
{
	name = xattr_full_name(handler, name);
	if (is_stored(name) && qtfs_no_xattr(inode))
		return -ENODATA;
	return qtfs_xattr_fetch(dentry, QTFS_OP_GETXATTR, name, value, size);
}

/* Sets the attribute @name, or removes it if @value is NULL. */
int qtfs_xattr_store(struct dentry *dentry, const char *name, const void *value, size_t size,
		     int flags)
{
	struct qtfs_setxattr body = { .flags = cpu_to_le32(flags) };
	struct qtfs_rpc rpc = {
		.op = value ? QTFS_OP_SETXATTR : QTFS_OP_REMOVEXATTR,
		.dentry = dentry,
		.name[0] = { name, strlen(name) },
	};
	int error;

	if (size > QTFS_XATTR_MAX)
		return -E2BIG;
	if (value) {
		rpc.body = &body;
		rpc.out_len = size;
		rpc.out = qtfs_buf_alloc(max_t(size_t, size, 1), GFP_KERNEL);
		if (!rpc.out)
			return -ENOMEM;
		memcpy(rpc.out->linear, value, size);
	}
	error = qtfs_rpc_call(qtfs_session_of(dentry->d_sb), &rpc);
	qtfs_buf_put(rpc.out);
	qtfs_expire_changed(d_inode(dentry));
	return error;
}

static int qtfs_xattr_set(const struct xattr_handler *handler, struct mnt_idmap *idmap,
			  struct dentry *dentry, struct inode *inode, const char *name,
			  const void *value, size_t size, int flags)
{
	return qtfs_xattr_store(dentry, xattr_full_name(handler, name), value, size, flags);
}

ssize_t qtfs_listxattr(struct dentry *dentry, char *buf, size_t size)
{
	ssize_t len;

	if (qtfs_no_xattr(d_inode(dentry)) && !capable(CAP_SYS_ADMIN))
		return 0;
	len = qtfs_xattr_fetch(dentry, QTFS_OP_LISTXATTR, NULL, buf, size);
	/* Other parts of the kernel take it for names that end in a NUL each. */
	return size && len > 0 && buf[len - 1] ? -EIO : len;
}

QTFS_DEFINE_XATTR_SET(qtfs_xattr_set);

static const struct xattr_handler qtfs_xattr_handler = {
	.prefix = "",			/* every name */
	.get = qtfs_xattr_get,
	.set = QTFS_OP(qtfs_xattr_set),
};

const struct xattr_handler *QTFS_XATTR_CONST qtfs_xattr_handlers[] = {
	QTFS_ACL_XATTR_HANDLERS
	(&qtfs_xattr_handler),
	NULL,
};
