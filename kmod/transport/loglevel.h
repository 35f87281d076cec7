/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much a module writes to the kernel log: a keyword, NONE ERROR WARN INFO
 * or DEBUG, kept as its index.  Set by the parameter qtfs_log_level or by writing
 * to "log" in debugfs; anything else is EINVAL.
 */
#ifndef QTFS_LOGLEVEL_H
#define QTFS_LOGLEVEL_H

#include <linux/moduleparam.h>

struct dentry;

extern const struct kernel_param_ops qtfs_loglevel_param_ops;	/* of an int */

/* Makes "log" in @dir, for @level. */
void qtfs_loglevel_debugfs(struct dentry *dir, int *level);

#endif /* QTFS_LOGLEVEL_H */
