// SPDX-License-Identifier: GPL-2.0
/*
 * Symbolic links: the target is the server's text, followed on this side.
 */
#include "qtfs.h"

#include <linux/slab.h>

/* ->get_link */
const char *qtfs_get_link(struct dentry *dentry, struct inode *inode, struct delayed_call *done)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_READLINK,
		.in_max = QTFS_PATH_MAX,
	};
	char *target;
	int error;

	if (!dentry)
		return ERR_PTR(-ECHILD);

	rpc.node = qtfs_dentry_node(dentry);
	rpc.in = qtfs_buf_alloc(QTFS_PATH_MAX, GFP_KERNEL);
	if (!rpc.in)
		return ERR_PTR(-ENOMEM);
	error = qtfs_rpc_call(qtfs_session_of(inode->i_sb), &rpc);
	if (!error && (!rpc.in_len || memchr(rpc.in->linear, '\0', rpc.in_len)))
		error = -EIO;
	target = error ? ERR_PTR(error) : kmemdup_nul(rpc.in->linear, rpc.in_len, GFP_KERNEL);
	qtfs_buf_put(rpc.in);
	if (!target)
		return ERR_PTR(-ENOMEM);
	if (!IS_ERR(target))
		set_delayed_call(done, kfree_link, target);
	return target;
}
