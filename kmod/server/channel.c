// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/qtfs_server: calls go to the engine and answers come back.
 *
 * Who owns a call.  channel->queue does while it waits; then the slot whose
 * thread took it, until that thread's next NEXT or the end of the engine:
 *
 *	          queue ----> slot, FETCHED ----> EXECUTING ----> DONE
 *	            ^             |                   |             |
 *	engine dies |<------------+                   |             |
 *	            |<------- RESENT, with note ------+             |
 *	            |<------- RESENT, with note, if a descriptor ---+--> answered
 *	                      was part of the answer
 *
 * A call that kills one engine after the other is answered with EIO in the end.
 *
 * The state is in memory that the engine writes.  It decides only what becomes
 * of this one call, and anything that isn't a state counts as EXECUTING.
 *
 * Slots are used by their own thread inside NEXT alone, one at a time (busy), and
 * by release(), when no thread can be inside any more and nothing is mapped:
 * both hold the device open.  So cslot->call needs no lock; the list of slots
 * only grows while the device is open.
 *
 * A call is dropped instead of queued once its session is dead, and the session's
 * end drops what is in the queue (qtfsd_channel_forget_session()): dead is set
 * before that takes channel->lock, so no call slips in after it.
 *
 * Without an engine calls wait, as many as there are slots in all sessions.
 * How many engines in a row died without an answer is counted, and told to the next
 * one, which waits for a while then, and to who looks (sysfs.c).
 *
 * Threads that wait in NEXT are woken one for each call.  A signal ends the wait
 * before a call was taken or not at all; a call is never lost to it.
 *
 * A file whose last reference an engine's thread drops in NEXT is closed when
 * that thread returns to user space.  So NEXT returns EINTR rather than wait with
 * such a file in its hands.
 */
#include "server/qtfsd.h"

#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "server/trace.h"

static struct qtfsd_channel *const channel = &qtfsd.channel;

static bool call_is_wanted(const struct qtfsd_call *call)
{
	return !READ_ONCE(call->session->dead);
}

static void queue_add(struct qtfsd_call *call, bool first)
{
	bool added;

	call->state = QTFSD_QUEUED;
	trace_qtfsd_call_queued(call, 0);
	spin_lock(&channel->lock);
	added = call_is_wanted(call);
	if (added && first)
		list_add(&call->list, &channel->queue);
	else if (added)
		list_add_tail(&call->list, &channel->queue);
	spin_unlock(&channel->lock);

	if (added)
		wake_up(&channel->wait);
	else
		qtfsd_call_drop(call);
}

/* Leaves @call to the engine. */
void qtfsd_channel_queue(struct qtfsd_call *call)
{
	queue_add(call, false);
}

/* Leaves @call to the next engine, before all others. */
void qtfsd_channel_requeue(struct qtfsd_call *call)
{
	queue_add(call, true);
}

/* Takes the call of @slot and @seq out of the queue.  NULL: it isn't there. */
struct qtfsd_call *qtfsd_channel_take(struct qtfsd_session *session, u32 slot, u64 seq)
{
	struct qtfsd_call *call;

	spin_lock(&channel->lock);
	list_for_each_entry(call, &channel->queue, list) {
		if (call->session != session || le32_to_cpu(call->hdr.slot) != slot ||
		    le64_to_cpu(call->hdr.seq) != seq)
			continue;
		/* Whether it has been carried out may be what the next engine finds out. */
		if (call->resent)
			break;
		list_del_init(&call->list);
		spin_unlock(&channel->lock);
		return call;
	}
	spin_unlock(&channel->lock);
	return NULL;
}

/* Drops the calls of @session, which is dead, from the queue. */
void qtfsd_channel_forget_session(struct qtfsd_session *session)
{
	struct qtfsd_call *call, *next;
	LIST_HEAD(drop);

	spin_lock(&channel->lock);
	list_for_each_entry_safe(call, next, &channel->queue, list)
		if (call->session == session)
			list_move_tail(&call->list, &drop);
	spin_unlock(&channel->lock);

	list_for_each_entry_safe(call, next, &drop, list) {
		list_del_init(&call->list);
		qtfsd_call_drop(call);
	}
}

static bool may_fetch(void)
{
	return READ_ONCE(channel->stopped) ||
	       (READ_ONCE(channel->ready) && !list_empty_careful(&channel->queue));
}

/* Takes the oldest call that somebody still waits for.  NULL: none, or stopped. */
static struct qtfsd_call *queue_take(void)
{
	struct qtfsd_call *call = NULL;

	spin_lock(&channel->lock);
	if (channel->ready && !channel->stopped)
		call = list_first_entry_or_null(&channel->queue, struct qtfsd_call, list);
	if (call) {
		list_del_init(&call->list);
		call->state = QTFSD_FETCHED;
		call->policy = channel->policy;
		call->attempts++;
	}
	spin_unlock(&channel->lock);
	return call;
}

