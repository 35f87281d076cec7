// SPDX-License-Identifier: GPL-2.0
/*
 * crc32c of frames: of head and data, with the header's crc field 0, begun with
 * all bits set and inverted in the end, as in iSCSI.
 */
#include "transport.h"
#include "compat/compat_crc.h"

#include <linux/highmem.h>
#include <linux/module.h>

#include "wire.h"

static bool available;

bool qtfs_crc_available(void)
{
	return available;
}

void qtfs_crc_init(void)
{
	int error = qtfs_crc32c_init();

	available = !error;
	if (error)
		pr_warn("no crc32c in this kernel (%d): frames go without\n", error);
}

void qtfs_crc_exit(void)
{
	if (available)
		qtfs_crc32c_exit();
}

u32 qtfs_crc(u32 crc, const void *p, size_t len)
{
	return qtfs_crc32c(crc, p, len);
}

static u32 page_crc(u32 crc, struct page *page, size_t offset, size_t len)
{
	void *p = kmap_local_page(page);

	crc = qtfs_crc32c(crc, p + offset, len);
	kunmap_local(p);
	return crc;
}

/*
 * A segment of several pages, as the pool and large folios make them: in one go where
 * the kernel has them mapped.
 */
static u32 bvec_crc(u32 crc, const struct bio_vec *bvec, size_t skip, size_t len)
{
	size_t offset = bvec->bv_offset + skip;

	while (len) {
		struct page *page = bvec->bv_page + (offset >> PAGE_SHIFT);
		size_t n = len;

		if (PageHighMem(page))
			n = min_t(size_t, len, PAGE_SIZE - offset_in_page(offset));
		crc = page_crc(crc, page, offset_in_page(offset), n);
		offset += n;
		len -= n;
	}
	return crc;
}

/* Goes on with what @iter, of kernel memory, goes over.  Doesn't advance it. */
u32 qtfs_crc_iter(u32 crc, const struct iov_iter *iter)
{
	size_t left = iov_iter_count(iter), skip = iter->iov_offset, n;
	unsigned long i;

	for (i = 0; left; i++, skip = 0) {
		if (iov_iter_is_kvec(iter)) {
			n = min(left, iter->kvec[i].iov_len - skip);
			crc = qtfs_crc32c(crc, iter->kvec[i].iov_base + skip, n);
		} else {
			n = min_t(size_t, left, iter->bvec[i].bv_len - skip);
			crc = bvec_crc(crc, &iter->bvec[i], skip, n);
		}
		left -= n;
	}
	return crc;
}

/* Puts the sum of @frame into its header. */
void qtfs_crc_seal(struct qtfs_frame *frame)
{
	struct qtfs_hdr *hdr = frame->head.iov_base;
	u32 crc;

	hdr->crc = 0;
	crc = qtfs_crc32c(~0u, hdr, frame->head.iov_len);
	crc = qtfs_crc_iter(crc, &frame->data);
	hdr->crc = cpu_to_le32(~crc);
}
