// SPDX-License-Identifier: GPL-2.0
/* filemap_splice_read() and copy_splice_read() (6.5). */
#include <linux/fs.h>

const struct file_operations probe_ops[] = {
	{ .splice_read = filemap_splice_read },
	{ .splice_read = copy_splice_read },
};
