// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that had been sent when the server was restarted, and were not answered.
 *
 * Whether they were carried out is unknown: what a server knew of its slots is gone.
 * As with NFS they are repeated, and where the repeat fails as it would if it had been
 * done already, it's looked whether what is there now is what was asked for:
 *
 *	only reads, or does the same twice	repeated
 *	UNLINK, RMDIR		ENOENT		done
 *	REMOVEXATTR		ENODATA		done
 *	SETXATTR (CREATE)	EEXIST		done
 *	MKDIR, MKNOD, SYMLINK,
 *	LINK, CREATE (EXCL)	EEXIST		done, if the name leads to what would have been
 *						made: type, owner, still empty; target; file
 *	RENAME			ENOENT		done, if the new name leads to the file
 *	RENAME (EXCHANGE)			repeated, if the old name leads to the file
 *	WRITE (APPEND)				repeated, if the file is no longer than it was known
 *						to be; done, if it is longer by what was to
 *						be appended; else EIO
 *	WRITE (FIFO, sysfs ...),
 *	FALLOCATE (COLLAPSE, INSERT),
 *	MOUNT, UMOUNT, PROCESS, TERMINAL	never repeated: EIO
 *
 * Somebody else may have removed and made the same names in the meantime, or appended as
 * much; nothing tells that apart.
 */
#include "qtfs.h"

#include <linux/falloc.h>

/* Asks where name @which of @rpc leads now. */
static int look(struct qtfs_session *session, const struct qtfs_rpc *rpc, unsigned int which,
		struct qtfs_entry_rep *rep, struct qtfs_age *age)
{
	struct qtfs_rpc lookup = {
		.op = QTFS_OP_LOOKUP,
		.dentry = which ? rpc->dentry2 : rpc->dentry,
		.name[0] = rpc->name[which],
		.reply = rep,
		.cred = rpc->cred,
	};
	int error = qtfs_rpc_call(session, &lookup);

	*age = lookup.age;
	return error;
}

/* Whether name @which of RENAME leads to what is renamed. */
static bool leads_to_it(struct qtfs_session *session, const struct qtfs_rpc *rpc,
			unsigned int which)
{
	struct qtfs_entry_rep rep;
	struct qtfs_age age;

	if (look(session, rpc, which, &rep, &age))
		return false;
	qtfs_forget(session, le64_to_cpu(rep.node));
	return qtfs_same_file(rpc->inode, &rep.attr);
}

static bool is_stream(const struct qtfs_file *qf)
{
	return qf->flags & (QTFS_OPENED_UNCACHED | QTFS_OPENED_STREAM);
}

/* Asks for the attributes of the file that @rpc writes to, by whatever name it has here. */
static int look_at_file(struct qtfs_rpc *rpc, struct qtfs_attr *attr)
{
	struct dentry *dentry = qtfs_find_alias(rpc->inode);
	int error;

	if (!dentry)
		return -EIO;
	error = qtfs_ask_attr(dentry, attr, &rpc->age);
	dput(dentry);
	if (error)
		return error;
	return qtfs_same_file(rpc->inode, attr) ? 0 : -EIO;
}

/* What was written with O_SYNC is to be on the disk. */
static int sync_written(struct qtfs_session *session, const struct qtfs_rpc *rpc)
{
	const struct qtfs_write *write = rpc->body;
	struct qtfs_fsync body = {};
	struct qtfs_rpc fsync = { .op = QTFS_OP_FSYNC, .file = rpc->file, .body = &body };

	if (!(write->flags & cpu_to_le32(QTFS_WRITE_SYNC | QTFS_WRITE_DSYNC)))
		return 0;
	if (!(write->flags & cpu_to_le32(QTFS_WRITE_SYNC)))
		body.flags = cpu_to_le32(QTFS_FSYNC_DATA);
	return qtfs_rpc_call(session, &fsync);
}

/* Whether @rpc has appended; its offset is where the file ended, as far as was known here. */
static int append_begin(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	const struct qtfs_write *write = rpc->body;
	struct qtfs_write_rep *rep = rpc->reply;
	u64 before = le64_to_cpu(write->offset);
	struct qtfs_attr attr;
	int error;

	error = look_at_file(rpc, &attr);
	if (error)
		return error;
	if (le64_to_cpu(attr.size) <= before)
		return 1;
	if (le64_to_cpu(attr.size) != before + rpc->out_len)
		return -EIO;
	*rep = (struct qtfs_write_rep){
		.end = attr.size,
		.count = cpu_to_le32(rpc->out_len),
		.attr = attr,
	};
	return sync_written(session, rpc);
}

