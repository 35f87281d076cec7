// SPDX-License-Identifier: GPL-2.0
/* fsnotify_alloc_group() takes flags (6.0). */
#include <linux/fsnotify_backend.h>

struct fsnotify_group *probe(const struct fsnotify_ops *ops)
{
	return fsnotify_alloc_group(ops, 0);
}
