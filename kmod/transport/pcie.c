// SPDX-License-Identifier: GPL-2.0
/*
 * PCIe: a window of memory that two machines share, with doorbells.
 *
 * The device is QEMU's ivshmem-doorbell (docs/specs/ivshmem-spec.rst there):
 * BAR0 has the registers, BAR2 is the window, MSI-X brings the other side's
 * bells.  What is particular to that device is window_map(), window_ring() and
 * the irq handlers; another kind of window has its own, and all the rest stays.
 *
 * The window begins with one struct half for each side, then a page with
 * two lines (ring.h) for each channel, then the channels' rings.  A channel is
 * one connection.  The client picks a free one and opens it with the next
 * generation; the server's listener sees that and opens its side with the same.
 * A generation is used once, so nothing that is left from an earlier
 * connection, or from before a restart of either side, is mistaken for part of
 * this one.
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
 * remove() waits until no channel is busy, so the memory outlives its users.
 */
#include "pcie.h"
#include "ring.h"

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define CHANNELS	4
#define MAGIC		0x57544951	/* "QITW" */
#define VERSION		1
#define HEARTBEAT	HZ
#define DEAD_AFTER	(5 * HZ)

#define LINES_AT	4096
#define DATA_AT		8192
#define RING_MIN	(64 << 10)

/* ivshmem's registers, BAR0 */
#define REG_POSITION	8
#define REG_DOORBELL	12

/* What a side says of itself, at the beginning of the window. */
struct half {
	__le32 magic;
	__le32 version;
	__le32 position;		/* where its doorbell is */
	__le32 vectors;			/* how many it has */
	__le32 heartbeat;
	__le32 reserved[27];
};

static_assert(sizeof(struct half) == 128);

struct channel {
	struct window *window;
	unsigned int number;
	struct qtfs_ring ring;
	wait_queue_head_t wq;
	bool busy;			/* window.lock; a connection has it */
	u32 seen;			/* the last generation accepted; listener's thread */
};

struct window {
	struct list_head list;
	struct pci_dev *pdev;
	void __iomem *regs;
	void *memory;
	size_t size;
	u32 ring_size;
	int vectors;

	spinlock_t lock;		/* gone, channels' busy; a leaf */
	bool gone;
	struct channel channels[CHANNELS];
	wait_queue_head_t wq;		/* a channel was opened or is free again */

	struct delayed_work heart;
	u32 beat;
	u32 beat_seen;
	unsigned long beat_at;		/* jiffies when the other's beat had moved */

	struct qtfs_listener listener;
	bool listening;
};

static enum qtfs_pcie_side here;
static void (*prepare_listener)(struct qtfs_listener *listener);
static DEFINE_MUTEX(windows_lock);
static LIST_HEAD(windows);

static struct half *half(const struct window *window, enum qtfs_pcie_side side)
{
	return window->memory + side * sizeof(struct half);
}

static struct qtfs_ring_line *line(const struct window *window, unsigned int channel,
				   enum qtfs_pcie_side side)
{
	return window->memory + LINES_AT + (channel * 2 + side) * sizeof(struct qtfs_ring_line);
}

/* The ring that @side sends into. */
static void *ring_data(const struct window *window, unsigned int channel, enum qtfs_pcie_side side)
{
	return window->memory + DATA_AT + (size_t)(channel * 2 + side) * window->ring_size;
}

/* Vector 0 is for all, vector 1 + n for channel n where there are so many. */
static void window_ring(struct window *window, unsigned int channel)
{
	const struct half *other = half(window, !here);
	u32 vector = channel + 1;

	if (vector >= qtfs_ring_get(&other->vectors))
		vector = 0;
	/* writel() orders what was written to the window before the bell. */
	writel((qtfs_ring_get(&other->position) & 0xffff) << 16 | vector,
	       window->regs + REG_DOORBELL);
}

static void pcie_bell(struct qtfs_ring *ring)
{
	struct channel *channel = container_of(ring, struct channel, ring);

	window_ring(channel->window, channel->number);
}

static void channel_wake(struct channel *channel)
{
	wake_up_all(&channel->wq);
	if (!READ_ONCE(channel->busy))
		wake_up(&channel->window->wq);
}

static irqreturn_t channel_irq(int irq, void *data)
{
	channel_wake(data);
	return IRQ_HANDLED;
}

static irqreturn_t window_irq(int irq, void *data)
{
	struct window *window = data;
	int i;

	for (i = 0; i < CHANNELS; i++)
		channel_wake(&window->channels[i]);
	return IRQ_HANDLED;
}

static bool other_is_there(const struct window *window)
{
	const struct half *other = half(window, !here);

	return qtfs_ring_get(&other->magic) == MAGIC &&
	       qtfs_ring_get(&other->version) == VERSION;
}

