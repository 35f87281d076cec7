/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Folios for kernels that have none (before 5.16). There every folio of ours is
 * one page, and struct folio is laid over struct page, as it was when it was new.
 */
#ifndef QTFS_COMPAT_FOLIO_H
#define QTFS_COMPAT_FOLIO_H

#ifndef QTFS_HAVE_FOLIO

#include <linux/build_bug.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/writeback.h>

struct folio {
	union {
		struct {
			unsigned long flags;
			struct list_head lru;
			struct address_space *mapping;
			pgoff_t index;
			void *private;
		};
		struct page page;
	};
};

static_assert(sizeof(struct folio) == sizeof(struct page));
static_assert(offsetof(struct folio, mapping) == offsetof(struct page, mapping));
static_assert(offsetof(struct folio, index) == offsetof(struct page, index));
static_assert(offsetof(struct folio, private) == offsetof(struct page, private));

#define fgf_t unsigned int
#define FGP_STABLE 0
#define FGP_WRITEBEGIN (FGP_LOCK | FGP_WRITE | FGP_CREAT)
#define fgf_set_order(size) 0U

static inline struct folio *page_folio(struct page *page)
{
	return (struct folio *)compound_head(page);
}

/* A function of one page that only changed its name and its argument's type. */
#define QTFS_FOLIO_FN(type, name, old) \
	static inline type name(struct folio *folio) { return old(&folio->page); }

QTFS_FOLIO_FN(void, folio_lock, lock_page)
QTFS_FOLIO_FN(int, folio_lock_killable, lock_page_killable)
QTFS_FOLIO_FN(bool, folio_trylock, trylock_page)
QTFS_FOLIO_FN(void, folio_unlock, unlock_page)
QTFS_FOLIO_FN(void, folio_get, get_page)
QTFS_FOLIO_FN(void, folio_put, put_page)
QTFS_FOLIO_FN(bool, folio_test_locked, PageLocked)
QTFS_FOLIO_FN(bool, folio_test_uptodate, PageUptodate)
QTFS_FOLIO_FN(bool, folio_test_dirty, PageDirty)
QTFS_FOLIO_FN(bool, folio_test_writeback, PageWriteback)
QTFS_FOLIO_FN(bool, folio_test_private, PagePrivate)
QTFS_FOLIO_FN(void, folio_mark_uptodate, SetPageUptodate)
QTFS_FOLIO_FN(void, folio_clear_uptodate, ClearPageUptodate)
QTFS_FOLIO_FN(bool, folio_mark_dirty, set_page_dirty)
QTFS_FOLIO_FN(bool, folio_clear_dirty_for_io, clear_page_dirty_for_io)
QTFS_FOLIO_FN(void, folio_cancel_dirty, cancel_dirty_page)
QTFS_FOLIO_FN(void, folio_start_writeback, set_page_writeback)
QTFS_FOLIO_FN(void, folio_end_writeback, end_page_writeback)
QTFS_FOLIO_FN(void, folio_wait_writeback, wait_on_page_writeback)
QTFS_FOLIO_FN(void, folio_wait_stable, wait_for_stable_page)
QTFS_FOLIO_FN(void, folio_wait_locked, wait_on_page_locked)
QTFS_FOLIO_FN(int, folio_wait_locked_killable, wait_on_page_locked_killable)
QTFS_FOLIO_FN(void, flush_dcache_folio, flush_dcache_page)
QTFS_FOLIO_FN(void, folio_mark_accessed, mark_page_accessed)
QTFS_FOLIO_FN(void *, folio_detach_private, detach_page_private)
QTFS_FOLIO_FN(loff_t, folio_pos, page_offset)
QTFS_FOLIO_FN(void *, folio_address, page_address)

static inline int folio_wait_writeback_killable(struct folio *folio)
{
	if (!folio_test_writeback(folio))
		return 0;
	return wait_on_page_bit_killable(&folio->page, PG_writeback);
}

static inline void folio_attach_private(struct folio *folio, void *data)
{
	attach_page_private(&folio->page, data);
}

static inline void *folio_get_private(struct folio *folio)
{
	return folio->private;
}

