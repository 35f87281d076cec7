// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: one for each file of the server, found by device, inode number and
 * generation.
 */
#include "qtfs.h"

#include <linux/slab.h>
#include <linux/wait_bit.h>

static struct kmem_cache *inode_cache;

static void cache_init_once(void *p)
{
	struct qtfs_inode *qi = p;

	inode_init_once(&qi->vfs_inode);
	spin_lock_init(&qi->writers_lock);
	atomic_set(&qi->runs, 0);
	atomic_set(&qi->direct, 0);
	INIT_LIST_HEAD(&qi->writers);
	INIT_LIST_HEAD(&qi->unstable);
	INIT_LIST_HEAD(&qi->unstable_inodes);
	INIT_LIST_HEAD(&qi->uds_made);
	INIT_LIST_HEAD(&qi->mountpoints);
}

int qtfs_inode_cache_init(void)
{
	inode_cache = kmem_cache_create("qtfs_inode", sizeof(struct qtfs_inode), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, cache_init_once);
	return inode_cache ? 0 : -ENOMEM;
}

void qtfs_inode_cache_exit(void)
{
	rcu_barrier();			/* qtfs_free_inode() runs after a grace period */
	kmem_cache_destroy(inode_cache);
}

struct inode *qtfs_alloc_inode(struct super_block *sb)
{
	struct qtfs_inode *qi = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);

	if (!qi)
		return NULL;
	/* The rest is filled in by the first update. */
	qi->attr_expires = 0;
	qi->version = 0;
	qi->handle.len = 0;
	qi->dir_state = 0;
	qi->dir_lookups = 0;
	qi->dir_looked_up = 0;
	qi->place = 0;
	qi->mountpoint = 0;
	qi->listing = NULL;
	qi->deferred = NULL;
	atomic_set(&qi->uds_names, 0);
	qi->times_stale = false;
	qi->nr_unstable = 0;
	qi->unstable_elsewhere = 0;
	return &qi->vfs_inode;
}

void qtfs_free_inode(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	kmem_cache_free(inode_cache, qtfs_i(inode));
}

void qtfs_evict_inode(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	/* Their last steps come after the end of write-back. */
	wait_var_event(&qtfs_i(inode)->runs, !atomic_read(&qtfs_i(inode)->runs));
	qtfs_unstable_drop(inode);
	clear_inode(inode);
	qtfs_deferred_drop(inode);
	qtfs_listing_drop(inode);
	qtfs_uds_evict(inode);
	qtfs_mountpoint_del(inode);
}

static int inode_test(struct inode *inode, void *data)
{
	return qtfs_same_file(inode, data);
}

static int inode_set(struct inode *inode, void *data)
{
	const struct qtfs_attr *attr = data;

	inode->i_ino = le64_to_cpu(attr->ino);
	inode->i_mode = le32_to_cpu(attr->mode);
	inode->i_generation = le32_to_cpu(attr->gen);
	qtfs_i(inode)->server_dev = le32_to_cpu(attr->dev);
	qtfs_i(inode)->gen = le32_to_cpu(attr->gen);
	return 0;
}

static dev_t inode_rdev(const struct qtfs_attr *attr)
{
	u32 rdev = le32_to_cpu(attr->rdev);

	return MKDEV(rdev >> 20, rdev & 0xfffff);
}

QTFS_DEFINE_PERMISSION(qtfs_permission);
QTFS_DEFINE_GETATTR(qtfs_getattr);
QTFS_DEFINE_SETATTR(qtfs_setattr);
QTFS_DEFINE_GET_INODE_ACL(qtfs_get_inode_acl);
QTFS_DEFINE_SET_ACL(qtfs_set_acl_entry);
QTFS_DEFINE_FILEATTR_GET(qtfs_fileattr_get);
QTFS_DEFINE_FILEATTR_SET(qtfs_fileattr_set);

/* connect(2) is all that asks to write to a socket's file without opening it. */
static int file_inode_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	int error = qtfs_permission(idmap, inode, mask);

	if (error || !S_ISSOCK(inode->i_mode) ||
	    (mask & (MAY_WRITE | MAY_NOT_BLOCK | MAY_ACCESS | MAY_OPEN)) != MAY_WRITE)
		return error;
	return qtfs_uds_connect(inode);
}

QTFS_DEFINE_PERMISSION(file_inode_permission);

