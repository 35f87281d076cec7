// SPDX-License-Identifier: GPL-2.0
/*
 * Reading directories.
 *
 * A position is the server's cookie, so telldir() and seekdir() mean on this
 * side what they mean there.  Entries come in batches; what the caller's buffer
 * could not take is kept with the open file for the next call, unless it asks
 * from another position.  The VFS serialises readers of one open file
 * (f_pos_lock).
 */
#include "qtfs.h"

#define BATCH_SIZE	(64 * 1024)

static void entries_drop(struct qtfs_file *qf)
{
	qtfs_buf_put(qf->entries);
	qf->entries = NULL;
}

/* Fetches the entries from @cookie on.  1: there are some, 0: the end. */
static int entries_fetch(struct file *file, u64 cookie)
{
	struct qtfs_session *session = qtfs_session_of(file_inode(file)->i_sb);
	struct qtfs_file *qf = qtfs_file(file);
	struct qtfs_readdir body = {
		.cookie = cpu_to_le64(cookie),
		.size = cpu_to_le32(BATCH_SIZE),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_READDIR,
		.open = qf->open,
		.body = &body,
		.in_max = BATCH_SIZE,
	};
	int error;

	entries_drop(qf);
	rpc.in = qtfs_buf_alloc(BATCH_SIZE, GFP_KERNEL);
	if (!rpc.in)
		return -ENOMEM;
	error = qtfs_rpc_call(session, &rpc);
	if (error || !rpc.in_len) {
		qtfs_buf_put(rpc.in);
		return error;
	}
	qf->entries = rpc.in;
	qf->entries_len = rpc.in_len;
	qf->entries_pos = 0;
	qf->entries_cookie = cookie;
	return 1;
}

/* The next entry of the batch, NULL at its end, -EPROTO if the server's row is broken. */
static const struct qtfs_dirent *entry_next(struct qtfs_file *qf)
{
	size_t left = qf->entries_len - qf->entries_pos;
	const struct qtfs_dirent *entry = qf->entries->linear + qf->entries_pos;
	const char *name = (const char *)(entry + 1);
	size_t len;

	if (!left)
		return NULL;
	if (left < sizeof(*entry))
		return ERR_PTR(-EPROTO);
	len = le16_to_cpu(entry->name_len);
	if (!len || len > NAME_MAX || round_up(sizeof(*entry) + len, 8) > left ||
	    memchr(name, '/', len) || memchr(name, '\0', len))
		return ERR_PTR(-EPROTO);
	return entry;
}

static int qtfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct qtfs_file *qf = qtfs_file(file);
	int more;

	for (;;) {
		const struct qtfs_dirent *entry;

		if (!qf->entries || qf->entries_cookie != ctx->pos) {
			more = entries_fetch(file, ctx->pos);
			if (more <= 0)
				return more;
		}
		entry = entry_next(qf);
		if (IS_ERR(entry))
			return PTR_ERR(entry);
		if (!entry) {
			entries_drop(qf);
			continue;
		}
		if (!dir_emit(ctx, (const char *)(entry + 1), le16_to_cpu(entry->name_len),
			      le64_to_cpu(entry->ino), entry->type))
			return 0;
		qf->entries_pos += round_up(sizeof(*entry) + le16_to_cpu(entry->name_len), 8);
		qf->entries_cookie = le64_to_cpu(entry->cookie);
		ctx->pos = qf->entries_cookie;
	}
}

/* A cookie is any number; the end can't be sought. */
static loff_t qtfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	switch (whence) {
	case SEEK_CUR:
		offset += file->f_pos;
		break;
	case SEEK_SET:
		break;
	default:
		return -EINVAL;
	}
	if (offset < 0)
		return -EINVAL;
	/* From the start again means: as the directory is now. */
	inode_lock(file_inode(file));
	if (!offset)
		entries_drop(qtfs_file(file));
	file->f_pos = offset;
	inode_unlock(file_inode(file));
	return offset;
}

const struct file_operations qtfs_dir_ops = {
	.open = qtfs_open,
	.release = qtfs_release,
	.read = generic_read_dir,
	.iterate_shared = qtfs_iterate,
	.llseek = qtfs_dir_llseek,
	.fsync = qtfs_fsync,
	.setlease = QTFS_NOSETLEASE,
};
