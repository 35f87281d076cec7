// SPDX-License-Identifier: GPL-2.0
/* d_alloc_parallel() wants a wait queue (until 7.0). */
#include <linux/dcache.h>

void *probe(struct dentry *parent, const struct qstr *name, wait_queue_head_t *wq)
{
	return d_alloc_parallel(parent, name, wq);
}
