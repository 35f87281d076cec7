// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for what the server waits for: a lock, the other end of a FIFO.
 *
 * No request is under way in the meantime: the server says by an event that it is
 * time to ask again (notify.c), and just in case we ask now and then.
 */
#include "qtfs.h"

void qtfs_wait_begin(struct qtfs_session *session, struct qtfs_wait *wait)
{
	wait->number = atomic64_inc_return(&session->wait_number);
	wait->woken = false;
	spin_lock(&session->lock);
	list_add(&wait->list, &session->waits);
	spin_unlock(&session->lock);
}

void qtfs_wait_end(struct qtfs_session *session, struct qtfs_wait *wait)
{
	spin_lock(&session->lock);
	list_del(&wait->list);
	spin_unlock(&session->lock);
}

/* Until it's time to ask again.  -ERESTARTSYS after a signal. */
int qtfs_wait_for_event(struct qtfs_session *session, struct qtfs_wait *wait)
{
	long left = wait_event_interruptible_timeout(session->wait_queue, READ_ONCE(wait->woken),
						     QTFS_ASK_AGAIN);

	/* Before the next question, whose answer may be overtaken by the next event. */
	WRITE_ONCE(wait->woken, false);
	return left < 0 ? left : 0;
}

/* The server says that wait @number is over, or (0) that any of them may be. */
void qtfs_wait_event(struct qtfs_session *session, u64 number)
{
	struct qtfs_wait *wait;

	spin_lock(&session->lock);
	list_for_each_entry(wait, &session->waits, list)
		if (!number || wait->number == number)
			WRITE_ONCE(wait->woken, true);
	spin_unlock(&session->lock);
	wake_up_all(&session->wait_queue);
}
