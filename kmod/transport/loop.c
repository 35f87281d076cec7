// SPDX-License-Identifier: GPL-2.0
/*
 * loop: client and server in one kernel.  A pair of rings in ordinary memory.
 *
 * Each module has its own copy of this file.  What is shared is a struct pair,
 * data only, that each end holds a reference to: so either module may go while
 * the other still has its end.  The client's copy hands the pair over by the one
 * symbol that qtfs_server.ko exports for it, found by symbol_get(): there is no
 * dependency between the modules, and the reference to qtfs_server.ko is held
 * for the time of that call only.
 */
#include "loop.h"
#include "ring.h"

#include <linux/kref.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define RING_BYTES	SZ_1M

enum { CLIENT, SERVER };

struct qtfs_loop_pair {
	struct kref ref;
	struct list_head list;		/* offered, not accepted yet */
	wait_queue_head_t wq[2];
	struct qtfs_ring_line line[2];
	void *data[2];			/* written by that end */
};

/* One end. */
struct loop_end {
	struct qtfs_ring ring;
	struct qtfs_loop_pair *pair;
	int side;
};

static struct {
	spinlock_t lock;		/* all of this; a leaf */
	struct list_head offered;
	bool listening;
	wait_queue_head_t wq;
} server = {
	.lock = __SPIN_LOCK_UNLOCKED(server.lock),
	.offered = LIST_HEAD_INIT(server.offered),
	.wq = __WAIT_QUEUE_HEAD_INITIALIZER(server.wq),
};

static void pair_release(struct kref *ref)
{
	struct qtfs_loop_pair *pair = container_of(ref, struct qtfs_loop_pair, ref);

	vfree(pair->data[CLIENT]);
	vfree(pair->data[SERVER]);
	kfree(pair);
}

static struct qtfs_loop_pair *pair_alloc(void)
{
	struct qtfs_loop_pair *pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	int i;

	if (!pair)
		return NULL;
	kref_init(&pair->ref);
	for (i = 0; i < 2; i++) {
		init_waitqueue_head(&pair->wq[i]);
		pair->data[i] = vmalloc(RING_BYTES);
	}
	if (!pair->data[CLIENT] || !pair->data[SERVER]) {
		kref_put(&pair->ref, pair_release);
		return NULL;
	}
	return pair;
}

static void loop_bell(struct qtfs_ring *ring)
{
	struct loop_end *end = container_of(ring, struct loop_end, ring);

	wake_up_all(&end->pair->wq[!end->side]);
}

/* An end of @pair; takes a reference. */
static struct loop_end *end_alloc(struct qtfs_loop_pair *pair, int side)
{
	struct loop_end *end = kzalloc(sizeof(*end), GFP_KERNEL);

	if (!end)
		return NULL;
	kref_get(&pair->ref);
	end->pair = pair;
	end->side = side;
	end->ring.mine = &pair->line[side];
	end->ring.peer = &pair->line[!side];
	end->ring.tx = pair->data[side];
	end->ring.rx = pair->data[!side];
	end->ring.size = RING_BYTES;
	end->ring.wq = &pair->wq[side];
	end->ring.bell = loop_bell;
	return end;
}

/* There is one server, whatever the address and port. */
static int loop_parse(struct qtfs_addr *addr, const char *host, unsigned int port)
{
	strscpy(addr->text, "loop", sizeof(addr->text));
	return 0;
}

/* In qtfs_server.ko: takes a reference to @pair, or says why not. */
int qtfs_loop_offer(struct qtfs_loop_pair *pair)
{
	int error = -ECONNREFUSED;

	spin_lock(&server.lock);
	if (server.listening) {
		kref_get(&pair->ref);
		list_add_tail(&pair->list, &server.offered);
		error = 0;
	}
	spin_unlock(&server.lock);
	wake_up(&server.wq);
	return error;
}

static int offer(struct qtfs_loop_pair *pair)
{
	int (*connect)(struct qtfs_loop_pair *pair) = symbol_get(qtfs_server_loop_connect);
	int error;

	if (!connect)
		return -ECONNREFUSED;
	error = connect(pair);
	symbol_put(qtfs_server_loop_connect);
	return error;
}

static int loop_connect(struct qtfs_conn *conn, const struct qtfs_addr *addr,
			unsigned long timeout)
{
	struct qtfs_loop_pair *pair = pair_alloc();
	struct loop_end *end;
	int error;

	if (!pair)
		return -ENOMEM;
	end = end_alloc(pair, CLIENT);
	error = -ENOMEM;
	if (!end)
		goto out;
	qtfs_ring_open(&end->ring, 1);
	qtfs_ring_give(&end->ring, conn);
	strscpy(conn->peer, addr->text, sizeof(conn->peer));

	error = offer(pair);
	if (!error)
		error = qtfs_ring_wait_joined(&end->ring, timeout);
out:
	kref_put(&pair->ref, pair_release);
	return error;
}

static int loop_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr)
{
	int error = 0;

	spin_lock(&server.lock);
	if (server.listening)
		error = -EADDRINUSE;
	server.listening = true;
	spin_unlock(&server.lock);
	return error;
}

static struct qtfs_loop_pair *next_offer(bool *listening)
{
	struct qtfs_loop_pair *pair;

	spin_lock(&server.lock);
	*listening = server.listening;
	pair = list_first_entry_or_null(&server.offered, struct qtfs_loop_pair, list);
	if (pair)
		list_del(&pair->list);
	spin_unlock(&server.lock);
	return pair;
}

static int loop_accept(struct qtfs_listener *listener, struct qtfs_conn *conn)
{
	struct qtfs_loop_pair *pair = NULL;
	struct loop_end *end;
	bool listening;

	wait_event_idle(server.wq, (pair = next_offer(&listening)) || !listening);
	if (!pair)
		return -ESHUTDOWN;
	end = end_alloc(pair, SERVER);
	kref_put(&pair->ref, pair_release);
	if (!end)
		return -ENOMEM;
	strscpy(conn->peer, "loop", sizeof(conn->peer));
	qtfs_ring_open(&end->ring, 1);
	qtfs_ring_give(&end->ring, conn);
	return 0;
}

static void loop_shutdown_listener(struct qtfs_listener *listener)
{
	spin_lock(&server.lock);
	server.listening = false;
	spin_unlock(&server.lock);
	wake_up(&server.wq);
}

/* Who offered these waits until its time is over; a module is going away. */
static void loop_unlisten(struct qtfs_listener *listener)
{
	struct qtfs_loop_pair *pair;
	bool listening;

	while ((pair = next_offer(&listening)))
		kref_put(&pair->ref, pair_release);
}

static void loop_close(struct qtfs_conn *conn)
{
	struct qtfs_ring *ring = qtfs_ring_take(conn);
	struct loop_end *end = container_of(ring, struct loop_end, ring);

	if (!ring)
		return;
	kref_put(&end->pair->ref, pair_release);
	kfree(end);
}

const struct qtfs_transport qtfs_transport_loop = {
	.name = "loop",
	.nameless = true,
	.parse = loop_parse,
	.connect = loop_connect,
	.listen = loop_listen,
	.accept = loop_accept,
	.shutdown_listener = loop_shutdown_listener,
	.unlisten = loop_unlisten,
	.send = qtfs_ring_send,
	.recv = qtfs_ring_recv,
	.shutdown = qtfs_ring_shutdown,
	.close = loop_close,
};
