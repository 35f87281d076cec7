/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions that go into a table of the VFS and whose prototype has changed.
 * They are written as the newest kernel has them; one line gives each a double
 * that this kernel can call, and the table names the double:
 *
 *	static struct dentry *qtfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
 *					 struct dentry *dentry, umode_t mode)
 *	{
 *		...
 *	}
 *
 *	QTFS_DEFINE_MKDIR(qtfs_mkdir);
 *
 *	const struct inode_operations qtfs_dir_iops = {
 *		.mkdir = QTFS_OP(qtfs_mkdir),
 *
 * A static function is compiled into its double, so that this costs nothing.
 */
#ifndef QTFS_COMPAT_OPS_H
#define QTFS_COMPAT_OPS_H

#include <linux/build_bug.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/pagemap.h>

#define QTFS_OP(fn) fn##_op

#define QTFS_DOUBLE(type, fn, params, call) \
	static type fn##_op params { return call; } \
	static_assert(true)

#if defined(QTFS_HAVE_IDMAP) || defined(QTFS_HAVE_IDMAP_USERNS)
#define QTFS_IDMAP_PARAM struct mnt_idmap *idmap,
#define QTFS_IDMAP idmap
#else
#define QTFS_IDMAP_PARAM
#define QTFS_IDMAP (&nop_mnt_idmap)
#endif

/* struct inode_operations */

#define QTFS_DEFINE_PERMISSION(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *inode, int mask), \
		    fn(QTFS_IDMAP, inode, mask))

#define QTFS_DEFINE_SYMLINK(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *dir, struct dentry *dentry, \
		     const char *target), \
		    fn(QTFS_IDMAP, dir, dentry, target))

#define QTFS_DEFINE_MKNOD(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *dir, struct dentry *dentry, \
		     umode_t mode, dev_t dev), \
		    fn(QTFS_IDMAP, dir, dentry, mode, dev))

#define QTFS_DEFINE_RENAME(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *old_dir, struct dentry *old_dentry, \
		     struct inode *new_dir, struct dentry *new_dentry, \
		     unsigned int flags), \
		    fn(QTFS_IDMAP, old_dir, old_dentry, new_dir, new_dentry, flags))

#define QTFS_DEFINE_SETATTR(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct dentry *dentry, struct iattr *attr), \
		    fn(QTFS_IDMAP, dentry, attr))

#define QTFS_DEFINE_GETATTR(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM const struct path *path, struct kstat *stat, \
		     u32 mask, unsigned int flags), \
		    fn(QTFS_IDMAP, path, stat, mask, flags))

#ifdef QTFS_HAVE_CREATE_NO_EXCL
#define QTFS_CREATE_EXCL
#else
#define QTFS_CREATE_EXCL , bool excl
#endif

#define QTFS_DEFINE_CREATE(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *dir, struct dentry *dentry, \
		     umode_t mode QTFS_CREATE_EXCL), \
		    fn(QTFS_IDMAP, dir, dentry, mode))

#ifdef QTFS_HAVE_MKDIR_DENTRY
#define QTFS_MKDIR_TYPE struct dentry *
#define qtfs_mkdir_result(dentry) (dentry)
#else
#define QTFS_MKDIR_TYPE int
/* An older VFS looks for itself where it wants the directory's other dentry. */
static inline int qtfs_mkdir_result(struct dentry *dentry)
{
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	dput(dentry);
	return 0;
}
#endif

#define QTFS_DEFINE_MKDIR(fn) \
	QTFS_DOUBLE(QTFS_MKDIR_TYPE, fn, \
		    (QTFS_IDMAP_PARAM struct inode *dir, struct dentry *dentry, \
		     umode_t mode), \
		    qtfs_mkdir_result(fn(QTFS_IDMAP, dir, dentry, mode)))

#ifdef QTFS_HAVE_TMPFILE_FILE
#define QTFS_DEFINE_TMPFILE(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *dir, struct file *file, umode_t mode), \
		    fn(QTFS_IDMAP, dir, file, mode))
