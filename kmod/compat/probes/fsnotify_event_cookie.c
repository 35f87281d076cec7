// SPDX-License-Identifier: GPL-2.0
/* ->handle_inode_event() gets the cookie that joins both halves of a move (5.11). */
#include <linux/fsnotify_backend.h>

int probe(struct fsnotify_mark *mark, u32 mask, struct inode *inode, struct inode *dir,
	  const struct qstr *name, u32 cookie);

const struct fsnotify_ops probe_ops = { .handle_inode_event = probe };
