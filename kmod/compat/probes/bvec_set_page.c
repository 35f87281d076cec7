// SPDX-License-Identifier: GPL-2.0
/* bvec_set_page() (6.3). */
#include <linux/bvec.h>

void probe(struct bio_vec *bv, struct page *page)
{
	bvec_set_page(bv, page, 1, 0);
}
