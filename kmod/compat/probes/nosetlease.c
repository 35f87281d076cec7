// SPDX-License-Identifier: GPL-2.0
/* simple_nosetlease() refuses leases (until 7.0: then NULL does). */
#include <linux/fs.h>

const struct file_operations probe_ops = { .setlease = simple_nosetlease };
