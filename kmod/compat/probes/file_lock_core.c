// SPDX-License-Identifier: GPL-2.0
/* file locks and leases share struct file_lock_core (6.9). */
#include <linux/filelock.h>

int probe(struct file_lock *fl)
{
	return fl->c.flc_type;
}
