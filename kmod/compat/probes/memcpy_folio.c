// SPDX-License-Identifier: GPL-2.0
/* memcpy_from_folio() and memcpy_to_folio() (6.5). */
#include <linux/highmem.h>

void probe(char *buf, struct folio *folio)
{
	memcpy_from_folio(buf, folio, 0, 1);
	memcpy_to_folio(folio, 0, buf, 1);
}
