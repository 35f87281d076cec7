/* SPDX-License-Identifier: GPL-2.0 */
/* Mounts, names, extended attributes, locks, file attributes. */
#ifndef QTFS_COMPAT_FS_H
#define QTFS_COMPAT_FS_H

/* Where a dentry is among the names of its inode. */
#ifdef QTFS_HAVE_DENTRY_D_ALIAS
#define qtfs_d_alias d_alias
#else
#define qtfs_d_alias d_u.d_alias
#endif

#ifndef QTFS_HAVE_SET_DEFAULT_D_OP
#include <linux/fs.h>
#define set_default_d_op(sb, ops) ((void)((sb)->s_d_op = (ops)))
#endif

/*
 * d_alloc_parallel() used to want a wait queue that lives until d_lookup_done():
 *
 *	QTFS_LOOKUP_WAIT(wait);
 *	dentry = qtfs_d_alloc_parallel(parent, &name, wait);
 */
#ifdef QTFS_HAVE_D_ALLOC_PARALLEL_WQ
#include <linux/dcache.h>
#include <linux/wait.h>
#define QTFS_LOOKUP_WAIT(wait) DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wait)
#define qtfs_d_alloc_parallel(parent, name, wait) d_alloc_parallel(parent, name, &(wait))
#else
#define QTFS_LOOKUP_WAIT(wait) struct { } wait __maybe_unused
#define qtfs_d_alloc_parallel(parent, name, wait) d_alloc_parallel(parent, name)
#endif

#ifndef QTFS_HAVE_LOOKUP_NOPERM
#include <linux/namei.h>
/* The older one wants MAY_EXEC on the directory. */
static inline struct dentry *lookup_noperm(struct qstr *name, struct dentry *base)
{
	return lookup_one_len(name->name, base, name->len);
}
#endif

/* Exported by every kernel, but declared only in fs/internal.h by most. */
#include <linux/path.h>
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt, const char *name,
		    unsigned int flags, struct path *path);

/* For a file system without ->d_hash; try_lookup_noperm() would revalidate. */
#ifndef QTFS_HAVE_D_HASH_AND_LOOKUP
#include <linux/dcache.h>
#include <linux/stringhash.h>
static inline struct dentry *d_hash_and_lookup(struct dentry *parent, struct qstr *name)
{
	name->hash = full_name_hash(parent, name->name, name->len);
	return d_lookup(parent, name);
}
#endif

/*
 * What ->d_automount returns. It used to want a second reference, lest the mount expire
 * before it was used.
 */
#include <linux/mount.h>
static inline struct vfsmount *qtfs_automount(struct vfsmount *mnt)
{
#ifndef QTFS_HAVE_FC_MOUNT_LONGTERM
	mntget(mnt);
#endif
	return mnt;
}

#ifdef QTFS_HAVE_PARSE_FS_STRING_LEN
#include <linux/fs_context.h>
static inline int qtfs_vfs_parse_fs_string(struct fs_context *fc, const char *key,
					   const char *value)
{
	return vfs_parse_fs_string(fc, key, value, value ? strlen(value) : 0);
}

#define vfs_parse_fs_string qtfs_vfs_parse_fs_string
#endif

/*
 * fsparam_uid() and fsparam_gid(): take the value with qtfs_parsed_uid() and
 * qtfs_parsed_gid(), which refuse an id that the mounter's namespace lacks.
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#ifndef QTFS_HAVE_FSPARAM_UID
#define fsparam_uid(name, opt) fsparam_u32(name, opt)
#define fsparam_gid(name, opt) fsparam_u32(name, opt)
#endif

static inline int qtfs_parsed_uid(struct fs_context *fc,
				  const struct fs_parse_result *result, kuid_t *uid)
{
#ifdef QTFS_HAVE_FSPARAM_UID
	*uid = result->uid;
#else
	*uid = make_kuid(fc->user_ns, result->uint_32);
#endif
	return uid_valid(*uid) ? 0 : -EINVAL;
}

static inline int qtfs_parsed_gid(struct fs_context *fc,
				  const struct fs_parse_result *result, kgid_t *gid)
{
#ifdef QTFS_HAVE_FSPARAM_UID
	*gid = result->gid;
#else
	*gid = make_kgid(fc->user_ns, result->uint_32);
#endif
	return gid_valid(*gid) ? 0 : -EINVAL;
}

/* static const struct xattr_handler *QTFS_XATTR_CONST handlers[] = { ... }; */
#ifdef QTFS_HAVE_XATTR_CONST
#define QTFS_XATTR_CONST const
#else
#define QTFS_XATTR_CONST
#endif

#ifndef QTFS_HAVE_SPLICE_COPY_FILE_RANGE
#include <linux/fs.h>
static inline ssize_t splice_copy_file_range(struct file *in, loff_t from, struct file *out,
					     loff_t to, size_t len)
{
	return generic_copy_file_range(in, from, out, to, len, 0);
}
#endif

/* .setlease = QTFS_NOSETLEASE refuses leases; NULL alone does so from 7.0 on. */
#ifdef QTFS_HAVE_NOSETLEASE
#define QTFS_NOSETLEASE simple_nosetlease
#else
#define QTFS_NOSETLEASE NULL
#endif

/*
 * Fields of a file lock, to read and to write: qtfs_flc(fl, type) is fl->c.flc_type
 * or fl->fl_type; flags, pid, owner, file, link and wait likewise.
 */
#ifdef QTFS_HAVE_FILE_LOCK_CORE
#define qtfs_flc(fl, field) ((fl)->c.flc_##field)
#define qtfs_for_each_posix_lock(fl, ctx) list_for_each_entry(fl, &(ctx)->flc_posix, c.flc_list)
#define qtfs_for_each_flock(fl, ctx) list_for_each_entry(fl, &(ctx)->flc_flock, c.flc_list)
#else
#include <linux/fs.h>
#define qtfs_flc(fl, field) ((fl)->fl_##field)
#define qtfs_for_each_posix_lock(fl, ctx) list_for_each_entry(fl, &(ctx)->flc_posix, fl_list)
#define qtfs_for_each_flock(fl, ctx) list_for_each_entry(fl, &(ctx)->flc_flock, fl_list)
#define lock_is_unlock(fl) ((fl)->fl_type == F_UNLCK)
#define lock_is_read(fl) ((fl)->fl_type == F_RDLCK)
#define lock_is_write(fl) ((fl)->fl_type == F_WRLCK)
#endif

/* ->fileattr_get and ->fileattr_set; compat/include has the struct for 5.10. */
#ifndef QTFS_HAVE_FILE_KATTR
#include <linux/fs.h>
#include <linux/fileattr.h>
#define file_kattr fileattr
#endif

#endif
