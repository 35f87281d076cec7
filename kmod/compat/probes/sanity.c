// SPDX-License-Identifier: GPL-2.0
/* Compiles against every kernel: else the build directory is broken. */
#include <linux/fs.h>
#include <linux/module.h>

const struct inode_operations probe_ops = { };
