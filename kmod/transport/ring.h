/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection made of two byte rings in memory that both sides share.  See
 * ring.c for how it works; pcie.c and loop.c bring the memory and the bell.
 */
#ifndef QTFS_RING_H
#define QTFS_RING_H

#include "transport.h"

#include <linux/types.h>
#include <linux/wait.h>

/*
 * All that one side writes besides data; the other side only reads it.  As long
 * as two cache lines of today, so that no line has two writers.
 */
struct qtfs_ring_line {
	__le32 generation;	/* of the connection, counted by the client */
	__le32 state;		/* enum qtfs_ring_state */
	__le32 head;		/* bytes sent so far, modulo 2^32 */
	__le32 tail;		/* bytes received so far, modulo 2^32 */
	__le32 want_data;	/* 1: ring when head has moved */
	__le32 want_room;	/* 1: ring when tail has moved */
	__le32 reserved[26];
};

static_assert(sizeof(struct qtfs_ring_line) == 128);

enum qtfs_ring_state {
	QTFS_RING_CLOSED = 0,
	QTFS_RING_OPEN = 1,
};

struct qtfs_ring {
	/* Set by the owner before qtfs_ring_open(), constant after. */
	struct qtfs_ring_line *mine;
	const struct qtfs_ring_line *peer;
	void *tx;			/* @size bytes, written here */
	const void *rx;			/* @size bytes, written by the peer */
	u32 size;			/* a power of two */
	bool posted;			/* writes to @mine and @tx are under way for a while */
	wait_queue_head_t *wq;		/* who waits on this side */
	void (*bell)(struct qtfs_ring *ring);	/* wakes the other side's @wq */

	u32 generation;
	u32 head;			/* what @mine says; never read back from there */
	u32 tail;
	u32 spin_ns;			/* how long to look before sleeping */
	int error;			/* set once: the connection is broken */
};

/* The fields of a line, as the other side may change them at any time. */
static inline u32 qtfs_ring_get(const __le32 *field)
{
	return le32_to_cpu(READ_ONCE(*field));
}

static inline void qtfs_ring_put(__le32 *field, u32 value)
{
	WRITE_ONCE(*field, cpu_to_le32(value));
}

/* Begins a connection on this side: nothing is under way in either direction. */
void qtfs_ring_open(struct qtfs_ring *ring, u32 generation);
/* Whether the other side has a connection open, and which one. */
bool qtfs_ring_opened(const struct qtfs_ring *ring, u32 *generation);
/* Whether the other side has joined this very connection, and not left it. */
bool qtfs_ring_joined(const struct qtfs_ring *ring);
/* Waits for that.  -ETIMEDOUT after @timeout jiffies, -EINTR when killed. */
int qtfs_ring_wait_joined(struct qtfs_ring *ring, unsigned long timeout);
/* Ends it: what waits fails with @error, the peer is told.  From any context. */
void qtfs_ring_break(struct qtfs_ring *ring, int error);

/*
 * A connection over an open ring, for struct qtfs_transport.  The owner gives
 * the ring to the connection once it is open, and takes it back in close(): the
 * ring, already broken, or NULL if there never was one.
 */
void qtfs_ring_give(struct qtfs_ring *ring, struct qtfs_conn *conn);
struct qtfs_ring *qtfs_ring_take(struct qtfs_conn *conn);
ssize_t qtfs_ring_send(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how);
int qtfs_ring_recv(struct qtfs_conn *conn, struct iov_iter *to);
void qtfs_ring_shutdown(struct qtfs_conn *conn);

#endif /* QTFS_RING_H */
