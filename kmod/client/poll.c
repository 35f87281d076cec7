// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2), select(2) and epoll(7) on the server's files.
 *
 * Each ->poll asks the server (POLL); if anybody waits, it's asked to watch, and
 * sends one event when something happens, which wakes everybody up to ask again.
 * Where nothing happens nothing is sent, however many files are watched.
 *
 * Watched files are in session->polled, by the number of their open, so that an
 * event finds them; under session->lock, which is held while they are woken, so
 * that none goes in the meantime.  After events were lost all are woken.
 *
 * Locks: session->lock > the file's wait queue > what hangs on it.
 */
#include "qtfs.h"

#include <linux/poll.h>
#include <linux/rbtree.h>

static struct qtfs_file *polled_find(struct qtfs_session *session, u64 number)
{
	struct rb_node *node = session->polled.rb_node;

	while (node) {
		struct qtfs_file *qf = rb_entry(node, struct qtfs_file, polled);

		if (number == qf->open)
			return qf;
		node = number < qf->open ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static void polled_insert(struct qtfs_session *session, struct qtfs_file *qf)
{
	struct rb_node **link = &session->polled.rb_node, *parent = NULL;

	spin_lock(&session->lock);
	if (RB_EMPTY_NODE(&qf->polled)) {
		while (*link) {
			parent = *link;
			link = qf->open < rb_entry(parent, struct qtfs_file, polled)->open ?
			       &parent->rb_left : &parent->rb_right;
		}
		rb_link_node(&qf->polled, parent, link);
		rb_insert_color(&qf->polled, &session->polled);
	}
	spin_unlock(&session->lock);
}

static void polled_remove(struct qtfs_session *session, struct qtfs_file *qf)
{
	lockdep_assert_held(&session->lock);
	if (!RB_EMPTY_NODE(&qf->polled)) {
		rb_erase(&qf->polled, &session->polled);
		RB_CLEAR_NODE(&qf->polled);
	}
}

/* @qf is being released. */
void qtfs_poll_end(struct qtfs_session *session, struct qtfs_file *qf)
{
	spin_lock(&session->lock);
	polled_remove(session, qf);
	spin_unlock(&session->lock);
}

static void polled_wake(struct qtfs_file *qf)
{
	WRITE_ONCE(qf->poll_events, qf->poll_events + 1);
	wake_up_all(&qf->poll_queue);
}

/*
 * The server, which was restarted, knows @qf's open by the number @open.  Whoever waits
 * asks again, since nothing is watched there any more.
 */
void qtfs_poll_renumber(struct qtfs_session *session, struct qtfs_file *qf, u64 open)
{
	spin_lock(&session->lock);
	polled_remove(session, qf);
	WRITE_ONCE(qf->open, open);
	polled_wake(qf);
	spin_unlock(&session->lock);
}

/* The server says that something happens to open @number, or (0) perhaps to any. */
void qtfs_poll_event(struct qtfs_session *session, u64 number)
{
	struct qtfs_file *qf;
	struct rb_node *node;

	spin_lock(&session->lock);
	if (number) {
		qf = polled_find(session, number);
		if (qf)
			polled_wake(qf);
	} else {
		for (node = rb_first(&session->polled); node; node = rb_next(node))
			polled_wake(rb_entry(node, struct qtfs_file, polled));
	}
	spin_unlock(&session->lock);
}

/* Asks the server what can be done with @file; @watch: and to tell when that changes. */
static int poll_rpc(struct file *file, __poll_t events, bool watch, __poll_t *now)
{
	struct qtfs_session *session = qtfs_session_of(file_inode(file)->i_sb);
	struct qtfs_poll body = {
		.events = cpu_to_le32((__force u32)events),
		.flags = cpu_to_le32(watch ? QTFS_POLL_WATCH : 0),
	};
	struct qtfs_poll_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_POLL,
		.file = qtfs_file(file),
		.body = &body,
		.reply = &rep,
	};
	int error;

	if (watch)
		polled_insert(session, qtfs_file(file));
	error = qtfs_rpc_call(session, &rpc);
	if (!error)
		*now = (__force __poll_t)le32_to_cpu(rep.events);
	return error;
}

__poll_t qtfs_poll(struct file *file, poll_table *table)
{
	struct qtfs_file *qf = qtfs_file(file);
	__poll_t events = poll_requested_events(table), now;

	poll_wait(file, &qf->poll_queue, table);
	/* Who waits hangs on it by now; epoll asks again without a table. */
	if (poll_rpc(file, events, waitqueue_active(&qf->poll_queue), &now))
		return EPOLLERR;
	return now;
}

/*
 * Waits until one of @events, an error or a hang-up is there.  -ERESTARTSYS after a
 * signal.
 */
int qtfs_poll_wait(struct file *file, __poll_t events)
{
	struct qtfs_file *qf = qtfs_file(file);
	unsigned int seen;
	__poll_t now;
	long left;
	int error;

	for (;;) {
		seen = READ_ONCE(qf->poll_events);
		error = poll_rpc(file, events, true, &now);
		/* Who was interrupted on the server is nobody here. */
		if (error == -EINTR && !signal_pending(current))
			continue;
		if (error)
			return error == -EINTR ? -ERESTARTSYS : error;
		if (now & (events | EPOLLERR | EPOLLHUP))
			return 0;
		left = wait_event_interruptible_timeout(qf->poll_queue,
							READ_ONCE(qf->poll_events) != seen,
							QTFS_ASK_AGAIN);
		if (left < 0)
			return left;
	}
}
