// SPDX-License-Identifier: GPL-2.0
/*
 * PCIe: connections through a window of memory that two machines share, with
 * doorbells.  window.h is what it needs of a device; ivshmem.c is the driver of
 * the one there is.
 *
 * What a side writes begins with its struct half, then comes a line (ring.h) for
 * each channel, then the channels' rings.  A channel is one connection.  The client
 * picks a free one and opens it with the next generation; the server's listener
 * sees that and opens its side with the same.  A generation is used once, so
 * nothing that is left from an earlier connection, or from before a restart of
 * either side, is mistaken for part of this one.
 *
 * A side that leaves closes its lines.  One that dies can't: so each side
 * counts a heartbeat, and when the other's stands still, what is connected
 * breaks.
 *
 * Nothing that is read from the window is trusted: it decides only which
 * doorbell to ring and whether our own connections go on.
 *
 * Locks: windows_lock (mutex) > nothing.  window.lock (spin) is a leaf: busy
 * and gone.  References: the driver's while bound, and one for each connection.
 * qtfs_window_remove() waits until no channel is busy, so the memory outlives its
 * users.
 */
#include "pcie.h"
#include "window.h"

#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#define MAGIC		0x57544951	/* "QITW" */
#define VERSION		2
#define HEARTBEAT	HZ
#define DEAD_AFTER	(5 * HZ)

#define DATA_AT		4096
#define RING_MIN	(64 << 10)

/* What a side says of itself. */
struct half {
	__le32 magic;
	__le32 version;
	__le32 position;		/* where its bells are, for the device */
	__le32 bells;			/* how many it has */
	__le32 heartbeat;
	__le32 reserved[27];
};

static_assert(sizeof(struct half) == 128);

/* What a side writes, but for the rings. */
struct area {
	struct half half;
	struct qtfs_ring_line lines[QTFS_WINDOW_CHANNELS];
};

static_assert(sizeof(struct area) <= DATA_AT);

static void (*prepare_listener)(struct qtfs_listener *listener);
static DEFINE_MUTEX(windows_lock);
static LIST_HEAD(windows);

static struct half *our_half(const struct qtfs_window *window)
{
	struct area *area = window->out;

	return &area->half;
}

static const struct half *other_half(const struct qtfs_window *window)
{
	const struct area *area = window->in;

	return &area->half;
}

static void window_ring(struct qtfs_window *window, u32 bell)
{
	const struct half *other = other_half(window);

	if (bell >= qtfs_ring_get(&other->bells))
		bell = 0;
	window->ops->ring(window, qtfs_ring_get(&other->position), bell);
}

static void pcie_bell(struct qtfs_ring *ring)
{
	struct qtfs_channel *channel = container_of(ring, struct qtfs_channel, ring);

	window_ring(channel->window, 1 + channel->number);
}

static void channel_wake(struct qtfs_channel *channel)
{
	wake_up_all(&channel->wq);
	if (!READ_ONCE(channel->busy))
		wake_up(&channel->window->wq);
}

void qtfs_window_rung(struct qtfs_window *window, u32 bell)
{
	int i;

	if (bell)
		channel_wake(&window->channels[bell - 1]);
	else
		for (i = 0; i < QTFS_WINDOW_CHANNELS; i++)
			channel_wake(&window->channels[i]);
}

static bool other_is_there(const struct qtfs_window *window)
{
	const struct half *other = other_half(window);

	return qtfs_ring_get(&other->magic) == MAGIC &&
	       qtfs_ring_get(&other->version) == VERSION;
}

static void break_all(struct qtfs_window *window, int error)
{
	int i;

	spin_lock(&window->lock);
	for (i = 0; i < QTFS_WINDOW_CHANNELS; i++)
		if (window->channels[i].busy)
			qtfs_ring_break(&window->channels[i].ring, error);
	spin_unlock(&window->lock);
}

/* Shows the other side that somebody is here. */
static void half_say(struct qtfs_window *window)
{
	struct half *half = our_half(window);

	qtfs_ring_put(&half->version, VERSION);
	qtfs_ring_put(&half->position, window->position);
	qtfs_ring_put(&half->bells, window->bells);
	/* The other side believes the rest once it sees this. */
	wmb();
	qtfs_ring_put(&half->magic, MAGIC);
}

static void heart_work(struct work_struct *work)
{
	struct qtfs_window *window = container_of(work, struct qtfs_window, heart.work);
	u32 beat = qtfs_ring_get(&other_half(window)->heartbeat);

	/* All of it: where both can write to one memory, it may not be as it was. */
	half_say(window);
	qtfs_ring_put(&our_half(window)->heartbeat, ++window->beat);
	if (beat != window->beat_seen) {
		window->beat_seen = beat;
		window->beat_at = jiffies;
	} else if (time_after(jiffies, window->beat_at + DEAD_AFTER)) {
		break_all(window, -ETIMEDOUT);
	}
	schedule_delayed_work(&window->heart, HEARTBEAT);
}

