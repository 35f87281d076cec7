// SPDX-License-Identifier: GPL-2.0
/* writeback_iter() (6.10) in place of write_cache_pages(). */
#include <linux/writeback.h>

void *probe(struct address_space *mapping, struct writeback_control *wbc,
	    struct folio *folio, int *error)
{
	return writeback_iter(mapping, wbc, folio, error);
}
