// SPDX-License-Identifier: GPL-2.0
/*
 * Byte rings in shared memory.
 *
 * Each direction is a ring of bytes and two counters, head (written by the
 * sender) and tail (written by the receiver).  The counters run freely; head -
 * tail is what lies in the ring.  A side writes its own line (struct
 * qtfs_ring_line) and the data that it sends, and reads the other's.
 *
 * Trust.  The peer may write anything at any time.  Its counters are read once
 * and only believed if 0 <= head - tail <= size; our own are kept in memory of
 * our own.  Data is copied once, into memory of our own, and checked there.  So
 * a peer that lies breaks its connection, and nothing else.
 *
 * Order.  Data before head: order_writes() in the sender, smp_rmb() in the
 * receiver.  Data read before tail: order_all() before the sender may overwrite it.
 * What the other side writes lies in memory of this machine, or in memory that both
 * have mapped write-back.  What this side writes may instead go over a bus (posted),
 * which keeps writes in order once they have left the processor: that is what
 * wmb() and mb() are for there.
 *
 * Sleeping.  Who finds nothing looks on for a while (a bell costs both sides
 * more than that), then says "want", and looks once more before it sleeps; who
 * moves a counter looks at "want" after it.  A full barrier lies between the two
 * steps on both sides, so that one of them sees the other.  Over a bus a barrier
 * is not enough, as the two writes may cross: there who wants reads "want" back.
 * That answer comes after "want" has arrived, and behind all that the other side
 * wrote before it looked.  WATCHDOG makes what is missed all the same only slow.
 *
 * The look-around adapts: it grows while it pays and shrinks while it doesn't,
 * so that an idle connection sleeps at once.
 *
 * Concurrency.  One thread sends, one receives; break() comes from anywhere,
 * also from interrupts.
 */
#include "ring.h"

#include <linux/module.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>

/* The sender publishes what it has copied in steps of this, so that the receiver can begin. */
#define STEP		(64 << 10)

#define SPIN_MIN_NS	1000
#define SPIN_MAX_NS	200000
#define WATCHDOG	(HZ / 2)

/* Writes before writes.  Pairs with smp_rmb() where the peer reads what was written. */
static void order_writes(const struct qtfs_ring *ring)
{
	if (ring->posted)
		wmb(); /* over a bus */
	else
		smp_wmb(); /* in memory that is mapped write-back */
}

/* All before all.  Pairs with the peer's. */
static void order_all(const struct qtfs_ring *ring)
{
	if (ring->posted)
		mb(); /* likewise */
	else
		smp_mb(); /* likewise */
}

void qtfs_ring_open(struct qtfs_ring *ring, u32 generation)
{
	struct qtfs_ring_line *mine = ring->mine;

	ring->generation = generation;
	ring->head = 0;
	ring->tail = 0;
	ring->spin_ns = SPIN_MIN_NS;
	WRITE_ONCE(ring->error, 0);

	qtfs_ring_put(&mine->head, 0);
	qtfs_ring_put(&mine->tail, 0);
	qtfs_ring_put(&mine->want_data, 0);
	qtfs_ring_put(&mine->want_room, 0);
	/* The counters are right before the peer may believe them. */
	order_writes(ring);
	qtfs_ring_put(&mine->generation, generation);
	/* Pairs with the barrier in opened(). */
	order_writes(ring);
	qtfs_ring_put(&mine->state, QTFS_RING_OPEN);
	/* Before the peer is woken to look at it. */
	order_all(ring);
	ring->bell(ring);
}

bool qtfs_ring_opened(const struct qtfs_ring *ring, u32 *generation)
{
	if (qtfs_ring_get(&ring->peer->state) != QTFS_RING_OPEN)
		return false;
	/* Pairs with the barrier between generation and state in open(). */
	smp_rmb();
	*generation = qtfs_ring_get(&ring->peer->generation);
	return true;
}

bool qtfs_ring_joined(const struct qtfs_ring *ring)
{
	u32 generation;

	return qtfs_ring_opened(ring, &generation) && generation == ring->generation;
}

int qtfs_ring_wait_joined(struct qtfs_ring *ring, unsigned long timeout)
{
	long left = wait_event_killable_timeout(*ring->wq,
						qtfs_ring_joined(ring) ||
						READ_ONCE(ring->error), timeout);

	if (left < 0)
		return -EINTR;
	return left ? READ_ONCE(ring->error) : -ETIMEDOUT;
}

void qtfs_ring_break(struct qtfs_ring *ring, int error)
{
	cmpxchg(&ring->error, 0, error);
	qtfs_ring_put(&ring->mine->state, QTFS_RING_CLOSED);
	/* Before the peer is woken to look at it. */
	order_all(ring);
	ring->bell(ring);
	wake_up_all(ring->wq);
}

/* Room in the outgoing ring, or -EPROTO. */
static int room(const struct qtfs_ring *ring)
{
	u32 used = ring->head - qtfs_ring_get(&ring->peer->tail);

	return used <= ring->size ? ring->size - used : -EPROTO;
}

/* Bytes in the incoming ring, or -EPROTO. */
static int filled(const struct qtfs_ring *ring)
{
	u32 used = qtfs_ring_get(&ring->peer->head) - ring->tail;

	return used <= ring->size ? used : -EPROTO;
}

