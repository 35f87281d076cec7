// SPDX-License-Identifier: GPL-2.0
/* Not qtfs: a module of that name with planted faults, which the rig has to find. */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

static bool warn, stuck, leak;
module_param(warn, bool, 0);
module_param(stuck, bool, 0);
module_param(leak, bool, 0);

static char *engine = "running";
module_param(engine, charp, 0);

/* The parameters that lib.sh gives the real one. */
static char *qtfs_server_ip;
static int qtfs_server_port;
module_param(qtfs_server_ip, charp, 0);
module_param(qtfs_server_port, int, 0);

static struct kmem_cache *cache;
static struct kobject *dir;

static ssize_t engine_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sprintf(buf, "%s\n", engine);
}
static struct kobj_attribute engine_attr = __ATTR_RO(engine);

static int __init planted_init(void)
{
	cache = kmem_cache_create("qtfs_planted", 64, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	dir = kobject_create_and_add("qtfs_server", fs_kobj);
	if (!dir || sysfs_create_file(dir, &engine_attr.attr))
		pr_err("no /sys/fs/qtfs_server\n");
	WARN_ON(warn);
	if (stuck)
		__module_get(THIS_MODULE);
	if (leak && !kmem_cache_alloc(cache, GFP_KERNEL))
		pr_err("nothing to leak\n");
	return 0;
}

static void __exit planted_exit(void)
{
	kobject_put(dir);
	kmem_cache_destroy(cache);
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_LICENSE("GPL");