/* What the call names is needed now.  The one that a client knows already may be gone. */
static int recall_nodes(struct qtfsd_call *call)
{
	int error = qtfsd_node_recall(&call->node[0]);

	if (!error)
		error = qtfsd_node_recall(&call->node[1]);
	if (error == -ESTALE && call->node[1] && !call->node[1]->file &&
	    (call->info->flags & QTFS_MAY_NODE2) && qtfsd_call_op(call) == QTFS_OP_LOOKUP) {
		qtfsd_node_put(call->node[1]);
		call->node[1] = NULL;
		error = 0;
	}
	return error;
}

/* Waits for a call and leaves it in the slot. */
static int next_fetch(struct qtfsd_cslot *cslot)
{
	int error;

	for (;;) {
		/* Files that this thread has just put are closed on its way out. */
		if (!may_fetch() && task_work_pending(current))
			return -EINTR;
		if (wait_event_interruptible_exclusive(channel->wait, may_fetch()))
			return -EINTR;
		if (fatal_signal_pending(current)) {
			/* This wake-up is for the next in line. */
			wake_up(&channel->wait);
			return -EINTR;
		}
		if (READ_ONCE(channel->stopped))
			return -ESHUTDOWN;

		cslot->call = queue_take();
		if (!cslot->call)
			continue;
		trace_qtfsd_call_fetched(cslot->call, 0);
		qtfsd_actor_enter(cslot->call);
		error = recall_nodes(cslot->call) ?: qtfsd_cslot_fill(channel, cslot);
		if (!error)
			return 0;
		qtfsd_actor_leave(cslot->call);
		if (error == -EMFILE || error == -ENFILE)
			qtfsd_log(QTFSD_LOG_ERROR, "no descriptors for the engine (%d)", error);
		/* EMFILE is the engine's own business. */
		qtfsd_reply(cslot->call, error == -EMFILE ? -ENFILE : error);
		cslot->call = NULL;
	}
}

/* Makes a reply of the answer in the slot, if there is a call in it. */
static int next_commit(struct qtfsd_cslot *cslot)
{
	struct qtfsd_call *call = cslot->call;
	struct qtfs_slot *mem = cslot->mem;
	int error;

	if (!call)
		return 0;
	cslot->call = NULL;
	qtfsd_actor_leave(call);
	/* Pairs with the engine's release: the answer was written before. */
	if (smp_load_acquire(&mem->state) == QTFS_SLOT_DONE) {
		error = qtfsd_answer_commit(call, channel, mem, true);
		WRITE_ONCE(channel->answered, true);
	} else {
		qtfsd_log(QTFSD_LOG_ERROR, "the engine gave a %s up", call->info->name);
		qtfsd_reply(call, -EIO);
		error = -EPROTO;
	}
	WRITE_ONCE(mem->state, QTFS_SLOT_IDLE);
	return error;
}

static int channel_next(unsigned long index)
{
	unsigned int nr = smp_load_acquire(&channel->nr_cslots);	/* pairs with add_slot() */
	struct qtfsd_cslot *cslot;
	int error;

	if (index >= nr)
		return -EINVAL;
	cslot = channel->cslots[array_index_nospec(index, nr)];
	if (test_and_set_bit_lock(0, &cslot->busy))
		return -EBUSY;
	error = next_commit(cslot) ?: next_fetch(cslot);
	clear_bit_unlock(0, &cslot->busy);
	return error;
}

static int channel_setup(struct qtfs_channel_setup __user *arg)
{
	struct qtfs_channel_setup setup = {
		.version = QTFS_CHANNEL_VERSION,
		.max_slots = QTFSD_CSLOTS_MAX,
		.stride = channel->stride,
		.args_offset = channel->args_offset,
		.path_offset = { channel->path_offset[0], channel->path_offset[1] },
		.data_offset = channel->data_offset,
		.data_size = channel->data_size,
		.crashes = READ_ONCE(channel->crashes),
	};
	u32 version;
	int error = 0;

	if (get_user(version, &arg->version) || copy_to_user(arg, &setup, sizeof(setup)))
		return -EFAULT;
	if (version != QTFS_CHANNEL_VERSION)
		return -EPROTONOSUPPORT;

	mutex_lock(&channel->slots_lock);
	if (channel->setup)
		error = -EBUSY;
	channel->setup = true;
	mutex_unlock(&channel->slots_lock);
	return error;
}

static int channel_add_slot(void)
{
	struct qtfsd_cslot *cslot;
	unsigned int nr;
	int error;

	mutex_lock(&channel->slots_lock);
	nr = channel->nr_cslots;
	error = !channel->setup ? -EINVAL : nr >= QTFSD_CSLOTS_MAX ? -ENOSPC : 0;
	if (error)
		goto unlock;
	cslot = qtfsd_cslot_alloc(channel);
	if (!cslot) {
		error = -ENOMEM;
		goto unlock;
	}
	channel->cslots[nr] = cslot;
	smp_store_release(&channel->nr_cslots, nr + 1);		/* complete */
	error = nr;
unlock:
	mutex_unlock(&channel->slots_lock);
	return error;
}

