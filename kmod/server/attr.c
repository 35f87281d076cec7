// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of files as the wire has them.
 *
 * Ids are those of the initial user name space, whatever the mount maps.  The
 * change counter stays 0: to query i_version makes every later write of the
 * file dirty its inode.
 */
#include "server/qtfsd.h"

#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/posix_acl.h>
#include <linux/stat.h>
#include <linux/xattr.h>

/* Those that linux/magic.h hasn't got, or not everywhere. */
#define CONFIGFS_SUPER_MAGIC	0x62656570
#define FUSECTL_SUPER_MAGIC	0x65735543
#define MQUEUE_SUPER_MAGIC	0x19800202
#define NFSD_FS_MAGIC		0x6e667364
#define RPC_PIPEFS_MAGIC	0x67596969
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC		0x58465342
#endif

static bool pseudo(unsigned long magic)
{
	switch (magic) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case RDTGROUP_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case SELINUX_MAGIC:
	case SMACK_MAGIC:
	case AAFS_MAGIC:
	case CONFIGFS_SUPER_MAGIC:
	case BPF_FS_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case EFIVARFS_MAGIC:
	case PSTOREFS_MAGIC:
	case BINFMTFS_MAGIC:
	case BINDERFS_SUPER_MAGIC:
	case XENFS_SUPER_MAGIC:
	case NSFS_MAGIC:
	case FUSECTL_SUPER_MAGIC:
	case MQUEUE_SUPER_MAGIC:
	case NFSD_FS_MAGIC:
	case RPC_PIPEFS_MAGIC:
		return true;
	default:
		return false;
	}
}

/*
 * Whether what @inode has to say is made when it is asked for, so that its size
 * means nothing and nothing of it may be cached: the file systems known for
 * that, and every regular file that the server itself keeps no pages of.
 */
bool qtfsd_uncached(const struct inode *inode)
{
	if (pseudo(inode->i_sb->s_magic))
		return true;
	return S_ISREG(inode->i_mode) && inode->i_mapping->a_ops == &empty_aops;
}

/* The answer is nearly always in the inode already. */
static bool has_acl(struct dentry *dentry)
{
	struct inode *inode = d_backing_inode(dentry);
	struct posix_acl *acl;

	if (!IS_POSIXACL(inode) || S_ISLNK(inode->i_mode))
		return false;
	acl = get_inode_acl(inode, ACL_TYPE_ACCESS);
	if (IS_ERR_OR_NULL(acl))
		return false;
	posix_acl_release(acl);
	return true;
}

/*
 * Whether there are no extended attributes (but such as only an administrator
 * sees), so that the client needn't ask: `ls -l` wants to know of each file.  Only
 * the file systems that list all they have, and do it fast.
 */
static bool has_no_xattr(struct dentry *dentry)
{
	const struct inode *inode = d_backing_inode(dentry);

	switch (inode->i_sb->s_magic) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
		return inode->i_op->listxattr && !vfs_listxattr(dentry, NULL, 0);
	default:
		return false;
	}
}

static void time_fill(struct qtfs_time *to, const struct timespec64 *from)
{
	to->sec = cpu_to_le64(from->tv_sec);
	to->nsec = cpu_to_le32(from->tv_nsec);
	to->reserved = 0;
}

static u32 dev_number(dev_t dev)
{
	return MAJOR(dev) << 20 | MINOR(dev);
}

/*
 * Fills @attr with what @path leads to.  @attach_root: the client takes it for
 * the root of its mount, not for the root of another one inside.
 */
int qtfsd_attr_fill(struct qtfs_attr *attr, const struct path *path, bool attach_root)
{
	const struct inode *inode = d_backing_inode(path->dentry);
	struct kstat stat;
	u32 flags = 0;
	int error;

	error = vfs_getattr(path, &stat, STATX_BASIC_STATS | STATX_BTIME, AT_STATX_SYNC_AS_STAT);
	if (error)
		return error;

	if (stat.result_mask & STATX_BTIME)
		flags |= QTFS_ATTR_BTIME;
	else
		memset(&stat.btime, 0, sizeof(stat.btime));
	if (qtfsd_uncached(inode))
		flags |= QTFS_ATTR_UNCACHED;
	if (has_acl(path->dentry))
		flags |= QTFS_ATTR_ACL;
	else if (has_no_xattr(path->dentry))
		flags |= QTFS_ATTR_NO_XATTR;
	if (path->dentry == path->mnt->mnt_root && !attach_root)
		flags |= QTFS_ATTR_MOUNT_ROOT;

	*attr = (struct qtfs_attr) {
		.ino = cpu_to_le64(stat.ino),
		.size = cpu_to_le64(stat.size),
		.blocks = cpu_to_le64(stat.blocks),
		.attributes = cpu_to_le64(stat.attributes),
		.attributes_mask = cpu_to_le64(stat.attributes_mask),
		.dev = cpu_to_le32(dev_number(stat.dev)),
		.gen = cpu_to_le32(inode->i_generation),
		.mode = cpu_to_le32(stat.mode),
		.nlink = cpu_to_le32(stat.nlink),
		.uid = cpu_to_le32(from_kuid_munged(&init_user_ns, stat.uid)),
		.gid = cpu_to_le32(from_kgid_munged(&init_user_ns, stat.gid)),
		.rdev = cpu_to_le32(dev_number(stat.rdev)),
		.blksize = cpu_to_le32(stat.blksize),
		.flags = cpu_to_le32(flags),
		.fstype = cpu_to_le32(inode->i_sb->s_magic),
	};
	time_fill(&attr->atime, &stat.atime);
	time_fill(&attr->mtime, &stat.mtime);
	time_fill(&attr->ctime, &stat.ctime);
	time_fill(&attr->btime, &stat.btime);
	return 0;
}

/* What a client will know @path by. */
int qtfsd_file_id(struct qtfsd_file_id *id, const struct path *path)
{
	struct kstat stat;
	int error;

	error = vfs_getattr(path, &stat, STATX_INO, AT_STATX_SYNC_AS_STAT);
	if (error)
		return error;
	*id = (struct qtfsd_file_id){
		.ino = stat.ino,
		.dev = dev_number(stat.dev),
		.gen = d_backing_inode(path->dentry)->i_generation,
	};
	return 0;
}
