// SPDX-License-Identifier: GPL-2.0
/* ->create has lost its bool excl (7.3). */
#include <linux/fs.h>

int probe(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
	  umode_t mode);

const struct inode_operations probe_ops = { .create = probe };