/* ---- connections ---- */

static bool channel_take(struct qtfs_channel *channel)
{
	struct qtfs_window *window = channel->window;
	bool taken = false;

	spin_lock(&window->lock);
	if (!channel->busy && !window->gone) {
		channel->busy = true;
		taken = true;
	}
	spin_unlock(&window->lock);
	return taken;
}

static void channel_free(struct qtfs_channel *channel)
{
	struct qtfs_window *window = channel->window;

	spin_lock(&window->lock);
	channel->busy = false;
	/* remove() may free the window as soon as the lock is gone. */
	wake_up_all(&window->wq);
	spin_unlock(&window->lock);
}

/* Opens a taken channel for @conn, and breaks it at once if the window is going. */
static void channel_open(struct qtfs_channel *channel, struct qtfs_conn *conn, u32 generation)
{
	struct qtfs_window *window = channel->window;

	spin_lock(&window->lock);
	qtfs_ring_open(&channel->ring, generation);
	if (window->gone)
		qtfs_ring_break(&channel->ring, -ENODEV);
	spin_unlock(&window->lock);
	qtfs_ring_give(&channel->ring, conn);
	snprintf(conn->peer, sizeof(conn->peer), "pcie %s:%u", window->name,
		 channel->number);
}

/* The name of a PCI device, or nothing for the first window there is. */
static int pcie_parse(struct qtfs_addr *addr, const char *host, unsigned int port)
{
	if (strscpy(addr->name, host, sizeof(addr->name)) < 0)
		return -EINVAL;
	snprintf(addr->text, sizeof(addr->text), "pcie%s%s", *host ? " " : "", host);
	return 0;
}

/* Takes a free channel of the window called @name. */
static struct qtfs_channel *take_any(const char *name)
{
	struct qtfs_channel *found = ERR_PTR(-ENODEV);
	struct qtfs_window *window;
	int i;

	mutex_lock(&windows_lock);
	list_for_each_entry(window, &windows, list) {
		if (*name && strcmp(name, window->name))
			continue;
		found = ERR_PTR(-ECONNREFUSED);
		if (!other_is_there(window))
			continue;
		found = ERR_PTR(-EBUSY);
		for (i = 0; i < QTFS_WINDOW_CHANNELS && IS_ERR(found); i++)
			if (channel_take(&window->channels[i]))
				found = &window->channels[i];
		if (!IS_ERR(found))
			break;
	}
	mutex_unlock(&windows_lock);
	return found;
}

static int pcie_connect(struct qtfs_conn *conn, const struct qtfs_addr *addr,
			unsigned long timeout)
{
	struct qtfs_channel *channel = take_any(addr->name);

	if (IS_ERR(channel))
		return PTR_ERR(channel);
	channel_open(channel, conn, qtfs_ring_get(&channel->ring.mine->generation) + 1);
	return qtfs_ring_wait_joined(&channel->ring, timeout);
}

/* @addr names the window that qtfs_pcie_init() starts the listener for. */
static int pcie_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr)
{
	struct qtfs_window *window = container_of(listener, struct qtfs_window, listener);

	listener->priv = window;
	WRITE_ONCE(window->listening, true);
	return 0;
}

/* A channel that the client has opened anew, taken. */
static struct qtfs_channel *take_opened(struct qtfs_window *window)
{
	int i;

	for (i = 0; i < QTFS_WINDOW_CHANNELS; i++) {
		struct qtfs_channel *channel = &window->channels[i];
		u32 generation;

		if (!qtfs_ring_opened(&channel->ring, &generation) ||
		    generation == channel->seen || !channel_take(channel))
			continue;
		channel->seen = generation;
		return channel;
	}
	return NULL;
}

static int pcie_accept(struct qtfs_listener *listener, struct qtfs_conn *conn)
{
	struct qtfs_window *window = listener->priv;
	struct qtfs_channel *channel = NULL;

	wait_event_idle(window->wq,
			(channel = take_opened(window)) || !READ_ONCE(window->listening));
	if (!channel)
		return -ESHUTDOWN;
	channel_open(channel, conn, channel->seen);
	return 0;
}

static void pcie_shutdown_listener(struct qtfs_listener *listener)
{
	struct qtfs_window *window = listener->priv;

	WRITE_ONCE(window->listening, false);
	wake_up_all(&window->wq);
}

