// SPDX-License-Identifier: GPL-2.0
/*
 * OPEN_FIFO.
 *
 * To open a FIFO waits for somebody at its other end, so it isn't opened by the
 * engine: that has only judged the caller when begin() comes, in its thread and
 * with the caller's credentials.  What need not wait is opened at once, the rest by
 * a thread of its own (wait.c), which counts as a reader or writer in the meantime,
 * as any caller of open(2) does.
 *
 * What has been opened never waits again: the file is O_NONBLOCK whatever the
 * client has asked for, and a client that wants to wait does so by POLL.  So reads
 * and writes of FIFOs are carried out by the module's workers (fastpath.c).
 *
 * References: a wait has one to the path and the credentials, and to the file once
 * it's open, until somebody asks for it.
 */
#include "server/qtfsd.h"

#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/path.h>
#include <linux/slab.h>

struct fifo_wait {
	struct qtfsd_wait wait;
	struct path path;
	const struct cred *cred;
	struct file *file;		/* once it's over, if it went well */
	u32 flags;			/* QTFS_O_* */
	u64 policy;			/* the epoch that allowed it */
};

/* Opens it as @flags, of the wire, say. */
static struct file *fifo_open(const struct path *path, u32 flags, const struct cred *cred)
{
	int native = (flags & QTFS_O_ACCMODE) | O_LARGEFILE;
	struct file *file;

	if (flags & QTFS_O_NONBLOCK)
		native |= O_NONBLOCK;
	file = dentry_open(path, native, cred);
	if (IS_ERR(file))
		return file;
	spin_lock(&file->f_lock);
	file->f_flags |= O_NONBLOCK;
	spin_unlock(&file->f_lock);
	return file;
}

/* Answers with @file, whose reference it takes over. */
static int fifo_opened(struct qtfsd_call *call, struct file *file, u32 flags, u64 policy)
{
	struct qtfs_open_rep *rep = &call->reply.open;
	struct qtfsd_open *open;
	int error;

	error = qtfsd_attr_fill(&rep->attr, &file->f_path, false);
	if (error) {
		qtfsd_fput(file);
		return error;
	}
	open = qtfsd_open_make(call->session, file, flags, policy);
	if (IS_ERR(open))
		return PTR_ERR(open);
	rep->open = cpu_to_le64(open->number);
	rep->flags = cpu_to_le32(qtfsd_opened_flags(open->file, &rep->attr));
	qtfsd_open_put(open);
	return 0;
}

static int fifo_wait_run(struct qtfsd_wait *wait)
{
	struct fifo_wait *fw = container_of(wait, struct fifo_wait, wait);
	struct file *file = fifo_open(&fw->path, fw->flags, fw->cred);

	if (IS_ERR(file))
		return PTR_ERR(file);
	fw->file = file;
	return 0;
}

static void fifo_wait_free(struct qtfsd_wait *wait)
{
	struct fifo_wait *fw = container_of(wait, struct fifo_wait, wait);

	if (fw->file)
		qtfsd_fput(fw->file);
	put_cred(fw->cred);
	path_put(&fw->path);
	kfree(fw);
}

static const struct qtfsd_wait_ops fifo_wait_ops = {
	.name = "qtfsd-fifo",
	.run = fifo_wait_run,
	.free = fifo_wait_free,
};

static int fifo_wait_start(struct qtfsd_call *call, const struct path *path, u32 flags, u64 number)
{
	struct fifo_wait *fw = kzalloc(sizeof(*fw), GFP_KERNEL);

	if (!fw)
		return -ENOMEM;
	fw->path = *path;
	path_get(&fw->path);
	fw->cred = get_current_cred();
	fw->flags = flags;
	fw->policy = call->policy;
	return qtfsd_wait_start(call->session, &fw->wait, &fifo_wait_ops, number);
}

/* The engine's judge has no objection.  In its thread, as the caller. */
int qtfsd_fifo_begin(struct qtfsd_call *call)
{
	const struct path *path = &call->node[0]->file->f_path;
	const struct qtfs_open_fifo *args = call->args;
	u32 flags = le32_to_cpu(args->flags);
	struct file *file;
	int error;

	memset(&call->reply.open, 0, sizeof(call->reply.open));
	if (!S_ISFIFO(d_backing_inode(path->dentry)->i_mode))
		return -ENXIO;
	if ((flags & QTFS_O_NONBLOCK) || (flags & QTFS_O_ACCMODE) == O_RDWR) {
		file = fifo_open(path, flags, current_cred());
		return IS_ERR(file) ? PTR_ERR(file) :
				      fifo_opened(call, file, flags, call->policy);
	}
	error = fifo_wait_start(call, path, flags, le64_to_cpu(args->wait));
	if (!error)
		call->reply.open.flags = cpu_to_le32(QTFS_OPENED_WAITING);
	return error;
}

static int fifo_again(struct qtfsd_call *call, u64 number)
{
	struct fifo_wait *fw;
	struct qtfsd_wait *wait;
	bool found;
	int error;

	wait = qtfsd_wait_take(call->session, &fifo_wait_ops, number, true, &found);
	if (!wait) {
		call->reply.open.flags = cpu_to_le32(QTFS_OPENED_WAITING);
		return found ? 0 : -ENOENT;
	}
	fw = container_of(wait, struct fifo_wait, wait);
	error = wait->error;
	if (!error)
		error = fifo_opened(call, get_file(fw->file), fw->flags, fw->policy);
	qtfsd_wait_free(wait);
	return error == -ERESTARTSYS ? -EINTR : error;
}

/* What was opened already is closed: nobody has seen it. */
static int fifo_cancel(struct qtfsd_call *call, u64 number)
{
	struct qtfsd_wait *wait;
	bool found;

	wait = qtfsd_wait_take(call->session, &fifo_wait_ops, number, false, &found);
	if (!wait)
		return -ENOENT;
	qtfsd_wait_cancel(wait);
	qtfsd_wait_free(wait);
	return -EINTR;
}

/* Carries out, in a worker, what comes after the beginning, and answers it. */
void qtfsd_fifo_run(struct qtfsd_call *call)
{
	const struct qtfs_open_fifo *args = call->args;
	u64 number = le64_to_cpu(args->wait);

	memset(&call->reply.open, 0, sizeof(call->reply.open));
	qtfsd_reply(call, args->step == cpu_to_le32(QTFS_FIFO_CANCEL) ?
			  fifo_cancel(call, number) : fifo_again(call, number));
}
