// SPDX-License-Identifier: GPL-2.0
/*
 * POLL: what can be done with an open file now, and an event when that changes.
 *
 * An open that a client watches hangs on the wait queues of its file, from the
 * first such request until it's closed, as a file does that is in an epoll set.  A
 * request arms it, whatever it answers, since an edge-triggered watcher wants to
 * know of what comes next; the first wake-up disarms it and sends one event.  The
 * client then asks again if anybody there is still interested.  So nothing happens
 * where nothing happens, and a busy file costs at most an event for each question.
 *
 * A wake-up may come with any lock held: it does no more than to queue work.
 *
 * References: the work needs the open's number and its session, and is waited for
 * before the open goes.  The queues are the file's and live as long as that; where
 * they don't (POLLFREE), whoever frees them says so, as in fs/eventpoll.c.
 */
#include "server/qtfsd.h"

#include <linux/eventpoll.h>
#include <linux/poll.h>
#include <linux/slab.h>

/* Queues of one file: a pipe has two.  What hangs on more is only half watched. */
#define QUEUES_MAX	4

struct poll_entry {
	wait_queue_entry_t entry;
	wait_queue_head_t *head;	/* NULL: it's gone */
	struct qtfsd_poll *poll;
};

struct qtfsd_poll {
	poll_table table;
	struct qtfsd_session *session;
	u64 number;			/* the open's */
	unsigned long armed;		/* bit 0 */
	atomic_t wanted;		/* EPOLL*: what anybody has ever asked for */
	struct work_struct work;
	unsigned int nr;
	struct poll_entry entries[QUEUES_MAX];
};

static void poll_work(struct work_struct *work)
{
	struct qtfsd_poll *poll = container_of(work, struct qtfsd_poll, work);

	qtfsd_notify_number(poll->session, QTFS_EVENT_POLL, poll->number);
}

static int poll_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct poll_entry *pe = container_of(entry, struct poll_entry, entry);
	struct qtfsd_poll *poll = pe->poll;
	__poll_t events = key_to_poll(key);
	__poll_t wanted = (__force __poll_t)atomic_read(&poll->wanted);

	if (events && !(events & (wanted | EPOLLERR | EPOLLHUP | POLLFREE)))
		return 0;
	if (test_and_clear_bit(0, &poll->armed))
		queue_work(qtfsd.io_wq, &poll->work);
	if (events & POLLFREE) {
		list_del_init(&entry->entry);
		/* Pairs with poll_detach(): the queue is gone after this. */
		smp_store_release(&pe->head, NULL);
	}
	return 0;
}

static void poll_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct qtfsd_poll *poll = container_of(table, struct qtfsd_poll, table);
	struct poll_entry *pe = &poll->entries[poll->nr];

	if (poll->nr == QUEUES_MAX)
		return;
	poll->nr++;
	pe->poll = poll;
	pe->head = head;
	init_waitqueue_func_entry(&pe->entry, poll_wake);
	add_wait_queue(head, &pe->entry);
}

static void poll_detach(struct qtfsd_poll *poll)
{
	unsigned int i;

	for (i = 0; i < poll->nr; i++) {
		struct poll_entry *pe = &poll->entries[i];
		wait_queue_head_t *head;

		/* A queue that goes is freed after a grace period. */
		rcu_read_lock();
		/* Pairs with poll_wake(). */
		head = smp_load_acquire(&pe->head);
		if (head)
			remove_wait_queue(head, &pe->entry);
		rcu_read_unlock();
	}
	cancel_work_sync(&poll->work);
	kfree(poll);
}

/* @open's, made if it isn't there.  NULL when memory is short. */
static struct qtfsd_poll *poll_of(struct qtfsd_call *call)
{
	struct qtfsd_open *open = call->open;
	/* Pairs with the publication below. */
	struct qtfsd_poll *poll = smp_load_acquire(&open->poll), *other;

	if (poll)
		return poll;
	poll = kzalloc(sizeof(*poll), GFP_KERNEL);
	if (!poll)
		return NULL;
	poll->session = call->session;
	poll->number = open->number;
	INIT_WORK(&poll->work, poll_work);
	init_poll_funcptr(&poll->table, poll_queue);
	/* The queues that matter may depend on what is asked for: hang on all. */
	poll->table._key = ~(__poll_t)0;
	vfs_poll(open->file, &poll->table);

	other = cmpxchg(&open->poll, NULL, poll);
	if (!other)
		return poll;
	poll_detach(poll);
	return other;
}

/* Carries POLL out, in a worker, and answers it. */
void qtfsd_poll_run(struct qtfsd_call *call)
{
	const struct qtfs_poll *args = call->args;
	struct qtfs_poll_rep *rep = &call->reply.poll;
	struct qtfsd_poll *poll;

	memset(rep, 0, sizeof(*rep));
	if (args->flags & cpu_to_le32(QTFS_POLL_WATCH)) {
		poll = poll_of(call);
		if (!poll) {
			qtfsd_reply(call, -ENOMEM);
			return;
		}
		atomic_or(le32_to_cpu(args->events), &poll->wanted);
		set_bit(0, &poll->armed);
		/* What happens from here on is told, what was before is seen. */
		smp_mb__after_atomic();
	}
	rep->events = cpu_to_le32((__force u32)vfs_poll(call->open->file, NULL));
	qtfsd_reply(call, 0);
}

/* The last reference to @open is gone. */
void qtfsd_poll_end(struct qtfsd_open *open)
{
	if (open->poll)
		poll_detach(open->poll);
}
