// SPDX-License-Identifier: GPL-2.0
/* inode->i_state only through inode_state_*() (6.19). */
#include <linux/fs.h>

int probe(struct inode *inode)
{
	return inode_state_read_once(inode);
}
