// SPDX-License-Identifier: GPL-2.0
/*
 * Answers: what the engine left in a slot becomes a reply, as the table in
 * docs/design.md says.
 *
 * The engine may write to the slot while it is read here.  So each field is
 * copied once, the copy is checked, and only the copy is used.  An answer that
 * breaks the rules answers its call with EIO and NEXT with EPROTO.
 *
 * A descriptor in the answer is taken out of the engine's table, whatever comes
 * next.  Objects are made here and nowhere else; one that can't be told to the
 * client, because something fails after it was made, is taken back.
 *
 * A good answer also says that the policy allowed it: see fastpath.c for grants.
 */
#include "server/qtfsd.h"

#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/path.h>
#include <linux/stat.h>

#include "server/trace.h"

#define UNUSABLE	1		/* beside 0 and negative errnos */

enum answer_kind {
	ANSWER_STATUS,
	ANSWER_ENTRY,
	ANSWER_ATTR,
	ANSWER_OPEN,
	ANSWER_DATA,
	ANSWER_WRITE,
	ANSWER_XATTR,
	ANSWER_STATFS,
	ANSWER_OPEN_ATTR,
	ANSWER_LSEEK,
	ANSWER_FILEATTR_GET,
	ANSWER_FILEATTR_SET,
	ANSWER_FIFO,
	ANSWER_RENAME,
	ANSWER_PROCESS,
	ANSWER_TERMINAL,
};

struct answer {
	u32 status;
	u32 flags;
	u32 data_len;
	bool engine_alive;
	struct file *file;		/* what reply_fd was, counted, or NULL */
	const void *body;		/* in the slot: copy it once */
	const void *data;
};

static enum answer_kind answer_kind(unsigned int op)
{
	switch (op) {
	case QTFS_OP_ATTACH:
	case QTFS_OP_LOOKUP:
	case QTFS_OP_FIND:
	case QTFS_OP_MKDIR:
	case QTFS_OP_MKNOD:
	case QTFS_OP_SYMLINK:
	case QTFS_OP_LINK:
		return ANSWER_ENTRY;
	case QTFS_OP_GETATTR:
	case QTFS_OP_SETATTR:
		return ANSWER_ATTR;
	case QTFS_OP_OPEN:
	case QTFS_OP_CREATE:
	case QTFS_OP_TMPFILE:
	case QTFS_OP_OPEN_NAME:
	case QTFS_OP_OPEN_DIR:
		return ANSWER_OPEN;
	case QTFS_OP_READLINK:
	case QTFS_OP_READ:
	case QTFS_OP_READDIR:
		return ANSWER_DATA;
	case QTFS_OP_WRITE:
		return ANSWER_WRITE;
	case QTFS_OP_GETXATTR:
	case QTFS_OP_LISTXATTR:
		return ANSWER_XATTR;
	case QTFS_OP_STATFS:
		return ANSWER_STATFS;
	case QTFS_OP_FALLOCATE:
		return ANSWER_OPEN_ATTR;
	case QTFS_OP_LSEEK:
		return ANSWER_LSEEK;
	case QTFS_OP_FILEATTR_GET:
		return ANSWER_FILEATTR_GET;
	case QTFS_OP_FILEATTR_SET:
		return ANSWER_FILEATTR_SET;
	case QTFS_OP_OPEN_FIFO:
		return ANSWER_FIFO;
	case QTFS_OP_RENAME:
		return ANSWER_RENAME;
	case QTFS_OP_PROCESS:
		return ANSWER_PROCESS;
	case QTFS_OP_TERMINAL:
		return ANSWER_TERMINAL;
	default:
		return ANSWER_STATUS;
	}
}

/* Whether a good answer needs a descriptor of the engine's, or its thread's credentials. */
static bool needs_engine(const struct qtfsd_call *call)
{
	switch (answer_kind(qtfsd_call_op(call))) {
	case ANSWER_ENTRY:
	case ANSWER_OPEN:
	case ANSWER_FILEATTR_GET:
	case ANSWER_FILEATTR_SET:
	case ANSWER_FIFO:
		return true;
	case ANSWER_PROCESS:
		return qtfsd_process_signals(call->args);
	default:
		return false;
	}
}

