/* SPDX-License-Identifier: GPL-2.0 */
/* The page cache, write-back, memory areas. */
#ifndef QTFS_COMPAT_MM_H
#define QTFS_COMPAT_MM_H

#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/writeback.h>

#if defined(QTFS_HAVE_FOLIO) && !defined(QTFS_HAVE_FILEMAP_GET_FOLIO_ERR)

/* These used to return NULL for -ENOENT, and for any other failure. */
static inline struct folio *qtfs_filemap_get_folio_err(struct address_space *mapping,
						       pgoff_t index,
						       unsigned int flags, gfp_t gfp)
{
	struct folio *folio = __filemap_get_folio(mapping, index, flags, gfp);

	if (folio)
		return folio;
	if (!(flags & FGP_CREAT))
		return ERR_PTR(-ENOENT);
	return ERR_PTR(flags & FGP_NOWAIT ? -EAGAIN : -ENOMEM);
}

#define __filemap_get_folio qtfs_filemap_get_folio_err
#define filemap_get_folio(mapping, index) __filemap_get_folio(mapping, index, 0, 0)
#define filemap_lock_folio(mapping, index) \
	__filemap_get_folio(mapping, index, FGP_LOCK, 0)
#define filemap_grab_folio(mapping, index) \
	__filemap_get_folio(mapping, index, FGP_LOCK | FGP_ACCESSED | FGP_CREAT, \
			    mapping_gfp_mask(mapping))
#define FGP_WRITEBEGIN (FGP_LOCK | FGP_WRITE | FGP_CREAT | FGP_STABLE)
/* The size of a new folio that is written to: one page. */
#define fgf_set_order(size) 0U
#define fgf_t unsigned int

#endif

/*
 * New folios of @mapping are of one page from now on. Unlike what the kernel has for that,
 * it may be called while the mapping is used: each bit by itself, so that no other flag is
 * lost, and what lies in between is a smaller order.
 */
static inline void qtfs_mapping_clear_large_folios(struct address_space *mapping)
{
#if defined(QTFS_HAVE_FOLIO_ORDER_RANGE)
	unsigned int i;

	for (i = 0; i < AS_FOLIO_ORDER_BITS; i++)
		clear_bit(AS_FOLIO_ORDER_MAX + i, &mapping->flags);
#elif defined(QTFS_HAVE_FOLIO)
	clear_bit(AS_LARGE_FOLIO_SUPPORT, &mapping->flags);
#endif
}

#ifndef QTFS_HAVE_FOLIO_END_READ
static inline void folio_end_read(struct folio *folio, bool success)
{
	if (success)
		folio_mark_uptodate(folio);
	folio_unlock(folio);
}
#endif

#ifndef QTFS_HAVE_MEMCPY_FOLIO
static inline void memcpy_from_folio(char *to, struct folio *folio, size_t offset,
				     size_t len)
{
	while (len) {
		const char *from = kmap_local_folio(folio, offset);
		size_t chunk = min_t(size_t, len, PAGE_SIZE - offset_in_page(offset));

		memcpy(to, from, chunk);
		kunmap_local(from);
		to += chunk;
		offset += chunk;
		len -= chunk;
	}
}

static inline void memcpy_to_folio(struct folio *folio, size_t offset, const char *from,
				   size_t len)
{
	while (len) {
		char *to = kmap_local_folio(folio, offset);
		size_t chunk = min_t(size_t, len, PAGE_SIZE - offset_in_page(offset));

		memcpy(to, from, chunk);
		kunmap_local(to);
		from += chunk;
		offset += chunk;
		len -= chunk;
	}
	flush_dcache_folio(folio);
}
#endif

#ifndef QTFS_HAVE_BVEC_SET_PAGE
static inline void bvec_set_page(struct bio_vec *bv, struct page *page, unsigned int len,
				 unsigned int offset)
{
	bv->bv_page = page;
	bv->bv_len = len;
	bv->bv_offset = offset;
}
#endif

#ifndef QTFS_HAVE_BVEC_SET_FOLIO
static inline void bvec_set_folio(struct bio_vec *bv, struct folio *folio, size_t len,
				  size_t offset)
{
	bvec_set_page(bv, &folio->page, len, offset);
}
#endif

#ifndef QTFS_HAVE_ERROR_REMOVE_FOLIO
#define error_remove_folio error_remove_page
#define generic_error_remove_folio generic_error_remove_page
#endif

#ifndef QTFS_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* generic_perform_write() that moves ki_pos, as it does by itself from 6.5 on. */
#ifndef QTFS_HAVE_PERFORM_WRITE_POS
static inline ssize_t qtfs_generic_perform_write(struct kiocb *iocb, struct iov_iter *iter)
{
#ifdef QTFS_HAVE_PERFORM_WRITE_KIOCB
	ssize_t ret = generic_perform_write(iocb, iter);
#else
	ssize_t ret = generic_perform_write(iocb->ki_filp, iter, iocb->ki_pos);
#endif

	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

#define generic_perform_write qtfs_generic_perform_write
#endif

/*
 * Hands each dirty folio of wbc's range to @fn, locked and ready to be written:
 * writeback_iter() from 6.10 on, write_cache_pages() before. @fn unlocks it.
 */
typedef int (*qtfs_write_folio_fn)(struct folio *folio, struct writeback_control *wbc,
				   void *data);

#ifdef QTFS_HAVE_WRITEBACK_ITER

static inline int qtfs_write_folios(struct address_space *mapping,
				    struct writeback_control *wbc,
				    qtfs_write_folio_fn fn, void *data)
{
	struct folio *folio = NULL;
	int error;

	while ((folio = writeback_iter(mapping, wbc, folio, &error)))
		error = fn(folio, wbc, data);
	return error;
}

#else

struct qtfs_write_folios {
	qtfs_write_folio_fn fn;
	void *data;
};

#ifdef QTFS_HAVE_WRITEPAGE_FOLIO
static inline int qtfs_write_one(struct folio *folio, struct writeback_control *wbc,
				 void *data)
{
	struct qtfs_write_folios *ctx = data;

	return ctx->fn(folio, wbc, ctx->data);
}
#else
static inline int qtfs_write_one(struct page *page, struct writeback_control *wbc,
				 void *data)
{
	struct qtfs_write_folios *ctx = data;

	return ctx->fn(page_folio(page), wbc, ctx->data);
}
#endif

static inline int qtfs_write_folios(struct address_space *mapping,
				    struct writeback_control *wbc,
				    qtfs_write_folio_fn fn, void *data)
{
	struct qtfs_write_folios ctx = { .fn = fn, .data = data };

	return write_cache_pages(mapping, wbc, qtfs_write_one, &ctx);
}

#endif
#endif
