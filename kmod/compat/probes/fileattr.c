// SPDX-License-Identifier: GPL-2.0
/* ->fileattr_get and ->fileattr_set (5.13). */
#include <linux/fs.h>
#include <linux/fileattr.h>

void *probe(const struct inode_operations *ops)
{
	return ops->fileattr_get;
}
