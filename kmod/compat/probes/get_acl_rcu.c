// SPDX-License-Identifier: GPL-2.0
/* ->get_acl may be called under RCU (5.15). Only asked before 6.2. */
#include <linux/fs.h>

struct posix_acl *probe(struct inode *inode, int type, bool rcu);

const struct inode_operations probe_ops = { .get_acl = probe };