/* Takes descriptor @fd out of the calling thread's table. */
static struct file *steal_fd(int fd)
{
	struct file *file = fd >= 0 ? fget_raw(fd) : NULL;

	if (file)
		close_fd(fd);
	return file;
}

static int copy_data(struct qtfsd_call *call, const struct answer *answer, u32 min_len, u32 max_len)
{
	if (answer->data_len < min_len || answer->data_len > max_len ||
	    answer->data_len > call->session->max_data)
		return UNUSABLE;
	if (!answer->data_len)
		return 0;
	if (!qtfsd_call_alloc_data(call, answer->data_len))
		return -ENOMEM;
	memcpy(call->reply_data, answer->data, answer->data_len);
	return 0;
}

static int answer_entry(struct qtfsd_call *call, const struct answer *answer)
{
	struct qtfs_entry_rep *rep = &call->reply.entry;
	bool attach = qtfsd_call_op(call) == QTFS_OP_ATTACH;
	struct qtfsd_node *known = NULL, *node;
	int error;

	if (!answer->file || !(answer->file->f_mode & FMODE_PATH))
		return UNUSABLE;

	if (qtfsd_call_op(call) == QTFS_OP_LOOKUP)
		known = call->node[1];
	if (known && !path_equal(&known->file->f_path, &answer->file->f_path))
		known = NULL;
	if (known) {
		rep->node = cpu_to_le64(known->number);
		return qtfsd_attr_fill(&rep->attr, &answer->file->f_path, known->attach_root);
	}

	/* Attributes come after the node, which brings the mark that watches them. */
	node = qtfsd_node_make(call, get_file(answer->file), attach);
	if (IS_ERR(node))
		return PTR_ERR(node);
	rep->node = cpu_to_le64(node->number);
	error = qtfsd_attr_fill(&rep->attr, &answer->file->f_path, attach);
	if (error)
		qtfsd_node_forget(call->session, node->number);
	qtfsd_node_put(node);
	return error;
}

/* Makes the node that CREATE's reply names besides the open. */
static int answer_create_node(struct qtfsd_call *call, const struct answer *answer)
{
	struct qtfsd_node *node;
	struct file *file;

	file = dentry_open(&answer->file->f_path, O_PATH, current_cred());
	if (IS_ERR(file))
		return PTR_ERR(file);
	node = qtfsd_node_make(call, file, false);
	if (IS_ERR(node))
		return PTR_ERR(node);
	call->reply.open.node = cpu_to_le64(node->number);
	qtfsd_node_put(node);
	return 0;
}

/* Adds what the engine read of the directory that it opened. */
static int answer_listed(struct qtfsd_call *call, const struct answer *answer)
{
	const struct qtfs_open_dir *args = call->args;
	int error;

	error = qtfsd_readdir_reply(call, &answer->file->f_path, le32_to_cpu(args->size),
				    answer->data, answer->data_len, true);
	/* The client will read it. */
	return error == -ENOMEM ? 0 : error;
}

