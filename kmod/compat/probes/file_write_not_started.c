// SPDX-License-Identifier: GPL-2.0
/* file_write_not_started(), and vfs_iocb_iter_write() starts a write by itself (6.8). */
#include <linux/fs.h>

bool probe(const struct file *file)
{
	return file_write_not_started(file);
}
