// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners: a thread that accepts connections on one address.
 *
 * The thread ends when accept() fails for good, which unlisten() brings about;
 * unlisten() frees nothing that accept() uses before the thread is gone.
 */
#include "transport.h"

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>

/* Pause when there is no room for a connection, so that a flood can't spin. */
#define PAUSE_MS	100

/* For a shortage that passes; every other error of accept() ends the listener. */
static bool passing(int error)
{
	switch (error) {
	case -ENOMEM:
	case -ENOBUFS:
	case -ENFILE:
	case -EMFILE:
	case -ECONNABORTED:
	case -EAGAIN:
		return true;
	default:
		return false;
	}
}

static int listener_thread(void *data)
{
	struct qtfs_listener *listener = data;
	int error;

	while (!kthread_should_stop()) {
		struct qtfs_conn *conn = listener->alloc(listener);

		if (!conn) {
			msleep_interruptible(PAUSE_MS);
			continue;
		}
		error = listener->transport->accept(listener, conn);
		if (!error) {
			listener->accepted(listener, conn);
			continue;
		}

		qtfs_conn_stop(conn);
		qtfs_conn_put(conn);
		if (!passing(error))
			break;
		msleep_interruptible(PAUSE_MS);
	}
	return 0;
}

/*
 * Listens on @addr.  listener->alloc and ->accepted must be set.  Returns the
 * transport's error, -EADDRINUSE for example.
 */
int qtfs_listener_start(struct qtfs_listener *listener, const struct qtfs_transport *transport,
			const struct qtfs_addr *addr)
{
	struct task_struct *task;
	int error;

	listener->transport = transport;
	listener->addr = *addr;
	error = transport->listen(listener, addr);
	if (error)
		return error;

	task = kthread_create(listener_thread, listener, "qtfs-listen");
	if (IS_ERR(task)) {
		transport->shutdown_listener(listener);
		transport->unlisten(listener);
		return PTR_ERR(task);
	}
	get_task_struct(task);
	listener->task = task;
	wake_up_process(task);
	return 0;
}

/* Undoes qtfs_listener_start(); connections that were accepted stay. */
void qtfs_listener_stop(struct qtfs_listener *listener)
{
	listener->transport->shutdown_listener(listener);
	kthread_stop(listener->task);
	put_task_struct(listener->task);
	listener->task = NULL;
	listener->transport->unlisten(listener);
}
