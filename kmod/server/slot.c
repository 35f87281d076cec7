// SPDX-License-Identifier: GPL-2.0
/*
 * Slots of the channel: their memory, and what a fetched call looks like there.
 *
 * The memory is written here and read by the engine, which may write to it at
 * any time.  So nothing is read back; paths are made in memory of the module's
 * own first.
 *
 * Descriptors go into the table of the thread that calls.  All are reserved
 * before one is installed, so that running out of them leaves nothing behind.
 */
#include "server/qtfsd.h"

#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "server/trace.h"

/* d_path() may append this, and it isn't part of the path. */
#define DELETED		" (deleted)"
static_assert(sizeof(DELETED) <= QTFSD_PATH_BUFFER - QTFS_SLOT_PATH_SIZE);

/* Where the parts of a slot are. */
void qtfsd_cslot_layout(struct qtfsd_channel *channel)
{
	channel->args_offset = PAGE_ALIGN(sizeof(struct qtfs_slot));
	channel->path_offset[0] = channel->args_offset + PAGE_ALIGN(QTFS_ARGS_MAX);
	channel->path_offset[1] = channel->path_offset[0] + QTFS_SLOT_PATH_SIZE;
	channel->data_offset = PAGE_ALIGN(channel->path_offset[1] + QTFS_SLOT_PATH_SIZE);
	channel->data_size = qtfsd.limits.data;
	channel->stride = PAGE_ALIGN(channel->data_offset + channel->data_size);
}

/* Makes a slot.  NULL when memory is short. */
struct qtfsd_cslot *qtfsd_cslot_alloc(const struct qtfsd_channel *channel)
{
	struct qtfsd_cslot *cslot = kzalloc(sizeof(*cslot), GFP_KERNEL);

	if (!cslot)
		return NULL;
	cslot->mem = vmalloc_user(channel->stride);
	cslot->path = kvmalloc(QTFSD_PATH_BUFFER, GFP_KERNEL);
	cslot->note = kmalloc(QTFS_SLOT_NOTE_SIZE, GFP_KERNEL);
	if (!cslot->mem || !cslot->path || !cslot->note) {
		qtfsd_cslot_free(cslot);
		return NULL;
	}
	return cslot;
}

void qtfsd_cslot_free(struct qtfsd_cslot *cslot)
{
	kfree(cslot->note);
	kvfree(cslot->path);
	vfree(cslot->mem);
	kfree(cslot);
}

/*
 * Makes the path of @path, as the calling thread sees it, in @buf of QTFSD_PATH_BUFFER
 * bytes, and returns where it begins: NULL if it can't be told, because it is
 * too long, or not below the thread's root, where d_path() would name another
 * file.
 */
const char *qtfsd_tell_path(const struct path *path, char *buf, bool *deleted)
{
	struct path root;
	unsigned int try;
	bool below;
	char *p;

	for (try = 0; try < 3; try++) {
		*deleted = d_unlinked(path->dentry);
		p = d_path(path, buf, QTFSD_PATH_BUFFER);
		if (IS_ERR(p))
			return NULL;
		get_fs_root(current->fs, &root);
		below = path_is_under(path, &root);
		path_put(&root);
		if (!below || *p != '/')
			return NULL;
		if (*deleted != d_unlinked(path->dentry))
			continue;
		if (*deleted)
			p[strlen(p) - strlen(DELETED)] = '\0';
		return p;
	}
	return NULL;
}

/* Returns the length of what it put at @to, 0 if the path can't be told. */
static u32 put_path(const struct file *file, char *buf, void *to, bool *deleted)
{
	const char *path;
	size_t len;

	*deleted = false;
	if (!file)
		return 0;
	path = qtfsd_tell_path(&file->f_path, buf, deleted);
	len = path ? strlen(path) : 0;
	if (len >= QTFS_SLOT_PATH_SIZE)
		len = 0;
	memcpy(to, path ?: "", len);
	((char *)to)[len] = '\0';
	return len;
}

static void fill_paths(const struct qtfsd_channel *channel, struct qtfsd_cslot *cslot, u32 *flags)
{
	static const u32 deleted_flags[] = { QTFS_SLOT_DELETED0, QTFS_SLOT_DELETED1 };
	const struct qtfsd_call *call = cslot->call;
	void *mem = cslot->mem;
	bool deleted;
	int i;

	for (i = 0; i < 2; i++) {
		struct file *file = call->node[i] ? call->node[i]->file : NULL;

		/* What only names an open file is judged by that one's path. */
		if (!i && !file && call->open)
			file = call->open->file;
		cslot->mem->path_len[i] = put_path(file, cslot->path,
						   mem + channel->path_offset[i], &deleted);
		if (deleted)
			*flags |= deleted_flags[i];
	}
}

