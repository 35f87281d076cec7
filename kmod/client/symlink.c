// SPDX-License-Identifier: GPL-2.0
/*
 * Symbolic links: the target is the server's text, followed on this side.
 *
 * A link's target never changes: another link in its place is another inode.  So it
 * is asked for once and kept in i_link, where RCU walk finds it, until the inode
 * goes; but for those of proc and its kind, which are made when they are asked for,
 * and for those that lead to this machine, see special.c.
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
	const char *special;
	char *target;
	int error;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	special = qtfs_special_target(dentry);
	if (special)
		return special;

	rpc.dentry = dentry;
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
	if (IS_ERR(target))
		return target;
	if (qtfs_uncached(inode) || qtfs_sb(inode->i_sb)->cache == QTFS_CACHE_NONE) {
		set_delayed_call(done, kfree_link, target);
	} else if (cmpxchg(&inode->i_link, NULL, target)) {
		/* Somebody else was faster. */
		kfree(target);
		target = inode->i_link;
	}
	return target;
}
