// SPDX-License-Identifier: GPL-2.0
/* ->mkdir returns a dentry (6.15), not an int. */
#include <linux/fs.h>

struct dentry *probe(struct mnt_idmap *idmap, struct inode *dir,
		     struct dentry *dentry, umode_t mode);

const struct inode_operations probe_ops = { .mkdir = probe };
