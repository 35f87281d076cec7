// SPDX-License-Identifier: GPL-2.0
/* ->read_folio, ->dirty_folio and the like (5.18, 5.19), not pages. */
#include <linux/fs.h>

int probe_read(struct file *file, struct folio *folio);
bool probe_dirty(struct address_space *mapping, struct folio *folio);

const struct address_space_operations probe_ops = {
	.read_folio = probe_read,
	.dirty_folio = probe_dirty,
};
