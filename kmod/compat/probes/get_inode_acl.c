// SPDX-License-Identifier: GPL-2.0
/* ->get_acl became ->get_inode_acl, ->set_acl takes a dentry (6.2). */
#include <linux/fs.h>

struct posix_acl *probe(struct inode *inode, int type, bool rcu);

const struct inode_operations probe_ops = { .get_inode_acl = probe };
