/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A window: memory that two machines share, with bells.  What pcie.c, which makes
 * connections of it, asks of a device, and what it does for the device's driver.
 *
 * Memory is two areas of the same size: out is written by this side and read by the
 * other, in is the other's out.  Both are mapped as memory; the driver says whether
 * writes to out take their time.  A bell is a number, and wakes the other side.
 *
 * A driver maps both, calls qtfs_window_init(), gets its interrupts, which call
 * qtfs_window_rung(), says how many bells those are and where, and calls
 * qtfs_window_add().  It undoes that by qtfs_window_remove(), after which there may
 * still be interrupts, and frees them then.
 */
#ifndef QTFS_WINDOW_H
#define QTFS_WINDOW_H

#include "pcie.h"
#include "ring.h"

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define QTFS_WINDOW_CHANNELS	4
/* Bell 0 is for all of the window, bell 1 + n for channel n where there are so many. */
#define QTFS_WINDOW_BELLS	(1 + QTFS_WINDOW_CHANNELS)

struct qtfs_window;

struct qtfs_window_ops {
	/*
	 * Rings @bell of the other side, which said it was at @position.  After
	 * what was written to out.  In any context; neither number can be trusted
	 * to be any that the other side has.
	 */
	void (*ring)(struct qtfs_window *window, u32 position, u32 bell);
};

struct qtfs_channel {
	struct qtfs_window *window;
	unsigned int number;
	struct qtfs_ring ring;
	wait_queue_head_t wq;
	bool busy;			/* window.lock; a connection has it */
	u32 seen;			/* the last generation accepted; listener's thread */
};

struct qtfs_window {
	/* The driver's: set before qtfs_window_init() ... */
	const struct qtfs_window_ops *ops;
	const char *name;		/* that users give as dev= */
	void *out;
	const void *in;
	size_t size;			/* of each */
	bool posted;			/* writes to out are under way for a while */
	/* ... and before qtfs_window_add(): what the other side rings us by. */
	u32 position;
	u32 bells;

	/* pcie.c's: */
	struct list_head list;
	spinlock_t lock;		/* gone, channels' busy; a leaf */
	bool gone;
	struct qtfs_channel channels[QTFS_WINDOW_CHANNELS];
	wait_queue_head_t wq;		/* a channel was opened or is free again */

	struct delayed_work heart;
	u32 beat;
	u32 beat_seen;
	unsigned long beat_at;		/* jiffies when the other's beat had moved */

	struct qtfs_listener listener;
	bool listening;
};

/* -ENOSPC if the areas are too small. */
int qtfs_window_init(struct qtfs_window *window);
/* The window is there for connections, and for the other side. */
int qtfs_window_add(struct qtfs_window *window);
/* What is connected breaks, and is waited for. */
void qtfs_window_remove(struct qtfs_window *window);
/* The other side rang @bell.  In any context. */
void qtfs_window_rung(struct qtfs_window *window, u32 bell);

/* ivshmem.c: the driver of the one kind there is. */
int qtfs_ivshmem_init(enum qtfs_pcie_side side);
void qtfs_ivshmem_exit(void);

#endif /* QTFS_WINDOW_H */
