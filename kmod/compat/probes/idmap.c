// SPDX-License-Identifier: GPL-2.0
/* i_ops and vfs_*() take a struct mnt_idmap (6.3), not a user namespace. */
#include <linux/fs.h>

int probe(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
	  const char *target);

const struct inode_operations probe_ops = { .symlink = probe };