/* Whether @rpc may be repeated: 1, 0 if it was done, or the error that it ends with. */
int qtfs_replay_begin(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	const struct qtfs_fallocate *fallocate = rpc->body;
	const struct qtfs_rename *rename = rpc->body;
	const struct qtfs_write *write = rpc->body;

	switch (rpc->op) {
	case QTFS_OP_WRITE:
		if (is_stream(rpc->file))
			return -EIO;
		return write->flags & cpu_to_le32(QTFS_WRITE_APPEND) ?
		       append_begin(session, rpc) : 1;
	case QTFS_OP_FALLOCATE:
		return fallocate->mode & cpu_to_le32(FALLOC_FL_COLLAPSE_RANGE |
						     FALLOC_FL_INSERT_RANGE) ? -EIO : 1;
	case QTFS_OP_MOUNT:
	case QTFS_OP_UMOUNT:
	case QTFS_OP_PROCESS:
	case QTFS_OP_TERMINAL:
		return -EIO;
	case QTFS_OP_RENAME:
		return !(rename->flags & cpu_to_le32(RENAME_EXCHANGE)) ||
		       leads_to_it(session, rpc, 0);
	default:
		return 1;
	}
}

static bool is_callers(const struct qtfs_rpc *rpc, const struct qtfs_attr *attr)
{
	const struct cred *cred = rpc->cred ?: current_cred();

	return le32_to_cpu(attr->uid) == from_kuid_munged(&init_user_ns, cred->fsuid);
}

/* Whether @attr are of what @rpc was to make. */
static bool is_made(const struct qtfs_rpc *rpc, const struct qtfs_attr *attr)
{
	const struct qtfs_mknod *mknod = rpc->body;
	u32 type = le32_to_cpu(attr->mode) & S_IFMT;
	u32 mode;

	switch (rpc->op) {
	case QTFS_OP_LINK:
		return qtfs_same_file(d_inode(rpc->dentry2), attr);
	case QTFS_OP_MKDIR:
		return type == S_IFDIR && is_callers(rpc, attr) && le32_to_cpu(attr->nlink) <= 2;
	case QTFS_OP_SYMLINK:
		return type == S_IFLNK && is_callers(rpc, attr) &&
		       le64_to_cpu(attr->size) == rpc->name[1].len;
	case QTFS_OP_MKNOD:
		mode = le32_to_cpu(mknod->mode) & S_IFMT ?: S_IFREG;
		return type == mode && is_callers(rpc, attr) && !attr->size;
	default:
		return type == S_IFREG && is_callers(rpc, attr) && !attr->size &&
		       attr->nlink == cpu_to_le32(1);
	}
}

/* Answers @rpc, which makes an entry, with the one that is there, if it's the right one. */
static int made_already(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	struct qtfs_entry_rep *rep = rpc->reply;
	struct qtfs_age age;

	if (look(session, rpc, 0, rep, &age))
		return -EEXIST;
	if (!is_made(rpc, &rep->attr)) {
		qtfs_forget(session, le64_to_cpu(rep->node));
		return -EEXIST;
	}
	rpc->age = age;
	return 0;
}

/* Likewise for CREATE: opens what is there.  Who makes a file may write whatever its mode says. */
static int created_already(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	const struct qtfs_open *asked = rpc->body;
	struct qtfs_open_rep *rep = rpc->reply;
	struct qtfs_open body = *asked;
	struct qtfs_entry_rep entry;
	struct qtfs_age age;
	int error;

	if (look(session, rpc, 0, &entry, &age))
		return -EEXIST;
	qtfs_forget(session, le64_to_cpu(entry.node));
	if (!is_made(rpc, &entry.attr))
		return -EEXIST;
	body.flags &= ~cpu_to_le32(QTFS_O_EXCL);
	rpc->body = &body;
	rpc->recovery = true;
	error = qtfs_rpc_call(session, rpc);
	rpc->recovery = false;
	rpc->body = asked;
	if (!error)
		rep->flags |= cpu_to_le32(QTFS_OPENED_CREATED);
	return error == -QTFS_RESTARTED ? -EIO : error;
}

/* What the result @error of @rpc means, which may have been done before. */
int qtfs_replay_result(struct qtfs_session *session, struct qtfs_rpc *rpc, int error)
{
	switch (rpc->op) {
	case QTFS_OP_UNLINK:
	case QTFS_OP_RMDIR:
		return error == -ENOENT ? 0 : error;
	case QTFS_OP_REMOVEXATTR:
		return error == -ENODATA ? 0 : error;
	case QTFS_OP_SETXATTR:
		return error == -EEXIST ? 0 : error;
	case QTFS_OP_MKDIR:
	case QTFS_OP_MKNOD:
	case QTFS_OP_SYMLINK:
	case QTFS_OP_LINK:
		return error == -EEXIST ? made_already(session, rpc) : error;
	case QTFS_OP_CREATE:
		return error == -EEXIST ? created_already(session, rpc) : error;
	case QTFS_OP_RENAME:
		return error == -ENOENT && leads_to_it(session, rpc, 1) ? 0 : error;
	default:
		return error;
	}
}