/*
 * What @look finds.  0 if nothing.  What the peer sent before it left is there
 * to be received, so that its leaving comes second.
 */
static int look_once(struct qtfs_ring *ring, int (*look)(const struct qtfs_ring *ring))
{
	int n = READ_ONCE(ring->error);

	if (n)
		return n;
	if (!qtfs_ring_joined(ring)) {
		/* The peer's last words came before it left. */
		smp_rmb();
		if (qtfs_ring_get(&ring->peer->generation) != ring->generation || look == room)
			return -EPIPE;
		return look(ring) ?: -EPIPE;
	}
	return look(ring);
}

/* Looks until there is something or the time is over. */
static int look_around(struct qtfs_ring *ring, int (*look)(const struct qtfs_ring *ring))
{
	u64 end = local_clock() + ring->spin_ns;
	int n;

	do {
		n = look_once(ring, look);
		if (n) {
			ring->spin_ns = min_t(u32, ring->spin_ns * 2, SPIN_MAX_NS);
			return n;
		}
		cpu_relax();
	} while (local_clock() < end && !need_resched());
	ring->spin_ns = max_t(u32, ring->spin_ns / 2, SPIN_MIN_NS);
	return 0;
}

/* Waits until @look finds something, which it returns, or fails. */
static int look_out(struct qtfs_ring *ring, int (*look)(const struct qtfs_ring *ring),
		    __le32 *want)
{
	int n = look_around(ring, look);

	while (!n) {
		qtfs_ring_put(want, 1);
		/* Pairs with the one in publish(). */
		order_all(ring);
		if (ring->posted)
			qtfs_ring_get(want);
		wait_event_idle_timeout(*ring->wq, (n = look_once(ring, look)), WATCHDOG);
		qtfs_ring_put(want, 0);
	}
	return n;
}

/* Shows the peer a new value of a counter, and wakes it if it waits for that. */
static void publish(struct qtfs_ring *ring, __le32 *counter, u32 value, const __le32 *wanted)
{
	qtfs_ring_put(counter, value);
	/* Pairs with the one in look_out(). */
	order_all(ring);
	if (qtfs_ring_get(wanted))
		ring->bell(ring);
}

/* Moves up to @len bytes of the outgoing ring; fewer if @from faults. */
static size_t copy_in(struct qtfs_ring *ring, struct iov_iter *from, size_t len)
{
	u32 at = ring->head & (ring->size - 1);
	size_t first = min_t(size_t, len, ring->size - at);
	size_t n;

	n = copy_from_iter(ring->tx + at, first, from);
	if (n == first && len > first)
		n += copy_from_iter(ring->tx, len - first, from);
	return n;
}

static size_t copy_out(struct qtfs_ring *ring, struct iov_iter *to, size_t len)
{
	u32 at = ring->tail & (ring->size - 1);
	size_t first = min_t(size_t, len, ring->size - at);
	size_t n;

	n = copy_to_iter(ring->rx + at, first, to);
	if (n == first && len > first)
		n += copy_to_iter(ring->rx, len - first, to);
	return n;
}

void qtfs_ring_give(struct qtfs_ring *ring, struct qtfs_conn *conn)
{
	/* Pairs with qtfs_ring_shutdown(). */
	smp_store_release(&conn->priv, ring);
}

struct qtfs_ring *qtfs_ring_take(struct qtfs_conn *conn)
{
	struct qtfs_ring *ring = conn->priv;

	conn->priv = NULL;
	if (ring)
		qtfs_ring_break(ring, -ESHUTDOWN);
	return ring;
}

void qtfs_ring_shutdown(struct qtfs_conn *conn)
{
	/* Pairs with smp_store_release() in qtfs_ring_give(). */
	struct qtfs_ring *ring = smp_load_acquire(&conn->priv);

	if (ring)
		qtfs_ring_break(ring, -ESHUTDOWN);
}

ssize_t qtfs_ring_send(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how)
{
	struct qtfs_ring *ring = conn->priv;
	ssize_t sent = 0;

	while (iov_iter_count(from)) {
		size_t n;
		int free;

		if ((how & QTFS_SEND_WAIT) && !sent)
			free = look_out(ring, room, &ring->mine->want_room);
		else
			free = look_once(ring, room);
		if (free <= 0)
			return sent ?: free ?: -EAGAIN;

		n = copy_in(ring, from, min3(iov_iter_count(from), (size_t)free, (size_t)STEP));
		if (!n)
			return sent ?: -EFAULT;
		ring->head += n;
		sent += n;
		/* Data before head. */
		order_writes(ring);
		publish(ring, &ring->mine->head, ring->head, &ring->peer->want_data);
	}
	return sent;
}

int qtfs_ring_recv(struct qtfs_conn *conn, struct iov_iter *to)
{
	struct qtfs_ring *ring = conn->priv;

	while (iov_iter_count(to)) {
		int used = look_out(ring, filled, &ring->mine->want_data);
		size_t n;

		if (used < 0)
			return used;
		/* Head before data. */
		smp_rmb();
		n = copy_out(ring, to, min_t(size_t, iov_iter_count(to), used));
		if (!n)
			return -EFAULT;
		ring->tail += n;
		/* Data has been read before the sender may overwrite it. */
		order_all(ring);
		publish(ring, &ring->mine->tail, ring->tail, &ring->peer->want_room);
	}
	return 0;
}