static void pcie_unlisten(struct qtfs_listener *listener)
{
}

static void pcie_close(struct qtfs_conn *conn)
{
	struct qtfs_ring *ring = qtfs_ring_take(conn);

	if (ring)
		channel_free(container_of(ring, struct qtfs_channel, ring));
}

const struct qtfs_transport qtfs_transport_pcie = {
	.name = "pcie",
	.option = "dev",
	.nameless = true,
	.single = true,
	.parse = pcie_parse,
	.connect = pcie_connect,
	.listen = pcie_listen,
	.accept = pcie_accept,
	.shutdown_listener = pcie_shutdown_listener,
	.unlisten = pcie_unlisten,
	.send = qtfs_ring_send,
	.recv = qtfs_ring_recv,
	.shutdown = qtfs_ring_shutdown,
	.close = pcie_close,
};

/* ---- windows ---- */

int qtfs_window_init(struct qtfs_window *window)
{
	u32 ring_size;
	int i;

	if (window->size < DATA_AT + QTFS_WINDOW_CHANNELS * RING_MIN) {
		pr_err("%s: a window of 2 x %zu bytes is too small\n", window->name, window->size);
		return -ENOSPC;
	}
	ring_size = rounddown_pow_of_two((window->size - DATA_AT) / QTFS_WINDOW_CHANNELS);
	spin_lock_init(&window->lock);
	init_waitqueue_head(&window->wq);
	INIT_DELAYED_WORK(&window->heart, heart_work);

	for (i = 0; i < QTFS_WINDOW_CHANNELS; i++) {
		struct qtfs_channel *channel = &window->channels[i];
		struct qtfs_ring *ring = &channel->ring;
		struct area *ours = window->out;
		const struct area *others = window->in;

		channel->window = window;
		channel->number = i;
		init_waitqueue_head(&channel->wq);
		ring->mine = &ours->lines[i];
		ring->peer = &others->lines[i];
		ring->tx = window->out + DATA_AT + (size_t)i * ring_size;
		ring->rx = window->in + DATA_AT + (size_t)i * ring_size;
		ring->size = ring_size;
		ring->posted = window->posted;
		ring->wq = &channel->wq;
		ring->bell = pcie_bell;
		/* What was before this module came is over, for both sides. */
		qtfs_ring_put(&ring->mine->state, QTFS_RING_CLOSED);
		channel->seen = qtfs_ring_get(&ring->peer->generation);
	}
	return 0;
}

/* After the lines say that all is closed. */
static void half_open(struct qtfs_window *window)
{
	window->beat = qtfs_ring_get(&our_half(window)->heartbeat);
	half_say(window);
	window->beat_at = jiffies;
	schedule_delayed_work(&window->heart, 0);
	window_ring(window, 0);
}

static void half_close(struct qtfs_window *window)
{
	cancel_delayed_work_sync(&window->heart);
	qtfs_ring_put(&our_half(window)->magic, 0);
}

static int start_listener(struct qtfs_window *window)
{
	struct qtfs_addr addr = {};

	if (!prepare_listener)
		return 0;
	prepare_listener(&window->listener);
	pcie_parse(&addr, window->name, 0);
	return qtfs_listener_start(&window->listener, &qtfs_transport_pcie, &addr);
}

int qtfs_window_add(struct qtfs_window *window)
{
	int error;

	half_open(window);
	error = start_listener(window);
	if (error) {
		half_close(window);
		return error;
	}
	mutex_lock(&windows_lock);
	list_add_tail(&window->list, &windows);
	mutex_unlock(&windows_lock);
	return 0;
}

static bool idle(struct qtfs_window *window)
{
	bool busy = false;
	int i;

	spin_lock(&window->lock);
	for (i = 0; i < QTFS_WINDOW_CHANNELS; i++)
		busy |= window->channels[i].busy;
	spin_unlock(&window->lock);
	return !busy;
}

void qtfs_window_remove(struct qtfs_window *window)
{
	mutex_lock(&windows_lock);
	list_del(&window->list);
	mutex_unlock(&windows_lock);
	spin_lock(&window->lock);
	window->gone = true;
	spin_unlock(&window->lock);
	if (prepare_listener)
		qtfs_listener_stop(&window->listener);
	break_all(window, -ENODEV);
	/* Their owners see the error and close them. */
	wait_event(window->wq, idle(window));
	half_close(window);
}

int qtfs_pcie_init(enum qtfs_pcie_side side, void (*listener)(struct qtfs_listener *listener))
{
	prepare_listener = listener;
	return qtfs_ivshmem_init(side);
}

void qtfs_pcie_exit(void)
{
	qtfs_ivshmem_exit();
}