static inline bool folio_redirty_for_writepage(struct writeback_control *wbc,
					       struct folio *folio)
{
	return redirty_page_for_writepage(wbc, &folio->page);
}

static inline bool filemap_dirty_folio(struct address_space *mapping, struct folio *folio)
{
	return __set_page_dirty_nobuffers(&folio->page);
}

static inline bool filemap_release_folio(struct folio *folio, gfp_t gfp)
{
	return try_to_release_page(&folio->page, gfp);
}

/* Sizes and places. */
static inline size_t folio_size(const struct folio *folio)
{
	return PAGE_SIZE;
}

static inline bool folio_test_large(const struct folio *folio)
{
	return false;
}

static inline bool folio_maybe_dma_pinned(struct folio *folio)
{
	return page_maybe_dma_pinned(&folio->page);
}

static inline unsigned int folio_order(const struct folio *folio)
{
	return 0;
}

static inline long folio_nr_pages(const struct folio *folio)
{
	return 1;
}

static inline pgoff_t folio_index(const struct folio *folio)
{
	return folio->index;
}

static inline pgoff_t folio_next_index(const struct folio *folio)
{
	return folio->index + 1;
}

static inline struct page *folio_page(struct folio *folio, size_t n)
{
	return &folio->page + n;
}

static inline struct page *folio_file_page(struct folio *folio, pgoff_t index)
{
	return &folio->page;
}

static inline struct inode *folio_inode(const struct folio *folio)
{
	return folio->mapping->host;
}

static inline size_t offset_in_folio(const struct folio *folio, loff_t pos)
{
	return offset_in_page(pos);
}

static inline void mapping_set_large_folios(struct address_space *mapping)
{
}

static inline bool mapping_large_folio_support(const struct address_space *mapping)
{
	return false;
}

/* Contents. */
#ifndef QTFS_HAVE_KMAP_LOCAL
static inline void *kmap_local_page(struct page *page)
{
	return kmap(page);
}

static inline void kunmap_local(const void *addr)
{
	kunmap(kmap_to_page((void *)addr));
}
#endif

static inline void *kmap_local_folio(struct folio *folio, size_t offset)
{
	return kmap_local_page(&folio->page) + offset;
}

static inline void folio_zero_segment(struct folio *folio, size_t start, size_t end)
{
	zero_user_segment(&folio->page, start, end);
}

static inline void folio_zero_segments(struct folio *folio, size_t start1, size_t end1,
				       size_t start2, size_t end2)
{
	zero_user_segments(&folio->page, start1, end1, start2, end2);
}

static inline void folio_zero_range(struct folio *folio, size_t start, size_t length)
{
	zero_user(&folio->page, start, length);
}

/* The page cache; an error where there is no folio, as from 6.4 on. */
static inline struct folio *__filemap_get_folio(struct address_space *mapping,
						pgoff_t index, fgf_t flags, gfp_t gfp)
{
	struct page *page = pagecache_get_page(mapping, index, flags, gfp);

	if (page) {
		if (flags & FGP_WRITE)
			wait_for_stable_page(page);
		return page_folio(page);
	}
	if (!(flags & FGP_CREAT))
		return ERR_PTR(-ENOENT);
	return ERR_PTR(flags & FGP_NOWAIT ? -EAGAIN : -ENOMEM);
}

static inline struct folio *filemap_get_folio(struct address_space *mapping, pgoff_t index)
{
	return __filemap_get_folio(mapping, index, 0, 0);
}

static inline struct folio *filemap_lock_folio(struct address_space *mapping, pgoff_t index)
{
	return __filemap_get_folio(mapping, index, FGP_LOCK, 0);
}

static inline struct folio *filemap_grab_folio(struct address_space *mapping, pgoff_t index)
{
	return __filemap_get_folio(mapping, index, FGP_LOCK | FGP_ACCESSED | FGP_CREAT,
				   mapping_gfp_mask(mapping));
}

/* Like its namesake, keeps no reference: the folio's lock holds it. */
static inline struct folio *readahead_folio(struct readahead_control *ractl)
{
	struct page *page = readahead_page(ractl);

	if (!page)
		return NULL;
	put_page(page);
	return page_folio(page);
}

#endif
#endif
