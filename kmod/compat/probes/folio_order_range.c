// SPDX-License-Identifier: GPL-2.0
/* A mapping says how large its folios may be (6.12); before, whether they may be large. */
#include <linux/pagemap.h>

void probe(struct address_space *mapping)
{
	mapping_set_folio_order_range(mapping, 0, 0);
}
