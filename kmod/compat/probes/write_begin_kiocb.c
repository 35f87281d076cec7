// SPDX-License-Identifier: GPL-2.0
/* ->write_begin and ->write_end take a kiocb (6.17), not a file. */
#include <linux/fs.h>

int probe(const struct kiocb *iocb, struct address_space *mapping, loff_t pos,
	  unsigned int len, struct folio **folio, void **data);

const struct address_space_operations probe_ops = { .write_begin = probe };
