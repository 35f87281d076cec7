// SPDX-License-Identifier: GPL-2.0
/*
 * Device numbers.
 *
 * One mount may show files of several file systems of the server.  Each gets an
 * anonymous device number here, so that (st_dev, st_ino) names one file and
 * tools notice where another file system begins.  The root's is the first super
 * block's own; the other ones (submount.c) show these as theirs.
 */
#include "qtfs.h"

/* Finds or makes the device number that stands for @server_dev. */
int qtfs_dev_get(struct qtfs_sb *sbi, u32 server_dev, dev_t *dev)
{
	dev_t fresh;
	void *old;
	int error;

	if (server_dev == sbi->first.root_dev) {
		*dev = sbi->first.sb->s_dev;
		return 0;
	}

	old = xa_load(&sbi->devs, server_dev);
	if (!old) {
		error = get_anon_bdev(&fresh);
		if (error)
			return error;
		old = xa_cmpxchg(&sbi->devs, server_dev, NULL, xa_mk_value(fresh), GFP_KERNEL);
		if (!old) {
			*dev = fresh;
			return 0;
		}
		free_anon_bdev(fresh);
		if (xa_is_err(old))
			return xa_err(old);
	}
	*dev = xa_to_value(old);
	return 0;
}

/* Gives all of them back; no inode is left. */
void qtfs_devs_free(struct qtfs_sb *sbi)
{
	unsigned long index;
	void *value;

	xa_for_each(&sbi->devs, index, value)
		free_anon_bdev(xa_to_value(value));
	xa_destroy(&sbi->devs);
}