static void break_all(struct window *window, int error)
{
	int i;

	spin_lock(&window->lock);
	for (i = 0; i < CHANNELS; i++)
		if (window->channels[i].busy)
			qtfs_ring_break(&window->channels[i].ring, error);
	spin_unlock(&window->lock);
}

static void heart_work(struct work_struct *work)
{
	struct window *window = container_of(work, struct window, heart.work);
	u32 beat = qtfs_ring_get(&half(window, !here)->heartbeat);

	qtfs_ring_put(&half(window, here)->heartbeat, ++window->beat);
	if (beat != window->beat_seen) {
		window->beat_seen = beat;
		window->beat_at = jiffies;
	} else if (time_after(jiffies, window->beat_at + DEAD_AFTER)) {
		break_all(window, -ETIMEDOUT);
	}
	schedule_delayed_work(&window->heart, HEARTBEAT);
}

/* ---- connections ---- */

static bool channel_take(struct channel *channel)
{
	struct window *window = channel->window;
	bool taken = false;

	spin_lock(&window->lock);
	if (!channel->busy && !window->gone) {
		channel->busy = true;
		taken = true;
	}
	spin_unlock(&window->lock);
	return taken;
}

static void channel_free(struct channel *channel)
{
	struct window *window = channel->window;

	spin_lock(&window->lock);
	channel->busy = false;
	/* remove() may free the window as soon as the lock is gone. */
	wake_up_all(&window->wq);
	spin_unlock(&window->lock);
}

