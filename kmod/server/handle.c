// SPDX-License-Identifier: GPL-2.0
/*
 * File handles: what a client finds its open files by when this module, which knew
 * them, has been loaded again.
 *
 * A handle is what the file system makes for its export (NFS has the same), so it
 * survives the machine.  It comes with the answer to OPEN and is nothing but bytes to
 * the client, which brings it along with FIND: if the file isn't where it was, that
 * is where to look.  Of what was never opened (a working directory, what O_PATH led
 * to) the client has none; where a file system makes them of the inode's number and
 * generation, one is made of what the client says of these.
 *
 * The client is not believed.  Any bytes may come, and those that name a file mean no
 * right to it.  So a handle leads to no file here, but to a path: what it names must be
 * connected to the root of the mount that the client's node is on, and be the file that
 * the client describes.  Then the engine opens that path as it would have opened it for a
 * client that had said it, judges it, and compares.  What a path doesn't lead to (above a
 * bind mount's root, below another mount, in a directory that is closed to the user), a
 * handle doesn't either.
 *
 * proc, sysfs and their kind have names that last longer than their inodes: by path
 * alone.  So has every file system that can't be exported.
 */
#include "server/qtfsd.h"

#include <linux/dcache.h>
#include <linux/exportfs.h>
#include <linux/mount.h>
#include <linux/slab.h>

/* Aligned for what file systems make of it. */
struct raw_handle {
	u64 words[DIV_ROUND_UP(QTFS_HANDLE_BYTES, sizeof(u64))];
};

#if IS_ENABLED(CONFIG_EXPORTFS)

static bool can_export(const struct inode *inode)
{
	const struct export_operations *ops = inode->i_sb->s_export_op;

	return ops && ops->fh_to_dentry && !qtfsd_uncached(inode);
}

static bool encode(struct qtfs_handle *handle, struct dentry *dentry, bool connectable)
{
	int words = QTFS_HANDLE_BYTES / sizeof(u32);
	struct raw_handle raw = {};
	int type;

	type = exportfs_encode_fh(dentry, (struct fid *)&raw, &words, connectable);
	if (type <= 0 || type >= FILEID_INVALID || words <= 0 ||
	    words > QTFS_HANDLE_BYTES / sizeof(u32))
		return false;
	handle->len = words * sizeof(u32);
	handle->type = type;
	memcpy(handle->bytes, &raw, handle->len);
	return true;
}

/*
 * Makes the handle of what @path leads to, if it can have one.  With that of its
 * directory in it where there is room: without, its path can't be told once the kernel
 * has forgotten it.
 */
void qtfsd_handle_make(struct qtfs_handle *handle, const struct path *path)
{
	memset(handle, 0, sizeof(*handle));
	if (can_export(d_backing_inode(path->dentry)) && !encode(handle, path->dentry, true))
		encode(handle, path->dentry, false);
}

static int below_root(void *context, struct dentry *dentry)
{
	const struct vfsmount *mnt = context;

	return is_subdir(dentry, mnt->mnt_root);
}

static bool is_it(const struct qtfs_find *wanted, const struct path *path)
{
	struct qtfs_attr attr;

	return !qtfsd_attr_fill(&attr, path, false) && attr.ino == wanted->ino &&
	       attr.dev == wanted->dev && attr.gen == wanted->gen &&
	       (attr.mode & cpu_to_le32(S_IFMT)) == wanted->type;
}

/* The handle of @wanted: what the client has, or as ext4 and XFS would make it. */
static bool handle_of(const struct qtfs_find *wanted, struct vfsmount *mnt,
		      struct qtfs_handle *handle)
{
	u32 words[] = { le64_to_cpu(wanted->ino), le32_to_cpu(wanted->gen) };

	*handle = wanted->handle;
	if (handle->len)
		return true;
	/* Its root tells how this file system makes them. */
	if (!encode(handle, mnt->mnt_root, false) || handle->type != FILEID_INO32_GEN ||
	    handle->len != sizeof(words) || le64_to_cpu(wanted->ino) > U32_MAX)
		return false;
	memcpy(handle->bytes, words, sizeof(words));
	return true;
}

static struct file *find(const struct qtfs_find *wanted, struct vfsmount *mnt)
{
	struct path path = { .mnt = mnt };
	struct file *file = NULL;
	struct raw_handle raw = {};
	struct qtfs_handle handle;

	if (!handle_of(wanted, mnt, &handle))
		return NULL;
	memcpy(&raw, handle.bytes, handle.len);
	path.dentry = exportfs_decode_fh(mnt, (struct fid *)&raw, handle.len / sizeof(u32),
					 handle.type, below_root, mnt);
	if (IS_ERR_OR_NULL(path.dentry))
		return NULL;
	if (is_it(wanted, &path))
		file = dentry_open(&path, O_PATH, current_cred());
	dput(path.dentry);
	return IS_ERR(file) ? NULL : file;
}

/*
 * Leaves what the handle of @call, a FIND, leads to as the call's second node.  If it
 * leads to nothing, there is none: the path may be as good as ever.  In a worker, which
 * may read all of a directory to learn a name: what comes of it is the engine's to judge.
 */
void qtfsd_handle_find(struct qtfsd_call *call)
{
	const struct file *root = call->node[0]->file;
	struct file *file = NULL;

	/* Where the node is away (away.c), what it was on may be as well. */
	if (root && can_export(file_inode(root)))
		file = find(call->args, root->f_path.mnt);
	if (file)
		call->node[1] = qtfsd_node_loose(call->session, file);
}

#else

void qtfsd_handle_make(struct qtfs_handle *handle, const struct path *path)
{
	memset(handle, 0, sizeof(*handle));
}

void qtfsd_handle_find(struct qtfsd_call *call)
{
}

#endif /* CONFIG_EXPORTFS */
