// SPDX-License-Identifier: GPL-2.0
/*
 * Where a call goes: the objects that it names are looked up, then it is
 * carried out here or left to the engine.
 *
 *	FORGET			was carried out while it came in (peer.c)
 *	PING, ECHO, BYE, CANCEL	at once, in the connection's thread
 *	RELEASE			a worker: closing a file may take its time
 *	READ, WRITE, FSYNC,
 *	FALLOCATE, LSEEK, COPY	a worker, if fastpath.c says that it may
 *	LOCK, SYNCFS, POLL	a worker
 *	OPEN_FIFO		the engine, but a worker once it has begun
 *	FIND			a worker where there is a handle, then the engine
 *	the rest		the engine
 *
 * The order in which a client's calls are carried out is not that in which they
 * came; a client that cares waits for the answer.
 */
#include "server/qtfsd.h"

#include "server/trace.h"

/* A number that names nothing (any more) is an error of the call, not of the frame. */
static int resolve(struct qtfsd_call *call)
{
	const __le64 nodes[] = { call->req.node, call->req.node2 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (!nodes[i])
			continue;
		call->node[i] = qtfsd_node_get(call->session, le64_to_cpu(nodes[i]));
		if (!call->node[i])
			return -ESTALE;
	}
	if (call->req.open) {
		call->open = qtfsd_open_get(call->session, le64_to_cpu(call->req.open));
		if (!call->open)
			return -ESTALE;
	}
	return 0;
}

/* No reply's data is larger than the client can take, or is to be kept, whatever it asked for. */
static void clamp_size(struct qtfsd_call *call)
{
	u32 max = qtfsd_call_consumes(call) ? QTFSD_STREAM_MAX : U32_MAX;
	struct qtfs_read *read = call->args;
	struct qtfs_readdir *readdir = call->args;
	struct qtfs_getxattr *xattr = call->args;
	struct qtfs_open_name *open_name = call->args;
	struct qtfs_open_dir *open_dir = call->args;
	struct qtfs_echo *echo = call->args;
	__le32 *size;

	switch (qtfsd_call_op(call)) {
	case QTFS_OP_READ:
		size = &read->size;
		break;
	case QTFS_OP_READDIR:
		size = &readdir->size;
		break;
	case QTFS_OP_ECHO:
		size = &echo->size;
		break;
	case QTFS_OP_OPEN_NAME:
		size = &open_name->size;
		break;
	case QTFS_OP_OPEN_DIR:
		size = &open_dir->size;
		break;
	case QTFS_OP_GETXATTR:
	case QTFS_OP_LISTXATTR:
		size = &xattr->size;
		break;
	default:
		return;
	}
	*size = cpu_to_le32(min3(le32_to_cpu(*size), call->session->max_data, max));
}

static void do_release(struct qtfsd_call *call)
{
	bool released = qtfsd_open_release(call->session, call->open->number);

	qtfsd_reply(call, released ? 0 : -ESTALE);
}

static void do_cancel(struct qtfsd_call *call)
{
	const struct qtfs_cancel *args = call->args;

	qtfsd_session_cancel(call->session, le32_to_cpu(args->slot), le64_to_cpu(args->seq));
	call->in_module = true;
	qtfsd_reply(call, 0);
}

static void do_echo(struct qtfsd_call *call)
{
	const struct qtfs_echo *args = call->args;
	u32 size = le32_to_cpu(args->size);
	void *data = NULL;

	call->in_module = true;
	if (size) {
		data = qtfsd_call_alloc_data(call, size);
		if (!data) {
			qtfsd_reply(call, -ENOMEM);
			return;
		}
		memset(data, 0, size);
	}
	qtfsd_reply(call, 0);
}

static void do_syncfs(struct qtfsd_call *call)
{
	struct super_block *sb;
	int error;

	/* Clients name the root of their mount, which stays. */
	if (!call->node[0]->file) {
		qtfsd_reply(call, -ESTALE);
		return;
	}
	sb = call->node[0]->file->f_path.dentry->d_sb;
	down_read(&sb->s_umount);
	error = sync_filesystem(sb);
	up_read(&sb->s_umount);
	qtfsd_reply(call, error);
}

static bool fifo_begins(const struct qtfsd_call *call)
{
	const struct qtfs_open_fifo *args = call->args;

	return args->step == cpu_to_le32(QTFS_FIFO_BEGIN);
}

static void call_work(struct work_struct *work)
{
	struct qtfsd_call *call = container_of(work, struct qtfsd_call, work);

	switch (qtfsd_call_op(call)) {
	case QTFS_OP_RELEASE:
		do_release(call);
		return;
	case QTFS_OP_LOCK:
		qtfsd_lock_run(call);
		return;
	case QTFS_OP_SYNCFS:
		do_syncfs(call);
		return;
	case QTFS_OP_OPEN_FIFO:
		qtfsd_fifo_run(call);
		return;
	case QTFS_OP_POLL:
		qtfsd_poll_run(call);
		return;
	case QTFS_OP_FIND:
		qtfsd_handle_find(call);
		call->in_module = false;
		qtfsd_channel_queue(call);
		return;
	}
	if (qtfsd_fast_may(call)) {
		qtfsd_fast_run(call);
	} else {
		/* The policy has changed while it waited for a worker. */
		call->in_module = false;
		qtfsd_channel_queue(call);
	}
}

static void to_worker(struct qtfsd_call *call)
{
	call->in_module = true;
	call->state = QTFSD_WORKING;
	INIT_WORK(&call->work, call_work);
	queue_work(qtfsd.io_wq, &call->work);
}

/* Sends a call that has been received on its way.  It isn't the caller's after. */
void qtfsd_dispatch(struct qtfsd_call *call)
{
	int error;

	/* Events that come from here on are newer than what the reply will say. */
	if (call->session)
		call->stamp = READ_ONCE(call->session->notify_count);
	error = resolve(call);
	if (error) {
		qtfsd_reply(call, error);
		return;
	}
	clamp_size(call);

	switch (qtfsd_call_op(call)) {
	case QTFS_OP_CANCEL:
		do_cancel(call);
		break;
	case QTFS_OP_ECHO:
		do_echo(call);
		break;
	case QTFS_OP_BYE:
		WRITE_ONCE(call->session->said_bye, true);
		fallthrough;
	case QTFS_OP_PING:
	case QTFS_OP_FORGET:
		call->in_module = true;
		qtfsd_reply(call, 0);
		break;
	case QTFS_OP_RELEASE:
	case QTFS_OP_LOCK:
	case QTFS_OP_SYNCFS:
	case QTFS_OP_POLL:
	case QTFS_OP_FIND:
		to_worker(call);
		break;
	case QTFS_OP_OPEN_FIFO:
		if (fifo_begins(call))
			qtfsd_channel_queue(call);
		else
			to_worker(call);
		break;
	case QTFS_OP_READ:
	case QTFS_OP_WRITE:
	case QTFS_OP_FSYNC:
	case QTFS_OP_FALLOCATE:
	case QTFS_OP_LSEEK:
	case QTFS_OP_COPY:
		if (qtfsd_fast_may(call)) {
			to_worker(call);
			break;
		}
		fallthrough;
	default:
		qtfsd_channel_queue(call);
	}
}
