// SPDX-License-Identifier: GPL-2.0
/* bvec_set_folio() (6.4). */
#include <linux/bvec.h>

void probe(struct bio_vec *bv, struct folio *folio)
{
	bvec_set_folio(bv, folio, 1, 0);
}
