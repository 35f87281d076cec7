// SPDX-License-Identifier: GPL-2.0
/* struct folio (5.16). */
#include <linux/pagemap.h>

void probe(struct folio *folio)
{
	folio_unlock(folio);
}
