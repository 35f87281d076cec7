// SPDX-License-Identifier: GPL-2.0
/*
 * What may take as long as it likes: to get a lock, to open a FIFO.
 *
 * It is done by a thread of its own, as many as WAITS_MAX in a session, since
 * there is no other way to wait for such things.  The request that began it is
 * answered at once, and keeps neither a slot nor a thread of the engine.  When it's
 * over, the client is told by an event and asks for the result, by the number that
 * it had chosen; it may ask at any time.  A cancelled wait says whether it was over
 * already.
 *
 * References: wait -> session.  The record stays on session->waits until the
 * client has heard of the end, or the session ends.
 *
 * Locks: session->lock, a leaf.
 */
#include "server/qtfsd.h"

#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define WAITS_MAX	1024

static int wait_thread(void *p)
{
	struct qtfsd_wait *wait = p;

	allow_signal(SIGKILL);
	wait->error = wait->ops->run(wait);
	/* In this order: a client that is told asks at once.  The record stays: wait_free(). */
	complete(&wait->over);
	qtfsd_notify_number(wait->session, QTFS_EVENT_WAIT, wait->number);
	return 0;
}

/* Frees a wait that is on no list, and has ended or never began. */
void qtfsd_wait_free(struct qtfsd_wait *wait)
{
	struct qtfsd_session *session = wait->session;

	if (!IS_ERR_OR_NULL(wait->task)) {
		/* Its last step is in this module. */
		kthread_stop(wait->task);
		put_task_struct(wait->task);
	}
	wait->ops->free(wait);
	qtfsd_session_put(session);
}

/* Ends a wait that is on no list any more.  Returns how: 0 if it had been over. */
int qtfsd_wait_cancel(struct qtfsd_wait *wait)
{
	/* A thread that has just begun doesn't take signals yet. */
	do
		send_sig(SIGKILL, wait->task, 1);
	while (!wait_for_completion_timeout(&wait->over, msecs_to_jiffies(20)));
	return wait->error == -ERESTARTSYS ? -EINTR : wait->error;
}

/*
 * Takes the wait of this kind and number off the list.  @over: only if it has
 * ended.  @found: whether there is such a wait.
 */
struct qtfsd_wait *qtfsd_wait_take(struct qtfsd_session *session, const struct qtfsd_wait_ops *ops,
				   u64 number, bool over, bool *found)
{
	struct qtfsd_wait *wait, *taken = NULL;

	*found = false;
	spin_lock(&session->lock);
	list_for_each_entry(wait, &session->waits, list) {
		if (wait->number != number || wait->ops != ops)
			continue;
		*found = true;
		if (!over || completion_done(&wait->over)) {
			list_del(&wait->list);
			session->nr_waits--;
			taken = wait;
		}
		break;
	}
	spin_unlock(&session->lock);
	/* complete() may still be under way. */
	if (taken && over)
		wait_for_completion(&taken->over);
	return taken;
}

static int wait_list(struct qtfsd_session *session, struct qtfsd_wait *wait)
{
	int error = 0;

	spin_lock(&session->lock);
	if (READ_ONCE(session->dead)) {
		error = -ESTALE;
	} else if (session->nr_waits >= WAITS_MAX) {
		error = -ENFILE;
	} else {
		list_add_tail(&wait->list, &session->waits);
		session->nr_waits++;
	}
	spin_unlock(&session->lock);
	return error;
}

/*
 * Begins to wait.  @wait is zero but for what belongs to its owner; from now on it
 * is freed by ops->free(), here if this fails.
 */
int qtfsd_wait_start(struct qtfsd_session *session, struct qtfsd_wait *wait,
		     const struct qtfsd_wait_ops *ops, u64 number)
{
	int error;

	init_completion(&wait->over);
	wait->ops = ops;
	wait->number = number;
	wait->session = session;
	kref_get(&session->ref);

	wait->task = kthread_create(wait_thread, wait, "%s", ops->name);
	if (IS_ERR(wait->task)) {
		error = PTR_ERR(wait->task);
		goto free;
	}
	get_task_struct(wait->task);
	error = wait_list(session, wait);
	if (!error) {
		wake_up_process(wait->task);
		return 0;
	}
free:
	qtfsd_wait_free(wait);
	return error;
}

/* The session is dead: no new wait begins, and none goes on. */
void qtfsd_waits_end(struct qtfsd_session *session)
{
	struct qtfsd_wait *wait;

	for (;;) {
		spin_lock(&session->lock);
		wait = list_first_entry_or_null(&session->waits, struct qtfsd_wait, list);
		if (wait)
			list_del(&wait->list);
		spin_unlock(&session->lock);
		if (!wait)
			break;
		qtfsd_wait_cancel(wait);
		qtfsd_wait_free(wait);
	}
}