/* Opens a taken channel for @conn, and breaks it at once if the window is going. */
static void channel_open(struct channel *channel, struct qtfs_conn *conn, u32 generation)
{
	struct window *window = channel->window;

	spin_lock(&window->lock);
	qtfs_ring_open(&channel->ring, generation);
	if (window->gone)
		qtfs_ring_break(&channel->ring, -ENODEV);
	spin_unlock(&window->lock);
	qtfs_ring_give(&channel->ring, conn);
	snprintf(conn->peer, sizeof(conn->peer), "pcie %s:%u", pci_name(window->pdev),
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
static struct channel *take_any(const char *name)
{
	struct channel *found = ERR_PTR(-ENODEV);
	struct window *window;
	int i;

	mutex_lock(&windows_lock);
	list_for_each_entry(window, &windows, list) {
		if (*name && strcmp(name, pci_name(window->pdev)))
			continue;
		found = ERR_PTR(-ECONNREFUSED);
		if (!other_is_there(window))
			continue;
		found = ERR_PTR(-EBUSY);
		for (i = 0; i < CHANNELS && IS_ERR(found); i++)
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
	struct channel *channel = take_any(addr->name);

	if (IS_ERR(channel))
		return PTR_ERR(channel);
	channel_open(channel, conn, qtfs_ring_get(&channel->ring.mine->generation) + 1);
	return qtfs_ring_wait_joined(&channel->ring, timeout);
}

/* @addr names the window that qtfs_pcie_init() starts the listener for. */
static int pcie_listen(struct qtfs_listener *listener, const struct qtfs_addr *addr)
{
	struct window *window = container_of(listener, struct window, listener);

	listener->priv = window;
	WRITE_ONCE(window->listening, true);
	return 0;
}

/* A channel that the client has opened anew, taken. */
static struct channel *take_opened(struct window *window)
{
	int i;

	for (i = 0; i < CHANNELS; i++) {
		struct channel *channel = &window->channels[i];
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
	struct window *window = listener->priv;
	struct channel *channel = NULL;

	wait_event_idle(window->wq,
			(channel = take_opened(window)) || !READ_ONCE(window->listening));
	if (!channel)
		return -ESHUTDOWN;
	channel_open(channel, conn, channel->seen);
	return 0;
}

static void pcie_shutdown_listener(struct qtfs_listener *listener)
{
	struct window *window = listener->priv;

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
		channel_free(container_of(ring, struct channel, ring));
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

static int window_map(struct window *window)
{
	struct pci_dev *pdev = window->pdev;
	resource_size_t size = pci_resource_len(pdev, 2);
	int error;

	error = pcim_enable_device(pdev);
	if (error)
		return error;
	error = pcim_iomap_regions(pdev, BIT(0) | BIT(2), KBUILD_MODNAME);
	if (error)
		return error;
	window->regs = pcim_iomap_table(pdev)[0];
	/* Write-back: it's memory on both sides, and rings need loads to be cheap. */
	window->memory = devm_memremap(&pdev->dev, pci_resource_start(pdev, 2), size,
				       MEMREMAP_WB);
	if (IS_ERR(window->memory))
		return PTR_ERR(window->memory);
	window->size = size;
	if (size < DATA_AT + CHANNELS * 2 * RING_MIN) {
		dev_err(&pdev->dev, "a window of %pa bytes is too small\n", &size);
		return -ENOSPC;
	}
	window->ring_size = rounddown_pow_of_two((size - DATA_AT) / (CHANNELS * 2));
	pci_set_master(pdev);
	return 0;
}

static void free_irqs(struct window *window, int from)
{
	while (from-- > 0)
		free_irq(pci_irq_vector(window->pdev, from),
			 from ? (void *)&window->channels[from - 1] : window);
	pci_free_irq_vectors(window->pdev);
}

static int request_irqs(struct window *window)
{
	struct pci_dev *pdev = window->pdev;
	int error, i;

	window->vectors = pci_alloc_irq_vectors(pdev, 1, 1 + CHANNELS, PCI_IRQ_MSIX);
	if (window->vectors < 0)
		return window->vectors;
	for (i = 0; i < window->vectors; i++) {
		error = request_irq(pci_irq_vector(pdev, i), i ? channel_irq : window_irq, 0,
				    KBUILD_MODNAME,
				    i ? (void *)&window->channels[i - 1] : window);
		if (error) {
			free_irqs(window, i);
			return error;
		}
	}
	return 0;
}

static void init_channels(struct window *window)
{
	int i;

	for (i = 0; i < CHANNELS; i++) {
		struct channel *channel = &window->channels[i];
		struct qtfs_ring *ring = &channel->ring;

		channel->window = window;
		channel->number = i;
		init_waitqueue_head(&channel->wq);
		ring->mine = line(window, i, here);
		ring->peer = line(window, i, !here);
		ring->tx = ring_data(window, i, here);
		ring->rx = ring_data(window, i, !here);
		ring->size = window->ring_size;
		ring->wq = &channel->wq;
		ring->bell = pcie_bell;
		/* What was before this module came is over, for both sides. */
		qtfs_ring_put(&ring->mine->state, QTFS_RING_CLOSED);
		channel->seen = qtfs_ring_get(&ring->peer->generation);
	}
}

/* Shows the other side that somebody is here, after the lines say that all is closed. */
static void half_open(struct window *window)
{
	struct half *mine = half(window, here);

	window->beat = qtfs_ring_get(&mine->heartbeat);
	qtfs_ring_put(&mine->version, VERSION);
	qtfs_ring_put(&mine->position, readl(window->regs + REG_POSITION));
	qtfs_ring_put(&mine->vectors, window->vectors);
	/* The other side believes the rest once it sees this. */
	smp_wmb();
	qtfs_ring_put(&mine->magic, MAGIC);
	window->beat_at = jiffies;
	schedule_delayed_work(&window->heart, 0);
	window_ring(window, CHANNELS);
}

static void half_close(struct window *window)
{
	cancel_delayed_work_sync(&window->heart);
	qtfs_ring_put(&half(window, here)->magic, 0);
}

static int start_listener(struct window *window)
{
	struct qtfs_addr addr = {};

	if (!prepare_listener)
		return 0;
	prepare_listener(&window->listener);
	pcie_parse(&addr, pci_name(window->pdev), 0);
	return qtfs_listener_start(&window->listener, &qtfs_transport_pcie, &addr);
}

static int pcie_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct window *window = kzalloc(sizeof(*window), GFP_KERNEL);
	int error;

	if (!window)
		return -ENOMEM;
	window->pdev = pdev;
	spin_lock_init(&window->lock);
	init_waitqueue_head(&window->wq);
	INIT_DELAYED_WORK(&window->heart, heart_work);

	error = window_map(window);
	if (error)
		goto err_free;
	init_channels(window);
	error = request_irqs(window);
	if (error)
		goto err_free;
	half_open(window);
	error = start_listener(window);
	if (error)
		goto err_half;

	pci_set_drvdata(pdev, window);
	mutex_lock(&windows_lock);
	list_add_tail(&window->list, &windows);
	mutex_unlock(&windows_lock);
	return 0;

err_half:
	half_close(window);
	free_irqs(window, window->vectors);
err_free:
	kfree(window);
	return error;
}

static bool idle(struct window *window)
{
	bool busy = false;
	int i;

	spin_lock(&window->lock);
	for (i = 0; i < CHANNELS; i++)
		busy |= window->channels[i].busy;
	spin_unlock(&window->lock);
	return !busy;
}

static void pcie_remove(struct pci_dev *pdev)
{
	struct window *window = pci_get_drvdata(pdev);

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
	free_irqs(window, window->vectors);
	kfree(window);
}

/*
 * No MODULE_DEVICE_TABLE: which of the two modules a machine wants is for its
 * administrator to say, and both would be loaded.
 */
static const struct pci_device_id pcie_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{}
};

static struct pci_driver pcie_driver = {
	.name = KBUILD_MODNAME,
	.id_table = pcie_ids,
	.probe = pcie_probe,
	.remove = pcie_remove,
};

int qtfs_pcie_init(enum qtfs_pcie_side side, void (*listener)(struct qtfs_listener *listener))
{
	here = side;
	prepare_listener = listener;
	return pci_register_driver(&pcie_driver);
}

void qtfs_pcie_exit(void)
{
	pci_unregister_driver(&pcie_driver);
}
