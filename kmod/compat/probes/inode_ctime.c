// SPDX-License-Identifier: GPL-2.0
/* inode_get_ctime() and inode_set_ctime_to_ts() (6.6). */
#include <linux/fs.h>

void probe(struct inode *inode)
{
	inode_set_ctime_to_ts(inode, inode_get_ctime(inode));
}
