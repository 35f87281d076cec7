// SPDX-License-Identifier: GPL-2.0
/* sb->s_xattr points to constant pointers (6.7). */
#include <linux/fs.h>
#include <linux/xattr.h>

void probe(struct super_block *sb, const struct xattr_handler *const *handlers)
{
	sb->s_xattr = handlers;
}
