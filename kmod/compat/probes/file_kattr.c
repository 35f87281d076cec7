// SPDX-License-Identifier: GPL-2.0
/* struct fileattr became struct file_kattr (6.17). */
#include <linux/fs.h>
#include <linux/fileattr.h>

u32 probe(struct file_kattr *fa)
{
	return fa->flags;
}