#else
/*
 * Here ->tmpfile only makes the inode, and the VFS opens the file afterwards: the
 * function is given a file that has a dentry and nothing else.
 */
static inline void qtfs_d_tmpfile(struct file *file, struct inode *inode)
{
	d_tmpfile(file->f_path.dentry, inode);
}

#define d_tmpfile qtfs_d_tmpfile

static inline int finish_open_simple(struct file *file, int error)
{
	return error;
}

#define QTFS_DEFINE_TMPFILE(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *dir, struct dentry *dentry, \
		     umode_t mode), \
		    fn(QTFS_IDMAP, dir, \
		       &(struct file){ .f_path.dentry = dentry }, mode))
#endif

#if defined(QTFS_HAVE_GET_INODE_ACL) || defined(QTFS_HAVE_GET_ACL_RCU)
#define QTFS_DEFINE_GET_INODE_ACL(fn) \
	QTFS_DOUBLE(struct posix_acl *, fn, \
		    (struct inode *inode, int type, bool rcu), \
		    fn(inode, type, rcu))
#else
#define QTFS_DEFINE_GET_INODE_ACL(fn) \
	QTFS_DOUBLE(struct posix_acl *, fn, \
		    (struct inode *inode, int type), \
		    fn(inode, type, false))
#endif

#ifdef QTFS_HAVE_GET_INODE_ACL
#define QTFS_DEFINE_SET_ACL(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct dentry *dentry, struct posix_acl *acl, \
		     int type), \
		    fn(QTFS_IDMAP, dentry, acl, type))
#else
static inline int qtfs_set_acl(int (*fn)(struct mnt_idmap *idmap, struct dentry *dentry,
					 struct posix_acl *acl, int type),
			       struct mnt_idmap *idmap, struct inode *inode,
			       struct posix_acl *acl, int type)
{
	struct dentry *dentry = d_find_any_alias(inode);
	int ret;

	if (!dentry)
		return -ESTALE;
	ret = fn(idmap, dentry, acl, type);
	dput(dentry);
	return ret;
}

#define QTFS_DEFINE_SET_ACL(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct inode *inode, struct posix_acl *acl, \
		     int type), \
		    qtfs_set_acl(fn, QTFS_IDMAP, inode, acl, type))
#endif

#ifdef QTFS_HAVE_FILEATTR
#define QTFS_DEFINE_FILEATTR_GET(fn) \
	QTFS_DOUBLE(int, fn, (struct dentry *dentry, struct file_kattr *fa), fn(dentry, fa))
#define QTFS_DEFINE_FILEATTR_SET(fn) \
	QTFS_DOUBLE(int, fn, \
		    (QTFS_IDMAP_PARAM struct dentry *dentry, struct file_kattr *fa), \
		    fn(QTFS_IDMAP, dentry, fa))
/* Both fields, without a comma. */
#define QTFS_FILEATTR_OPS(get, set) \
	.fileattr_get = QTFS_OP(get), .fileattr_set = QTFS_OP(set),
