// SPDX-License-Identifier: GPL-2.0
/*
 * copy_file_range(2), FICLONE and FIDEDUPERANGE: done by the server, so that the
 * data doesn't cross twice.
 *
 * Dirty pages of both files go first; the cached pages of what was written to are
 * dropped.  What the server can't copy by itself is read and written by the VFS.
 */
#include "qtfs.h"

#include <linux/splice.h>

static loff_t copy_rpc(struct file *in, loff_t from, struct file *out, loff_t to, u64 len,
		       u32 flags)
{
	struct inode *inode = file_inode(out);
	struct qtfs_copy body = {
		.from_offset = cpu_to_le64(from),
		.offset = cpu_to_le64(to),
		.len = cpu_to_le64(len),
		.flags = cpu_to_le32(flags),
	};
	struct qtfs_copy_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_COPY,
		.file = qtfs_file(out),
		.from = qtfs_file(in),
		.body = &body,
		.reply = &rep,
	};
	loff_t n;

	n = qtfs_clean(file_inode(in));
	if (n)
		return n;
	inode_lock(inode);
	n = qtfs_direct_drain(inode) ?: qtfs_clean(inode);
	if (!n)
		n = qtfs_rpc_call(qtfs_session_of(inode->i_sb), &rpc);
	/* Length 0, of a clone, means up to the end. */
	if (!n && (le64_to_cpu(rep.count) > LLONG_MAX || (len && le64_to_cpu(rep.count) > len)))
		n = -EPROTO;
	if (!n) {
		n = le64_to_cpu(rep.count);
		qtfs_drop_written(inode, to, n);
		qtfs_unstable_add_elsewhere(inode);
		qtfs_update_inode_changed(inode, &rep.attr, &rpc.age, true);
	}
	inode_unlock(inode);
	return n;
}

/* ->copy_file_range */
ssize_t qtfs_copy_file_range(struct file *in, loff_t from, struct file *out, loff_t to,
			     size_t len, unsigned int flags)
{
	loff_t n = -EXDEV;

	if (qtfs_sb(file_inode(in)->i_sb) == qtfs_sb(file_inode(out)->i_sb) &&
	    !qtfs_uncached(file_inode(in)) &&
	    !qtfs_uncached(file_inode(out)))
		n = copy_rpc(in, from, out, to, len, 0);
	if (n == -EOPNOTSUPP || n == -EXDEV)
		n = splice_copy_file_range(in, from, out, to, len);
	return n;
}

/* ->remap_file_range */
loff_t qtfs_remap_file_range(struct file *in, loff_t from, struct file *out, loff_t to,
			     loff_t len, unsigned int flags)
{
	if (flags & ~(REMAP_FILE_DEDUP | REMAP_FILE_ADVISORY))
		return -EINVAL;
	return copy_rpc(in, from, out, to, len,
			flags & REMAP_FILE_DEDUP ? QTFS_COPY_DEDUPE : QTFS_COPY_CLONE);
}
