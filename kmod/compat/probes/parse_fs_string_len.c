// SPDX-License-Identifier: GPL-2.0
/* vfs_parse_fs_string() wants the length (until 6.17). */
#include <linux/fs_context.h>

int probe(struct fs_context *fc, const char *value, size_t len)
{
	return vfs_parse_fs_string(fc, "source", value, len);
}
