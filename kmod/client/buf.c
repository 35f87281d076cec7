// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers for the data parts of frames.
 */
#include "request.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>

struct qtfs_buf *qtfs_buf_alloc_empty(unsigned int nr, gfp_t gfp)
{
	struct qtfs_buf *buf;

	buf = kvmalloc(struct_size(buf, bvecs, nr), gfp);
	if (!buf)
		return NULL;
	refcount_set(&buf->ref, 1);
	buf->size = 0;
	buf->linear = NULL;
	buf->pinned = false;
	buf->pooled = false;
	buf->nr_bvecs = 0;
	return buf;
}

struct qtfs_buf *qtfs_buf_alloc(size_t size, gfp_t gfp)
{
	struct qtfs_buf *buf = qtfs_buf_alloc_empty(0, gfp);

	if (!buf)
		return NULL;
	buf->linear = kvmalloc(size, gfp);
	if (!buf->linear) {
		qtfs_buf_put(buf);
		return NULL;
	}
	buf->size = size;
	buf->kvec.iov_base = buf->linear;
	buf->kvec.iov_len = size;
	return buf;
}

/* Takes the caller's reference to @page over. */
static void add_page(struct qtfs_buf *buf, struct page *page, size_t len, size_t offset)
{
	struct bio_vec *bvec = &buf->bvecs[buf->nr_bvecs++];

	bvec->bv_page = page;
	bvec->bv_len = len;
	bvec->bv_offset = offset;
	buf->size += len;
}

void qtfs_buf_add_page(struct qtfs_buf *buf, struct page *page, size_t len, size_t offset)
{
	get_page(page);
	add_page(buf, page, len, offset);
}

struct qtfs_buf *qtfs_buf_alloc_pages(size_t size, gfp_t gfp)
{
	unsigned int nr = DIV_ROUND_UP(size, PAGE_SIZE);
	struct qtfs_buf *buf = qtfs_buf_alloc_empty(nr, gfp);

	if (!buf)
		return NULL;
	buf->pooled = true;
	while (buf->size < size) {
		size_t len;
		struct page *page = qtfs_pool_get(size - buf->size, gfp, &len);

		if (!page) {
			qtfs_buf_put(buf);
			return NULL;
		}
		add_page(buf, page, len, 0);
	}
	return buf;
}

struct qtfs_buf *qtfs_buf_pin(struct iov_iter *iter, size_t max)
{
	unsigned int room = DIV_ROUND_UP(max, PAGE_SIZE) + 1;
	struct qtfs_buf *buf = qtfs_buf_alloc_empty(room, GFP_KERNEL);
	struct page *pages[16];
	size_t offset, len;
	ssize_t n = 0;
	int i;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->pinned = true;
	while (buf->size < max && iov_iter_count(iter) && buf->nr_bvecs < room) {
		n = qtfs_iov_iter_pin(iter, pages, max - buf->size,
				      min_t(unsigned int, ARRAY_SIZE(pages), room - buf->nr_bvecs),
				      &offset);
		if (n <= 0)
			break;
		for (i = 0; n; i++, n -= len, offset = 0) {
			len = min_t(size_t, n, PAGE_SIZE - offset);
			add_page(buf, pages[i], len, offset);
		}
	}
	if (buf->size)
		return buf;
	qtfs_buf_put(buf);
	return ERR_PTR(n < 0 ? n : -EFAULT);
}

size_t qtfs_buf_copy_from(struct qtfs_buf *buf, struct iov_iter *from)
{
	size_t done = 0, copied;
	unsigned int i;

	for (i = 0; i < buf->nr_bvecs; i++) {
		const struct bio_vec *bvec = &buf->bvecs[i];

		copied = copy_page_from_iter(bvec->bv_page, 0, bvec->bv_len, from);
		done += copied;
		if (copied < bvec->bv_len)
			break;
	}
	return done;
}

/* Not copy_page_to_iter(): a pipe would keep the page, and take it for a file's. */
size_t qtfs_buf_copy_to(const struct qtfs_buf *buf, size_t len, struct iov_iter *to)
{
	size_t done = 0, copied, part;
	unsigned int i;

	for (i = 0; done < len; i++) {
		void *data = kmap_local_page(buf->bvecs[i].bv_page);

		part = min_t(size_t, len - done, buf->bvecs[i].bv_len);
		copied = copy_to_iter(data, part, to);
		kunmap_local(data);
		done += copied;
		if (copied < part)
			break;
	}
	return done;
}

void qtfs_buf_put(struct qtfs_buf *buf)
{
	unsigned int i;

	if (!buf || !refcount_dec_and_test(&buf->ref))
		return;
	for (i = 0; i < buf->nr_bvecs; i++)
		if (buf->pinned)
			qtfs_unpin_page(buf->bvecs[i].bv_page);
		else if (buf->pooled)
			qtfs_pool_put(buf->bvecs[i].bv_page);
		else
			put_page(buf->bvecs[i].bv_page);
	kvfree(buf->linear);
	kvfree(buf);
}

void qtfs_buf_iter(struct qtfs_buf *buf, unsigned int dir, size_t len, struct iov_iter *iter)
{
	if (buf->linear)
		iov_iter_kvec(iter, dir, &buf->kvec, 1, len);
	else
		iov_iter_bvec(iter, dir, buf->bvecs, buf->nr_bvecs, len);
}
