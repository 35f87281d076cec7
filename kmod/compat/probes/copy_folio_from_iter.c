// SPDX-License-Identifier: GPL-2.0
/* copy_folio_from_iter_atomic() (6.9). */
#include <linux/uio.h>

size_t probe(struct folio *folio, struct iov_iter *iter)
{
	return copy_folio_from_iter_atomic(folio, 0, 1, iter);
}
