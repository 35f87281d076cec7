// SPDX-License-Identifier: GPL-2.0
/* dentry->d_alias in a union without a name (7.1). */
#include <linux/dcache.h>

void probe(struct dentry *dentry)
{
	hlist_del_init(&dentry->d_alias);
}
