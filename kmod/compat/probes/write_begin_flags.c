// SPDX-License-Identifier: GPL-2.0
/* ->write_begin takes flags (until 5.18). */
#include <linux/fs.h>

int probe(struct file *file, struct address_space *mapping, loff_t pos,
	  unsigned int len, unsigned int flags, struct page **page, void **data);

const struct address_space_operations probe_ops = { .write_begin = probe };
