// SPDX-License-Identifier: GPL-2.0
/* ->d_revalidate is told the directory and the name (6.14). */
#include <linux/dcache.h>

int probe(struct inode *dir, const struct qstr *name, struct dentry *dentry,
	  unsigned int flags);

const struct dentry_operations probe_ops = { .d_revalidate = probe };
