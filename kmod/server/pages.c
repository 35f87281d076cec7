// SPDX-License-Identifier: GPL-2.0
/*
 * The data of WRITEs and of READs' replies, as pages: the transport need not copy
 * what it sends of them, and direct I/O takes them as they are.
 */
#include "server/qtfsd.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

/* Memory for @len bytes, rounded up so that it does for direct I/O.  Whether there is so much. */
bool qtfsd_pages_alloc(struct qtfsd_pages *pages, u32 len)
{
	size_t left = round_up(len, QTFSD_IO_ALIGN), part;

	pages->bvecs = kvmalloc_array(DIV_ROUND_UP(left, PAGE_SIZE), sizeof(*pages->bvecs),
				      GFP_KERNEL);
	if (!pages->bvecs)
		return false;
	for (; left; left -= part) {
		struct bio_vec *bvec = &pages->bvecs[pages->nr];

		bvec->bv_page = qtfs_pool_get(left, GFP_KERNEL, &part);
		if (!bvec->bv_page) {
			qtfsd_pages_free(pages);
			return false;
		}
		bvec->bv_offset = 0;
		bvec->bv_len = part;
		pages->nr++;
	}
	return true;
}

void qtfsd_pages_free(struct qtfsd_pages *pages)
{
	while (pages->nr)
		qtfs_pool_put(pages->bvecs[--pages->nr].bv_page);
	kvfree(pages->bvecs);
	pages->bvecs = NULL;
}

/* An iterator over the first @len bytes; @dir is ITER_SOURCE or ITER_DEST. */
void qtfsd_pages_iter(const struct qtfsd_pages *pages, unsigned int dir, size_t len,
		      struct iov_iter *iter)
{
	iov_iter_bvec(iter, dir, pages->bvecs, pages->nr, len);
}

/* Copies the first @len bytes. */
void qtfsd_pages_copy(const struct qtfsd_pages *pages, size_t len, void *to)
{
	const struct bio_vec *bvec;
	size_t part;

	/* GFP_KERNEL never gives high memory. */
	for (bvec = pages->bvecs; len; bvec++, len -= part, to += part) {
		part = min_t(size_t, len, bvec->bv_len);
		memcpy(to, page_address(bvec->bv_page), part);
	}
}