/* A new epoch of the policy: every grant of the older ones is void. */
static int channel_ready(void)
{
	int error = 0;
	u64 policy;

	spin_lock(&channel->lock);
	if (!channel->setup)
		error = -EINVAL;
	else if (channel->stopped)
		error = -ESHUTDOWN;
	else
		WRITE_ONCE(channel->ready, true);
	if (!error)
		WRITE_ONCE(channel->policy, channel->policy + 1);
	policy = channel->policy;
	spin_unlock(&channel->lock);
	if (error)
		return error;

	wake_up_all(&channel->wait);
	qtfsd_sessions_expire();
	qtfsd_log(QTFSD_LOG_INFO, "engine %d is ready, policy %llu", task_tgid_nr(current), policy);
	return 0;
}

static int channel_stop(void)
{
	spin_lock(&channel->lock);
	WRITE_ONCE(channel->stopped, true);
	spin_unlock(&channel->lock);
	wake_up_all(&channel->wait);
	return 0;
}

static long channel_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case QTFS_CHANNEL_SETUP:
		return channel_setup((void __user *)arg);
	case QTFS_CHANNEL_ADD_SLOT:
		return channel_add_slot();
	case QTFS_CHANNEL_READY:
		return channel_ready();
	case QTFS_CHANNEL_NEXT:
		return channel_next(arg);
	case QTFS_CHANNEL_STOP:
		return channel_stop();
	case QTFS_CHANNEL_LET_GO:
		return qtfsd_let_go(arg);
	case QTFS_CHANNEL_MOUNTS:
		return qtfsd_mounts_changed();
	default:
		return -ENOTTY;
	}
}

/* Maps one slot, whole: whoever can read it holds the device open. */
static int channel_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned int nr = smp_load_acquire(&channel->nr_cslots);	/* pairs with add_slot() */
	unsigned long pages = channel->stride >> PAGE_SHIFT;
	unsigned long index = vma->vm_pgoff / pages;

	if (index >= nr || vma->vm_pgoff % pages || vma_pages(vma) != pages ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, VM_MAYEXEC);
	return remap_vmalloc_range(vma, channel->cslots[array_index_nospec(index, nr)]->mem, 0);
}

static int channel_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (test_and_set_bit_lock(0, &channel->opened))
		return -EBUSY;
	channel->cred = get_cred(file->f_cred);
	return stream_open(inode, file);
}

static int channel_release(struct inode *inode, struct file *file)
{
	unsigned int i;

	spin_lock(&channel->lock);
	WRITE_ONCE(channel->ready, false);
	spin_unlock(&channel->lock);

	/* From the last to the first: the oldest calls tend to end up in front. */
	for (i = channel->nr_cslots; i-- > 0;) {
		qtfsd_cslot_abandon(channel, channel->cslots[i]);
		qtfsd_cslot_free(channel->cslots[i]);
		channel->cslots[i] = NULL;
	}
	if (channel->setup && !channel->stopped)
		qtfsd_log(QTFSD_LOG_WARN, "the engine has gone, its calls wait for the next one");
	if (channel->answered || channel->stopped)
		WRITE_ONCE(channel->crashes, 0);
	else if (channel->setup)
		WRITE_ONCE(channel->crashes, channel->crashes + 1);

	put_cred(channel->cred);
	channel->nr_cslots = 0;
	channel->setup = false;
	channel->stopped = false;
	channel->answered = false;
	clear_bit_unlock(0, &channel->opened);
	return 0;
}

static const struct file_operations channel_fops = {
	.owner = THIS_MODULE,
	.open = channel_open,
	.release = channel_release,
	.unlocked_ioctl = channel_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = channel_mmap,
	.llseek = noop_llseek,
};

/* Whether @file is one of the module's own, which must not be served to anybody. */
bool qtfsd_channel_owns(const struct file *file)
{
	return file->f_op->owner == THIS_MODULE;
}

static struct miscdevice channel_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qtfs_server",
	.mode = 0600,
	.fops = &channel_fops,
};

void qtfsd_channel_init(void)
{
	spin_lock_init(&channel->lock);
	INIT_LIST_HEAD(&channel->queue);
	init_waitqueue_head(&channel->wait);
	mutex_init(&channel->slots_lock);
	qtfsd_cslot_layout(channel);
}

int qtfsd_channel_register(void)
{
	return misc_register(&channel_device);
}

/* No engine has the device open, or the module would be in use. */
void qtfsd_channel_unregister(void)
{
	misc_deregister(&channel_device);
}
