// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache: which bytes of a folio are dirty.
 *
 * It is one range for each page of the folio, so that what is written back is
 * what was written, however large the folio is: the bytes beside it may be
 * another client's by now.  A folio that is not up to date holds nothing but its
 * ranges.
 *
 * A folio of one page has its range in its private field, for as long as it is
 * dirty.  A larger one has there what its ranges are in: from when it is dirtied
 * for the first time until it is dropped or released.
 *
 * A dirty folio without ranges was dirtied through a page that somebody has
 * pinned, after it was last written: any of its bytes may have changed.  So may
 * they when something is dirtied while a page is pinned, as who unpins a page of
 * a folio that is dirty says nothing.
 *
 * A folio's lock protects its ranges; while it is under write-back, which
 * everybody waits for who dirties it, a page's range belongs to the WRITE that
 * has the page.
 */
#include "qtfs.h"

#include <linux/highmem.h>
#include <linux/slab.h>

/* The range of a folio of one page, in folio->private: bit 63 set, to << 32 | from. */
#define RANGE_SET	BIT(63)

struct page_range {
	u32 from, to;			/* in the page; nothing if they are the same */
};

/* The ranges of a larger one. */
struct folio_ranges {
	atomic_t writes;		/* under way, and who starts them */
	bool known;			/* the ranges are all that is dirty */
	struct page_range pages[];
};

static struct page_range page_range(struct folio *folio, size_t index)
{
	const struct folio_ranges *ranges = folio_get_private(folio);
	unsigned long value = (unsigned long)ranges;

	if (folio_test_large(folio))
		return ranges ? ranges->pages[index] : (struct page_range){};
	return (struct page_range){ .from = value & 0x7fffffff, .to = (value >> 32) & 0x7fffffff };
}

static void set_page_range(struct folio *folio, size_t index, size_t from, size_t to)
{
	struct folio_ranges *ranges;
	unsigned long value;

	if (folio_test_large(folio)) {
		ranges = folio_get_private(folio);
		ranges->pages[index] = (struct page_range){ .from = from, .to = to };
		return;
	}
	value = RANGE_SET | (unsigned long)to << 32 | from;
	if (folio_test_private(folio))
		folio->private = (void *)value;
	else
		folio_attach_private(folio, (void *)value);
}

/* What of [@from, @to) is in the page with this index, as a range of that page. */
static struct page_range within_page(size_t index, size_t from, size_t to)
{
	size_t start = index << PAGE_SHIFT;

	return (struct page_range){
		.from = max(from, start) - start,
		.to = min(to, start + PAGE_SIZE) - start,
	};
}

/*
 * Memory for the ranges of @folio, which is locked.  Before anything is dirtied; -ENOMEM,
 * unless @gfp has __GFP_NOFAIL.
 */
int qtfs_range_prepare(struct folio *folio, gfp_t gfp)
{
	struct folio_ranges *ranges;

	if (!folio_test_large(folio) || folio_test_private(folio))
		return 0;
	ranges = kzalloc(struct_size(ranges, pages, folio_nr_pages(folio)), gfp);
	if (!ranges)
		return -ENOMEM;
	folio_attach_private(folio, ranges);
	return 0;
}

/* Whether the ranges say what of @folio is dirty. */
bool qtfs_range_known(struct folio *folio)
{
	const struct folio_ranges *ranges = folio_get_private(folio);

	return folio_test_private(folio) && (!folio_test_large(folio) || ranges->known);
}

/*
 * Whether [@from, @to) of @folio can be dirtied beside what is dirty already.  If not, that
 * has to be written before, or the folio be read.
 */
bool qtfs_range_joins(struct folio *folio, size_t from, size_t to)
{
	size_t index;

	if (folio_test_uptodate(folio))
		return true;
	for (index = from >> PAGE_SHIFT; index << PAGE_SHIFT < to; index++) {
		struct page_range old = page_range(folio, index);
		struct page_range new = within_page(index, from, to);

		if (old.from < old.to && (new.from > old.to || new.to < old.from))
			return false;
	}
	return true;
}

/* Whether more of @folio may change, or have changed, than anybody will say. */
static bool all_may_change(struct folio *folio)
{
	if (!folio_test_uptodate(folio))
		return false;
	return folio_maybe_dma_pinned(folio) ||
	       (folio_test_dirty(folio) && !qtfs_range_known(folio));
}

