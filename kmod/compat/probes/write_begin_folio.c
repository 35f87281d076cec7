// SPDX-License-Identifier: GPL-2.0
/* ->write_begin and ->write_end take folios (6.12) with a file. */
#include <linux/fs.h>

int probe(struct file *file, struct address_space *mapping, loff_t pos,
	  unsigned int len, struct folio **folio, void **data);

const struct address_space_operations probe_ops = { .write_begin = probe };