static int answer_open(struct qtfsd_call *call, const struct answer *answer)
{
	bool dir = qtfsd_call_op(call) == QTFS_OP_OPEN_DIR;
	bool create = qtfsd_call_op(call) != QTFS_OP_OPEN && !dir;
	const struct qtfs_open *args = call->args;
	struct qtfs_open_rep *rep = &call->reply.open;
	struct qtfsd_open *open;
	int error;

	if (!answer->file || (answer->file->f_mode & FMODE_PATH) ||
	    qtfsd_channel_owns(answer->file) ||
	    (answer->flags & ~(create ? QTFS_OPENED_CREATED : 0)))
		return UNUSABLE;

	memset(rep, 0, sizeof(*rep));
	error = create ? answer_create_node(call, answer) : dir ? answer_listed(call, answer) : 0;
	if (error)
		return error == -EPROTO ? UNUSABLE : error;
	error = qtfsd_attr_fill(&rep->attr, &answer->file->f_path,
				!create && call->node[0]->attach_root);
	if (error)
		goto forget;
	qtfsd_handle_make(&rep->handle, &answer->file->f_path);

	open = qtfsd_open_make(call->session, get_file(answer->file), le32_to_cpu(args->flags),
			       call->policy);
	if (IS_ERR(open)) {
		error = PTR_ERR(open);
		goto forget;
	}
	rep->open = cpu_to_le64(open->number);
	rep->flags = cpu_to_le32(answer->flags |
				 qtfsd_opened_flags(open->file, &rep->attr));
	if (qtfsd_call_op(call) == QTFS_OP_OPEN_NAME)
		qtfsd_fast_read_small(call, open, le64_to_cpu(rep->attr.size));
	qtfsd_open_put(open);
	return 0;

forget:
	qtfsd_listed_forget(call);
	if (rep->node)
		qtfsd_node_forget(call->session, le64_to_cpu(rep->node));
	return error;
}

static int answer_readdir(struct qtfsd_call *call, const struct answer *answer)
{
	const struct qtfs_readdir *args = call->args;
	u32 size = le32_to_cpu(args->size);
	int error;

	if (!(args->flags & cpu_to_le32(QTFS_READDIR_ENTRIES)))
		return copy_data(call, answer, 0, size);
	error = qtfsd_readdir_reply(call, &call->open->file->f_path, size, answer->data,
				    answer->data_len, answer->engine_alive);
	return error == -EPROTO ? UNUSABLE : error;
}

static int answer_data(struct qtfsd_call *call, const struct answer *answer)
{
	const struct qtfs_read *read = call->args;
	int error;

	switch (qtfsd_call_op(call)) {
	case QTFS_OP_READLINK:
		return copy_data(call, answer, 1, QTFS_PATH_MAX);
	case QTFS_OP_READDIR:
		return answer_readdir(call, answer);
	default:
		error = copy_data(call, answer, 0, le32_to_cpu(read->size));
		if (!error && call->open->fast_read)
			WRITE_ONCE(call->open->read_grant, call->policy);
		return error;
	}
}

static int answer_write(struct qtfsd_call *call, const struct answer *answer)
{
	struct qtfs_write_rep *rep = &call->reply.write;
	struct qtfsd_open *open = call->open;
	struct qtfs_write_rep body;

	memcpy(&body, answer->body, sizeof(body));
	if (le32_to_cpu(body.count) > call->data_len || le64_to_cpu(body.end) > LLONG_MAX)
		return UNUSABLE;
	if (open->fast_write)
		WRITE_ONCE(open->write_grant, call->policy);

	memset(rep, 0, sizeof(*rep));
	rep->end = body.end;
	rep->count = body.count;
	return qtfsd_attr_fill(&rep->attr, &open->file->f_path, false);
}

static int answer_xattr(struct qtfsd_call *call, const struct answer *answer)
{
	const struct qtfs_getxattr *args = call->args;
	struct qtfs_getxattr_rep *rep = &call->reply.xattr;
	struct qtfs_getxattr_rep body;
	u32 len;

	memcpy(&body, answer->body, sizeof(body));
	len = le32_to_cpu(body.len);
	if (len > QTFS_XATTR_MAX || answer->data_len != (args->size ? len : 0))
		return UNUSABLE;
	rep->len = cpu_to_le32(len);
	rep->reserved = 0;
	return copy_data(call, answer, 0, le32_to_cpu(args->size));
}

