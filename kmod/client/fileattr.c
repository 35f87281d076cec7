// SPDX-License-Identifier: GPL-2.0
/*
 * FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR and their kind: asked of the server each
 * time, and judged there.
 */
#include "qtfs.h"

#include <linux/fileattr.h>

int qtfs_fileattr_get(struct dentry *dentry, struct file_kattr *fa)
{
	struct qtfs_fileattr rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_FILEATTR_GET,
		.dentry = dentry,
		.reply = &rep,
	};
	int error;

	if (d_is_special(dentry))
		return -ENOTTY;
	error = qtfs_rpc_call(qtfs_session_of(dentry->d_sb), &rpc);
	if (error)
		return error;
	fa->flags = le32_to_cpu(rep.flags);
	fa->fsx_xflags = le32_to_cpu(rep.xflags);
	fa->fsx_extsize = le32_to_cpu(rep.extsize);
	fa->fsx_nextents = le32_to_cpu(rep.nextents);
	fa->fsx_projid = le32_to_cpu(rep.projid);
	fa->fsx_cowextsize = le32_to_cpu(rep.cowextsize);
	return 0;
}

int qtfs_fileattr_set(struct mnt_idmap *idmap, struct dentry *dentry, struct file_kattr *fa)
{
	struct inode *inode = d_inode(dentry);
	struct qtfs_fileattr body = {
		.valid = cpu_to_le32(fa->flags_valid ? QTFS_FILEATTR_FLAGS : QTFS_FILEATTR_FSX),
		.flags = cpu_to_le32(fa->flags),
		.xflags = cpu_to_le32(fa->fsx_xflags),
		.extsize = cpu_to_le32(fa->fsx_extsize),
		.nextents = cpu_to_le32(fa->fsx_nextents),
		.projid = cpu_to_le32(fa->fsx_projid),
		.cowextsize = cpu_to_le32(fa->fsx_cowextsize),
	};
	struct qtfs_attr_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_FILEATTR_SET,
		.dentry = dentry,
		.body = &body,
		.reply = &rep,
	};
	int error;

	if (d_is_special(dentry))
		return -ENOTTY;
	/* What was written before must not meet a file that has become immutable. */
	error = qtfs_clean(inode);
	if (!error)
		error = qtfs_rpc_call(qtfs_session_of(dentry->d_sb), &rpc);
	if (error)
		return error;
	qtfs_update_inode_changed(inode, &rep.attr, &rpc.age, true);
	return 0;
}
