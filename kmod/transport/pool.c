// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the data of frames, used again.
 *
 * Distributions have every page cleared that is handed out (init_on_alloc=1), and
 * bulk data would have it cleared only to be overwritten: with taking and giving
 * back of single pages that was a sixth of what a READ of 1 MiB cost.  So a module
 * keeps what its last frames were in, CHUNKS pieces at the most, and gives
 * it back when nobody has wanted any for IDLE.
 *
 * What was lent to the network (qtfs_frame.lend) may have references to it for as
 * long as the peer has not acknowledged it.  So pieces are used in the order in which they
 * were given back, and only when the pool's reference is the last one.
 *
 * What is in a piece is what was in an earlier frame: whoever takes it must not let out
 * more than he has put in.
 *
 * Any context that may sleep; the lock is a leaf.
 */
#include "transport.h"

#include <linux/mm.h>
#include <linux/workqueue.h>

/* 32 KiB, where that many pages lie in the kernel's address space as one. */
#define ORDER		(IS_ENABLED(CONFIG_HIGHMEM) ? 0 : 3)
#define CHUNKS		256
#define IDLE		(2 * HZ)

static void pool_idle(struct work_struct *work);

static DEFINE_SPINLOCK(lock);
static struct page *chunks[CHUNKS];	/* a ring */
static unsigned int first, count;
static bool wanted;			/* since the work last ran */
static DECLARE_DELAYED_WORK(idle_work, pool_idle);

/* The piece that has been here longest, if there is any.  Called with the lock held. */
static struct page *pool_pop(void)
{
	struct page *page;

	if (!count)
		return NULL;
	page = chunks[first];
	first = (first + 1) % CHUNKS;
	count--;
	return page;
}

static struct page *pool_take(void)
{
	struct page *page = NULL;

	spin_lock(&lock);
	wanted = true;
	if (count && page_count(chunks[first]) == 1)
		page = pool_pop();
	spin_unlock(&lock);
	return page;
}

static bool pool_give(struct page *page)
{
	bool kept, alone;

	spin_lock(&lock);
	kept = count < CHUNKS;
	alone = !count;
	if (kept)
		chunks[(first + count++) % CHUNKS] = page;
	spin_unlock(&lock);
	/* With others here the work is due, or about to find this one as well. */
	if (alone)
		queue_delayed_work(system_wq, &idle_work, IDLE);
	return kept;
}

static void pool_drain(void)
{
	struct page *page;

	for (;;) {
		spin_lock(&lock);
		page = pool_pop();
		spin_unlock(&lock);
		if (!page)
			break;
		put_page(page);
	}
}

static void pool_idle(struct work_struct *work)
{
	bool idle;

	spin_lock(&lock);
	idle = !wanted;
	wanted = false;
	spin_unlock(&lock);
	if (idle)
		pool_drain();
	else
		queue_delayed_work(system_wq, &idle_work, IDLE);
}

static struct page *alloc_chunk(gfp_t gfp)
{
	/* If it is to be had without trouble. */
	gfp &= ~__GFP_DIRECT_RECLAIM;
	return alloc_pages(gfp | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY, ORDER);
}

/*
 * Memory for some of @want bytes, for how many goes to *@len.  NULL when memory is
 * short.  With __GFP_ZERO in @gfp it is cleared.
 */
struct page *qtfs_pool_get(size_t want, gfp_t gfp, size_t *len)
{
	struct page *page = NULL;

	if (want > PAGE_SIZE && !(gfp & __GFP_ZERO))
		page = pool_take();
	if (want > PAGE_SIZE && !page)
		page = alloc_chunk(gfp);
	if (!page)
		page = alloc_page(gfp);
	if (page)
		*len = min_t(size_t, want, page_size(page));
	return page;
}

/* Gives back what qtfs_pool_get() has given. */
void qtfs_pool_put(struct page *page)
{
	if (!ORDER || compound_order(page) != ORDER || !pool_give(page))
		put_page(page);
}

/* After the last frame. */
void qtfs_pool_exit(void)
{
	cancel_delayed_work_sync(&idle_work);
	pool_drain();
}
