// SPDX-License-Identifier: GPL-2.0
/* iov_iter_get_pages2() advances the iterator (6.0). */
#include <linux/uio.h>

ssize_t probe(struct iov_iter *iter, struct page **pages, size_t *offset)
{
	return iov_iter_get_pages2(iter, pages, 1, 1, offset);
}
