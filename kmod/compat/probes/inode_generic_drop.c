// SPDX-License-Identifier: GPL-2.0
/* generic_drop_inode() became inode_generic_drop() (6.18). */
#include <linux/fs.h>

int probe(struct inode *inode)
{
	return inode_just_drop(inode) + inode_generic_drop(inode);
}