static void copy_data(const struct qtfsd_call *call, void *to)
{
	if (call->data_pages.nr)
		qtfsd_pages_copy(&call->data_pages, call->data_len, to);
	else if (call->data_len)
		memcpy(to, call->data, call->data_len);
}

/* Puts the call into the slot's memory.  -EMFILE and the like, and nothing was done. */
int qtfsd_cslot_fill(const struct qtfsd_channel *channel, struct qtfsd_cslot *cslot)
{
	const struct qtfsd_call *call = cslot->call;
	struct file *files[QTFS_SLOT_FDS] = {
		[QTFS_SLOT_NODE] = call->node[0] ? call->node[0]->file : NULL,
		[QTFS_SLOT_NODE2] = call->node[1] ? call->node[1]->file : NULL,
		[QTFS_SLOT_OPEN] = call->open ? call->open->file : NULL,
	};
	struct qtfs_slot *mem = cslot->mem;
	u32 flags = call->resent ? QTFS_SLOT_RESENT : 0;
	int fds[QTFS_SLOT_FDS];
	int i, error;

	for (i = 0; i < QTFS_SLOT_FDS; i++) {
		fds[i] = -1;
		if (!files[i])
			continue;
		fds[i] = get_unused_fd_flags(O_CLOEXEC);
		if (fds[i] < 0) {
			error = fds[i];
			goto put_fds;
		}
	}

	fill_paths(channel, cslot, &flags);
	mem->flags = flags;
	mem->session = call->session->id;
	mem->hdr = call->hdr;
	mem->req = call->req;
	mem->open_flags = call->open ? call->open->flags : 0;
	mem->status = 0;
	mem->reply_flags = 0;
	mem->reply_fd = -1;
	mem->data_len = 0;
	mem->crashed = 0;
	memset(mem->body, 0, sizeof(mem->body));
	if (call->note)
		memcpy(mem->note, call->note, sizeof(mem->note));
	else
		memset(mem->note, 0, sizeof(mem->note));
	memcpy((void *)mem + channel->args_offset, call->args, call->args_len);
	copy_data(call, (void *)mem + channel->data_offset);

	for (i = 0; i < QTFS_SLOT_FDS; i++) {
		mem->fd[i] = fds[i];
		if (files[i])
			fd_install(fds[i], get_file(files[i]));
	}
	/* Pairs with the engine's acquire, though NEXT's return does as well. */
	smp_store_release(&mem->state, QTFS_SLOT_FETCHED);
	return 0;

put_fds:
	while (i-- > 0)
		if (fds[i] >= 0)
			put_unused_fd(fds[i]);
	return error;
}

/* Whether @call, which the engine died with, has killed too many of them by itself. */
static bool call_is_deadly(struct qtfsd_call *call, const struct qtfs_slot *mem)
{
	if (READ_ONCE(mem->crashed) && ++call->crashes >= QTFS_CHANNEL_CRASHES) {
		qtfsd_log(QTFSD_LOG_ERROR, "session %llu: a %s has crashed %u engines, it fails",
			  call->session->id, call->info->name, call->crashes);
		return true;
	}
	return false;
}

/* The engine is gone: what becomes of the call in the slot. */
void qtfsd_cslot_abandon(const struct qtfsd_channel *channel, struct qtfsd_cslot *cslot)
{
	struct qtfsd_call *call = cslot->call;
	bool deadly = false;

	if (!call)
		return;
	cslot->call = NULL;
	qtfsd_actor_leave(call);

	switch (smp_load_acquire(&cslot->mem->state)) {	/* as in next_commit() */
	case QTFS_SLOT_FETCHED:
		deadly = call_is_deadly(call, cslot->mem);
		break;
	case QTFS_SLOT_DONE:
		if (qtfsd_answer_commit(call, channel, cslot->mem, false) != -EAGAIN)
			return;
		fallthrough;
	default:
		deadly = call_is_deadly(call, cslot->mem);
		if (deadly)
			break;
		kfree(call->note);
		call->note = cslot->note;
		cslot->note = NULL;
		memcpy(call->note, cslot->mem->note, QTFS_SLOT_NOTE_SIZE);
		call->resent = true;
		this_cpu_inc(call->session->stats->resent);
		this_cpu_inc(qtfsd.stats->resent);
		break;
	}
	if (deadly) {
		qtfsd_reply(call, -EIO);
		return;
	}
	trace_qtfsd_call_resent(call, 0);
	qtfsd_channel_requeue(call);
}