/*
 * Adds [@from, @to), which joins, to the ranges of @folio, which is prepared; all of it if
 * there is more that may have changed.
 */
void qtfs_range_add(struct folio *folio, size_t from, size_t to)
{
	struct folio_ranges *ranges = folio_get_private(folio);
	size_t index;

	if (all_may_change(folio)) {
		from = 0;
		to = folio_size(folio);
	}
	for (index = from >> PAGE_SHIFT; index << PAGE_SHIFT < to; index++) {
		struct page_range old = page_range(folio, index);
		struct page_range new = within_page(index, from, to);

		if (old.from < old.to) {
			new.from = min(new.from, old.from);
			new.to = max(new.to, old.to);
		}
		set_page_range(folio, index, new.from, new.to);
	}
	if (folio_test_large(folio))
		ranges->known = true;
}

/* Finds the first bytes from @at on that are dirty, as far as they go without a gap. */
bool qtfs_range_next(struct folio *folio, size_t at, size_t *from, size_t *to)
{
	size_t size = folio_size(folio), index;
	bool found = false;

	if (!qtfs_range_known(folio))
		return false;
	for (index = at >> PAGE_SHIFT; index << PAGE_SHIFT < size; index++) {
		size_t start = index << PAGE_SHIFT;
		struct page_range range = page_range(folio, index);

		if (start + range.to <= at || range.from >= range.to) {
			if (found)
				break;
			continue;
		}
		if (!found)
			*from = max(start + range.from, at);
		else if (range.from)
			break;
		found = true;
		*to = start + range.to;
		if (range.to < PAGE_SIZE)
			break;
	}
	return found;
}

/*
 * [@from, @to) is dirty no more.  What lies in the middle of a page's range stays: there is
 * one for each page.
 */
void qtfs_range_clear(struct folio *folio, size_t from, size_t to)
{
	size_t index;

	if (!qtfs_range_known(folio))
		return;
	for (index = from >> PAGE_SHIFT; index << PAGE_SHIFT < to; index++) {
		struct page_range old = page_range(folio, index);
		struct page_range gone = within_page(index, from, to);

		if (gone.from <= old.from)
			old.from = min(max(gone.to, old.from), old.to);
		else if (gone.to >= old.to)
			old.to = max(min(gone.from, old.to), old.from);
		set_page_range(folio, index, old.from, old.to);
	}
}

/* Nothing of @folio is dirty, and it keeps nothing for that. */
void qtfs_range_drop(struct folio *folio)
{
	void *private;

	if (!folio_test_private(folio))
		return;
	private = folio_detach_private(folio);
	if (folio_test_large(folio))
		kfree(private);
}

/* Where @page begins in @folio, in bytes. */
size_t qtfs_offset_of_page(struct folio *folio, struct page *page)
{
	return (page_to_pfn(page) - page_to_pfn(folio_page(folio, 0))) << PAGE_SHIFT;
}

/* ---- write-back: it ends with the last of the WRITEs that have a part of the folio ---- */

/*
 * @folio, which is locked and has ranges, is handed out to WRITEs now: a part for each call
 * of qtfs_range_write_part(), whole pages where it isn't all; one part if it is one page.
 */
void qtfs_range_write_begin(struct folio *folio)
{
	struct folio_ranges *ranges = folio_get_private(folio);

	if (folio_test_large(folio))
		atomic_set(&ranges->writes, 1);
	else
		qtfs_range_drop(folio);
	folio_start_writeback(folio);
}

void qtfs_range_write_part(struct folio *folio, size_t from, size_t to)
{
	struct folio_ranges *ranges = folio_get_private(folio);
	size_t index;

	if (!folio_test_large(folio))
		return;
	atomic_inc(&ranges->writes);
	for (index = from >> PAGE_SHIFT; index << PAGE_SHIFT < to; index++)
		set_page_range(folio, index, 0, 0);
}

/* All of it has been handed out, or (not @all) what is left is dirty again. */
void qtfs_range_write_end(struct folio *folio, bool all)
{
	struct folio_ranges *ranges = folio_get_private(folio);

	if (!folio_test_large(folio))
		return;
	if (all)
		ranges->known = false;
	qtfs_range_written(folio);
}

/* A WRITE that had a part of @folio has come to its end. */
void qtfs_range_written(struct folio *folio)
{
	struct folio_ranges *ranges = folio_get_private(folio);

	if (!folio_test_large(folio) || atomic_dec_and_test(&ranges->writes))
		folio_end_writeback(folio);
}
