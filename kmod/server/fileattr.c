// SPDX-License-Identifier: GPL-2.0
/*
 * FILEATTR_GET and FILEATTR_SET: what chattr(1) and xfs_io(8) change.
 *
 * The engine has allowed it; it is done in its thread and so as the caller, since
 * an ioctl would need the file to be opened, which may not be allowed.
 */
#include "server/qtfsd.h"

#ifdef QTFS_HAVE_FILEATTR

#include <linux/fileattr.h>
#include <linux/mount.h>

static int public_error(int error)
{
	return error == -ENOIOCTLCMD ? -ENOTTY : error;
}

int qtfsd_fileattr_get(const struct qtfsd_node *node, struct qtfs_fileattr *rep)
{
	struct file_kattr fa = {};
	int error;

	error = vfs_fileattr_get(node->file->f_path.dentry, &fa);
	if (error)
		return public_error(error);
	*rep = (struct qtfs_fileattr) {
		.valid = cpu_to_le32(QTFS_FILEATTR_FLAGS | QTFS_FILEATTR_FSX),
		.flags = cpu_to_le32(fa.flags),
		.xflags = cpu_to_le32(fa.fsx_xflags),
		.extsize = cpu_to_le32(fa.fsx_extsize),
		.nextents = cpu_to_le32(fa.fsx_nextents),
		.projid = cpu_to_le32(fa.fsx_projid),
		.cowextsize = cpu_to_le32(fa.fsx_cowextsize),
	};
	return 0;
}

int qtfsd_fileattr_set(const struct qtfsd_node *node, const struct qtfs_fileattr *args)
{
	const struct path *path = &node->file->f_path;
	struct file_kattr fa = {};
	int error;

	if (args->valid == cpu_to_le32(QTFS_FILEATTR_FLAGS)) {
		fileattr_fill_flags(&fa, le32_to_cpu(args->flags));
	} else if (args->valid == cpu_to_le32(QTFS_FILEATTR_FSX)) {
		fileattr_fill_xflags(&fa, le32_to_cpu(args->xflags));
		fa.fsx_extsize = le32_to_cpu(args->extsize);
		fa.fsx_nextents = le32_to_cpu(args->nextents);
		fa.fsx_projid = le32_to_cpu(args->projid);
		fa.fsx_cowextsize = le32_to_cpu(args->cowextsize);
	} else {
		return -EINVAL;
	}
	error = mnt_want_write(path->mnt);
	if (error)
		return error;
	error = vfs_fileattr_set(mnt_idmap(path->mnt), path->dentry, &fa);
	mnt_drop_write(path->mnt);
	return public_error(error);
}

#else

int qtfsd_fileattr_get(const struct qtfsd_node *node, struct qtfs_fileattr *rep)
{
	return -ENOTTY;
}

int qtfsd_fileattr_set(const struct qtfsd_node *node, const struct qtfs_fileattr *args)
{
	return -ENOTTY;
}

#endif