/* Of all but directories and symbolic links; and of mountpoints, as nothing is looked up there. */
static const struct inode_operations file_inode_ops = {
	.permission = QTFS_OP(file_inode_permission),
	.getattr = QTFS_OP(qtfs_getattr),
	.setattr = QTFS_OP(qtfs_setattr),
	.listxattr = qtfs_listxattr,
	.get_inode_acl = QTFS_OP(qtfs_get_inode_acl),
	.set_acl = QTFS_OP(qtfs_set_acl_entry),
	QTFS_FILEATTR_OPS(qtfs_fileattr_get, qtfs_fileattr_set)
};

static const struct inode_operations symlink_inode_ops = {
	.get_link = qtfs_get_link,
	.permission = QTFS_OP(qtfs_permission),
	.getattr = QTFS_OP(qtfs_getattr),
	.setattr = QTFS_OP(qtfs_setattr),
	.listxattr = qtfs_listxattr,
};

/*
 * The server's device of that number is another one than ours, and to open ours
 * by a node that somebody made on the server would be a way around /dev.
 */
static int device_open(struct inode *inode, struct file *file)
{
	return -ENXIO;
}

static const struct file_operations device_ops = {
	.open = device_open,
	.llseek = noop_llseek,
};

static int inode_init_ops(struct inode *inode, const struct qtfs_attr *attr)
{
	bool uncached = le32_to_cpu(attr->flags) & QTFS_ATTR_UNCACHED;

	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &file_inode_ops;
		inode->i_fop = uncached ? &qtfs_uncached_file_ops : &qtfs_file_ops;
		inode->i_mapping->a_ops = &qtfs_aops;
		mapping_set_large_folios(inode->i_mapping);
		return 0;
	case S_IFDIR:
		inode->i_op = &qtfs_dir_inode_ops;
		inode->i_fop = &qtfs_dir_ops;
		return 0;
	case S_IFLNK:
		inode->i_op = &symlink_inode_ops;
		return 0;
	case S_IFIFO:
		inode->i_op = &file_inode_ops;
		inode->i_fop = &qtfs_fifo_ops;
		return 0;
	case S_IFSOCK:
		inode->i_op = &file_inode_ops;
		init_special_inode(inode, inode->i_mode, 0);
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		inode->i_op = &file_inode_ops;
		inode->i_rdev = inode_rdev(attr);
		inode->i_fop = qtfs_is_terminal(inode) ? &qtfs_tty_ops : &device_ops;
		return 0;
	default:
		return -EIO;
	}
}

/* Returns the inode that @attr, of @age, describes, brought up to date, or an ERR_PTR(). */
struct inode *qtfs_iget(struct super_block *sb, const struct qtfs_attr *attr,
			const struct qtfs_age *age)
{
	unsigned long hash = qtfs_inode_hash(le64_to_cpu(attr->ino), le32_to_cpu(attr->dev));
	struct inode *inode;
	int error;

	inode = iget5_locked(sb, hash, inode_test, inode_set, (void *)attr);
	if (!inode)
		return ERR_PTR(-ENOMEM);

	if (inode_state_read_once(inode) & I_NEW) {
		error = qtfs_dev_get(qtfs_sb(sb), le32_to_cpu(attr->dev), &qtfs_i(inode)->dev);
		if (!error)
			error = inode_init_ops(inode, attr);
		if (error) {
			iget_failed(inode);
			return ERR_PTR(error);
		}
		qtfs_update_inode(inode, attr, age);
		unlock_new_inode(inode);
	} else {
		qtfs_update_inode(inode, attr, age);
	}
	return inode;
}

/*
 * Likewise, of a directory that something is mounted on: an inode of one name, as the same
 * directory may be mounted in many places.
 */
struct inode *qtfs_iget_mountpoint(struct super_block *sb, const struct qtfs_attr *attr,
				   const struct qtfs_age *age)
{
	struct inode *inode = new_inode(sb);
	int error;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode_set(inode, (void *)attr);
	error = qtfs_dev_get(qtfs_sb(sb), le32_to_cpu(attr->dev), &qtfs_i(inode)->dev);
	if (error) {
		iput(inode);
		return ERR_PTR(error);
	}
	inode->i_op = &file_inode_ops;
	inode->i_flags |= S_AUTOMOUNT;
	qtfs_mountpoint_add(inode);
	qtfs_update_inode(inode, attr, age);
	return inode;
}
