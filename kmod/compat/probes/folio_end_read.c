// SPDX-License-Identifier: GPL-2.0
/* folio_end_read() (6.7). */
#include <linux/pagemap.h>

void probe(struct folio *folio)
{
	folio_end_read(folio, true);
}
