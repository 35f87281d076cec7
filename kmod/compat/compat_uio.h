/* SPDX-License-Identifier: GPL-2.0 */
/* Iterators and splice. */
#ifndef QTFS_COMPAT_UIO_H
#define QTFS_COMPAT_UIO_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uio.h>

#ifndef ITER_SOURCE
#define ITER_SOURCE WRITE
#define ITER_DEST READ
#endif

#ifndef QTFS_HAVE_USER_BACKED_ITER
#define user_backed_iter(iter) iter_is_iovec(iter)
#endif

#ifndef QTFS_HAVE_ITER_GET_PAGES2
static inline ssize_t iov_iter_get_pages2(struct iov_iter *iter, struct page **pages,
					  size_t max_size, unsigned int max_pages,
					  size_t *offset)
{
	ssize_t ret = iov_iter_get_pages(iter, pages, max_size, max_pages, offset);

	if (ret > 0)
		iov_iter_advance(iter, ret);
	return ret;
}
#endif

/* How much of @size could not be faulted in. */
#ifndef QTFS_HAVE_FAULT_IN_READABLE
static inline size_t fault_in_iov_iter_readable(struct iov_iter *iter, size_t size)
{
	return iov_iter_fault_in_readable(iter, size) ? size : 0;
}
#endif

#ifndef QTFS_HAVE_COPY_FOLIO_FROM_ITER
static inline size_t copy_folio_from_iter_atomic(struct folio *folio, size_t offset,
						 size_t size, struct iov_iter *iter)
{
	size_t done = 0;

	while (done < size) {
		struct page *page = folio_page(folio, (offset + done) >> PAGE_SHIFT);
		size_t start = offset_in_page(offset + done);
		size_t chunk = min_t(size_t, size - done, PAGE_SIZE - start);
		size_t copied;

#ifdef QTFS_HAVE_FAULT_IN_READABLE
		copied = copy_page_from_iter_atomic(page, start, chunk, iter);
#else
		copied = iov_iter_copy_from_user_atomic(page, iter, start, chunk);
		iov_iter_advance(iter, copied);
#endif
		done += copied;
		if (copied < chunk)
			break;
	}
	return done;
}
#endif

/*
 * The pages under the next part of an iterator over a process's memory, by which it
 * advances, for direct I/O. Returns the number of bytes.
 */
static inline ssize_t qtfs_iov_iter_pin(struct iov_iter *iter, struct page **pages,
					size_t max_size, unsigned int max_pages,
					size_t *offset)
{
#ifdef QTFS_HAVE_ITER_EXTRACT_PAGES
	return iov_iter_extract_pages(iter, &pages, max_size, max_pages, 0, offset);
#else
	return iov_iter_get_pages2(iter, pages, max_size, max_pages, offset);
#endif
}

static inline void qtfs_unpin_page(struct page *page)
{
#ifdef QTFS_HAVE_ITER_EXTRACT_PAGES
	unpin_user_page(page);
#else
	put_page(page);
#endif
}

/* ki_complete() had a second result before 5.16. */
static inline void qtfs_ki_complete(struct kiocb *iocb, long n)
{
#ifdef QTFS_HAVE_KI_COMPLETE_RESULT
	iocb->ki_complete(iocb, n);
#else
	iocb->ki_complete(iocb, n, 0);
#endif
}

#ifndef QTFS_HAVE_SPLICE_READ
#include <linux/fs.h>
#define filemap_splice_read generic_file_splice_read
#define copy_splice_read generic_file_splice_read
#endif

/*
 * vfs_iocb_iter_write() guards against freezing by itself from 6.8 on, when
 * file_write_not_started() appeared; before, its caller did.
 */
#ifndef QTFS_HAVE_FILE_WRITE_NOT_STARTED
#include <linux/fs.h>
static inline ssize_t qtfs_vfs_iocb_iter_write(struct file *file, struct kiocb *iocb,
					       struct iov_iter *iter)
{
	ssize_t ret;

	file_start_write(file);
	ret = vfs_iocb_iter_write(file, iocb, iter);
	file_end_write(file);
	return ret;
}

#define vfs_iocb_iter_write qtfs_vfs_iocb_iter_write
#endif

#endif
