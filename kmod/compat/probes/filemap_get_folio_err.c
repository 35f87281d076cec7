// SPDX-License-Identifier: GPL-2.0
/* filemap_get_folio() returns an error (6.4, with filemap_get_entry()). */
#include <linux/pagemap.h>

void *probe(struct address_space *mapping, pgoff_t index)
{
	return filemap_get_entry(mapping, index);
}