static int answer_process(struct qtfsd_call *call, const struct answer *answer)
{
	const struct qtfs_process *args = call->args;
	struct qtfs_process_target target;

	if (!qtfsd_process_signals(args)) {
		memcpy(&call->reply.process, answer->body, sizeof(call->reply.process));
		return 0;
	}
	memcpy(&target, answer->body, sizeof(target));
	if (target.reserved || (target.start ? !!args->group :
				le32_to_cpu(args->group) != target.pid))
		return UNUSABLE;
	memset(&call->reply.process, 0, sizeof(call->reply.process));
	return qtfsd_process_signal(args, &target);
}

static int answer_good(struct qtfsd_call *call, const struct answer *answer)
{
	switch (answer_kind(qtfsd_call_op(call))) {
	case ANSWER_ENTRY:
		return answer_entry(call, answer);
	case ANSWER_ATTR:
		return qtfsd_attr_fill(&call->reply.attr.attr, &call->node[0]->file->f_path,
				       call->node[0]->attach_root);
	case ANSWER_OPEN:
		return answer_open(call, answer);
	case ANSWER_DATA:
		return answer_data(call, answer);
	case ANSWER_WRITE:
		return answer_write(call, answer);
	case ANSWER_XATTR:
		return answer_xattr(call, answer);
	case ANSWER_STATFS:
		memcpy(&call->reply.statfs, answer->body, sizeof(call->reply.statfs));
		return 0;
	case ANSWER_OPEN_ATTR:
		return qtfsd_attr_fill(&call->reply.attr.attr, &call->open->file->f_path, false);
	case ANSWER_FILEATTR_GET:
		return qtfsd_fileattr_get(call->node[0], &call->reply.fileattr);
	case ANSWER_FILEATTR_SET:
		return qtfsd_fileattr_set(call->node[0], call->args) ?:
		       qtfsd_attr_fill(&call->reply.attr.attr, &call->node[0]->file->f_path,
				       call->node[0]->attach_root);
	case ANSWER_FIFO:
		return qtfsd_fifo_begin(call);
	case ANSWER_LSEEK:
		memcpy(&call->reply.lseek, answer->body, sizeof(call->reply.lseek));
		return 0;
	case ANSWER_RENAME:
		call->reply.event = call->victim;
		return 0;
	case ANSWER_PROCESS:
		return answer_process(call, answer);
	case ANSWER_TERMINAL:
		memcpy(&call->reply.terminal, answer->body, sizeof(call->reply.terminal));
		return 0;
	case ANSWER_STATUS:
		break;
	}
	return 0;
}

/*
 * Answers @call with what is in @mem, which is DONE.  Returns 0, or -EPROTO if it
 * was unusable.  If the engine isn't alive, its descriptors are
 * not either: -EAGAIN where one is needed, and the call is still the caller's.
 */
int qtfsd_answer_commit(struct qtfsd_call *call, const struct qtfsd_channel *channel,
			const struct qtfs_slot *mem, bool engine_alive)
{
	struct answer answer = {
		.status = READ_ONCE(mem->status),
		.flags = READ_ONCE(mem->reply_flags),
		.data_len = READ_ONCE(mem->data_len),
		.body = mem->body,
		.data = (const void *)mem + channel->data_offset,
		.engine_alive = engine_alive,
	};
	int error;

	if (engine_alive)
		answer.file = steal_fd(READ_ONCE(mem->reply_fd));
	else if (!answer.status && needs_engine(call))
		return -EAGAIN;

	trace_qtfsd_call_committed(call, answer.status);
	if (READ_ONCE(call->session->dead))
		error = -ESTALE;		/* nobody will see it */
	else if (answer.status > QTFS_ERRNO_MAX || answer.data_len > channel->data_size)
		error = UNUSABLE;
	else if (answer.status)
		error = -(int)answer.status;
	else
		error = answer_good(call, &answer);
	if (answer.file)
		fput(answer.file);

	if (error == UNUSABLE)
		qtfsd_log(QTFSD_LOG_ERROR, "the engine's answer to %s is unusable",
			  call->info->name);
	qtfsd_reply(call, error == UNUSABLE ? -EIO : error);
	return error == UNUSABLE ? -EPROTO : 0;
}
