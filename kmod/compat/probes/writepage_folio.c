// SPDX-License-Identifier: GPL-2.0
/* writepage_t takes a folio (6.3), not a page. */
#include <linux/writeback.h>

int probe(struct folio *folio, struct writeback_control *wbc, void *data);

writepage_t probe_fn = probe;