#else
#define QTFS_DEFINE_FILEATTR_GET(fn) \
	static int (*const fn##_op)(struct dentry *, struct file_kattr *) __maybe_unused = fn
#define QTFS_DEFINE_FILEATTR_SET(fn) \
	static int (*const fn##_op)(struct mnt_idmap *, struct dentry *, \
				    struct file_kattr *) __maybe_unused = fn
#define QTFS_FILEATTR_OPS(get, set)
#endif

/* struct dentry_operations */

#ifdef QTFS_HAVE_D_REVALIDATE_NAME
#define QTFS_DEFINE_D_REVALIDATE(fn) \
	QTFS_DOUBLE(int, fn, \
		    (struct inode *dir, const struct qstr *name, struct dentry *dentry, \
		     unsigned int flags), \
		    fn(dir, name, dentry, flags))
#else
/*
 * Under RCU the name may change while it is read, as it always could here: the
 * walk finds out afterwards and starts again.
 */
static inline int qtfs_d_revalidate(int (*fn)(struct inode *dir, const struct qstr *name,
					      struct dentry *dentry, unsigned int flags),
				    struct dentry *dentry, unsigned int flags)
{
	struct name_snapshot name;
	struct dentry *parent;
	int ret;

	if (flags & LOOKUP_RCU) {
		struct inode *dir = d_inode_rcu(READ_ONCE(dentry->d_parent));

		return dir ? fn(dir, &dentry->d_name, dentry, flags) : -ECHILD;
	}

	parent = dget_parent(dentry);
	take_dentry_name_snapshot(&name, dentry);
	ret = fn(d_inode(parent), &name.name, dentry, flags);
	release_dentry_name_snapshot(&name);
	dput(parent);
	return ret;
}

#define QTFS_DEFINE_D_REVALIDATE(fn) \
	QTFS_DOUBLE(int, fn, \
		    (struct dentry *dentry, unsigned int flags), \
		    qtfs_d_revalidate(fn, dentry, flags))
#endif

/* struct xattr_handler */

#define QTFS_DEFINE_XATTR_SET(fn) \
	QTFS_DOUBLE(int, fn, \
		    (const struct xattr_handler *handler, QTFS_IDMAP_PARAM \
		     struct dentry *dentry, struct inode *inode, const char *name, \
		     const void *value, size_t size, int flags), \
		    fn(handler, QTFS_IDMAP, dentry, inode, name, value, size, flags))

/* struct dir_context */

#ifdef QTFS_HAVE_FILLDIR_BOOL
#define QTFS_FILLDIR_TYPE bool
#define QTFS_FILLDIR_RESULT(more) (more)
#else
#define QTFS_FILLDIR_TYPE int
#define QTFS_FILLDIR_RESULT(more) ((more) ? 0 : -EINVAL)
#endif

#define QTFS_DEFINE_FILLDIR(fn) \
	QTFS_DOUBLE(QTFS_FILLDIR_TYPE, fn, \
		    (struct dir_context *ctx, const char *name, int len, loff_t pos, \
		     u64 ino, unsigned int type), \
		    QTFS_FILLDIR_RESULT(fn(ctx, name, len, pos, ino, type)))

/* struct address_space_operations */

#ifdef QTFS_HAVE_READ_FOLIO

#define QTFS_DEFINE_READ_FOLIO(fn) \
	QTFS_DOUBLE(int, fn, (struct file *file, struct folio *folio), fn(file, folio))

#define QTFS_DEFINE_DIRTY_FOLIO(fn) \
	QTFS_DOUBLE(bool, fn, (struct address_space *mapping, struct folio *folio), \
		    fn(mapping, folio))

#define QTFS_DEFINE_RELEASE_FOLIO(fn) \
	QTFS_DOUBLE(bool, fn, (struct folio *folio, gfp_t gfp), fn(folio, gfp))

#define QTFS_DEFINE_LAUNDER_FOLIO(fn) \
	QTFS_DOUBLE(int, fn, (struct folio *folio), fn(folio))

#define QTFS_DEFINE_INVALIDATE_FOLIO(fn) \
	static void fn##_op(struct folio *folio, size_t offset, size_t size) \
	{ fn(folio, offset, size); } \
	static_assert(true)

#define filemap_dirty_folio_op filemap_dirty_folio
#define filemap_migrate_folio_op filemap_migrate_folio

#else

#define read_folio readpage
#define dirty_folio set_page_dirty
#define release_folio releasepage
#define launder_folio launder_page
#define invalidate_folio invalidatepage
#define migrate_folio migratepage

#define QTFS_DEFINE_READ_FOLIO(fn) \
	QTFS_DOUBLE(int, fn, (struct file *file, struct page *page), \
		    fn(file, page_folio(page)))

#define QTFS_DEFINE_DIRTY_FOLIO(fn) \
	QTFS_DOUBLE(int, fn, (struct page *page), fn(page_mapping(page), page_folio(page)))

#define QTFS_DEFINE_RELEASE_FOLIO(fn) \
	QTFS_DOUBLE(int, fn, (struct page *page, gfp_t gfp), fn(page_folio(page), gfp))

#define QTFS_DEFINE_LAUNDER_FOLIO(fn) \
	QTFS_DOUBLE(int, fn, (struct page *page), fn(page_folio(page)))

#define QTFS_DEFINE_INVALIDATE_FOLIO(fn) \
	static void fn##_op(struct page *page, unsigned int offset, unsigned int size) \
	{ fn(page_folio(page), offset, size); } \
	static_assert(true)

#define filemap_dirty_folio_op __set_page_dirty_nobuffers
#ifdef CONFIG_MIGRATION
#define filemap_migrate_folio_op migrate_page
#else
#define filemap_migrate_folio_op NULL
#endif

#endif

#ifdef QTFS_HAVE_WRITE_BEGIN_KIOCB

#define QTFS_DEFINE_WRITE_BEGIN(fn) \
	QTFS_DOUBLE(int, fn, \
		    (const struct kiocb *iocb, struct address_space *mapping, loff_t pos, \
		     unsigned int len, struct folio **folio, void **data), \
		    fn(iocb, mapping, pos, len, folio, data))

#define QTFS_DEFINE_WRITE_END(fn) \
	QTFS_DOUBLE(int, fn, \
		    (const struct kiocb *iocb, struct address_space *mapping, loff_t pos, \
		     unsigned int len, unsigned int copied, struct folio *folio, \
		     void *data), \
		    fn(iocb, mapping, pos, len, copied, folio, data))

#else

/* The function is given a kiocb that has a file and nothing else. */
#define QTFS_FILE_IOCB(file) (&(const struct kiocb){ .ki_filp = (file) })

#ifdef QTFS_HAVE_WRITE_BEGIN_FOLIO

#define QTFS_DEFINE_WRITE_BEGIN(fn) \
	QTFS_DOUBLE(int, fn, \
		    (struct file *file, struct address_space *mapping, loff_t pos, \
		     unsigned int len, struct folio **folio, void **data), \
		    fn(QTFS_FILE_IOCB(file), mapping, pos, len, folio, data))

#define QTFS_DEFINE_WRITE_END(fn) \
	QTFS_DOUBLE(int, fn, \
		    (struct file *file, struct address_space *mapping, loff_t pos, \
		     unsigned int len, unsigned int copied, struct folio *folio, \
		     void *data), \
		    fn(QTFS_FILE_IOCB(file), mapping, pos, len, copied, folio, data))

#else

static inline int qtfs_write_begin(int (*fn)(const struct kiocb *iocb,
					     struct address_space *mapping, loff_t pos,
					     unsigned int len, struct folio **folio,
					     void **data),
				   struct file *file, struct address_space *mapping,
				   loff_t pos, unsigned int len, struct page **page,
				   void **data)
{
	struct folio *folio;
	int ret = fn(QTFS_FILE_IOCB(file), mapping, pos, len, &folio, data);

	if (!ret)
		*page = folio_file_page(folio, pos >> PAGE_SHIFT);
	return ret;
}

#ifdef QTFS_HAVE_WRITE_BEGIN_FLAGS
#define QTFS_WRITE_BEGIN_FLAGS unsigned int flags,
#else
#define QTFS_WRITE_BEGIN_FLAGS
#endif

#define QTFS_DEFINE_WRITE_BEGIN(fn) \
	QTFS_DOUBLE(int, fn, \
		    (struct file *file, struct address_space *mapping, loff_t pos, \
		     unsigned int len, QTFS_WRITE_BEGIN_FLAGS struct page **page, \
		     void **data), \
		    qtfs_write_begin(fn, file, mapping, pos, len, page, data))

#define QTFS_DEFINE_WRITE_END(fn) \
	QTFS_DOUBLE(int, fn, \
		    (struct file *file, struct address_space *mapping, loff_t pos, \
		     unsigned int len, unsigned int copied, struct page *page, \
		     void *data), \
		    fn(QTFS_FILE_IOCB(file), mapping, pos, len, copied, \
		       page_folio(page), data))

#endif
#endif
#endif
