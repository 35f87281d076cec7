// SPDX-License-Identifier: GPL-2.0
/* i_ops and vfs_*() take a struct user_namespace (5.12 to 6.2). */
#include <linux/fs.h>

int probe(struct user_namespace *ns, struct inode *dir, struct dentry *dentry,
	  const char *target);

const struct inode_operations probe_ops = { .symlink = probe };
