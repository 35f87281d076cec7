// SPDX-License-Identifier: GPL-2.0
/* filldir_t returns a bool (6.1), not an int. */
#include <linux/fs.h>

bool probe(struct dir_context *ctx, const char *name, int len, loff_t pos,
	   u64 ino, unsigned int type);

filldir_t probe_actor = probe;
