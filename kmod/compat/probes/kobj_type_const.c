// SPDX-License-Identifier: GPL-2.0
/* kobject_init_and_add() takes a constant type (6.1). */
#include <linux/kobject.h>

int probe(struct kobject *kobj, const struct kobj_type *type)
{
	return kobject_init_and_add(kobj, type, NULL, "probe");
}
