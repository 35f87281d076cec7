// SPDX-License-Identifier: GPL-2.0
/*
 * Unix sockets that clients have made: /dev/qtfs_server_uds, see common/uds.h.
 *
 * When a client's program binds to a path of a mount, the socket's file is made here,
 * and stays nobody's: udsproxyd has to listen in the program's place.  bind(2) makes
 * a name by ->mknod and binds to the inode that the name then has.  So there is a
 * directory whose ->mknod gives a name to the inode of that very file: what is bound
 * there is found by every program that connects to the file, by any of its names.
 *
 * Each such directory is the root, and all, of a file system of its own, which holds
 * the path of the file, and with it the file's mount: it is busy as it would be with a
 * local program bound there.  It lives until the descriptor of the directory and what
 * is bound in it are closed; nothing else leads to it.  It holds the module.
 *
 * The name's dentry has an inode of another super block.  So it is never hashed, and
 * isn't among the names that the file's own file system knows of the inode: nobody
 * finds it but the socket that is bound to it, whose reference is the only one.
 */
#include "server/qtfsd.h"

#include <linux/fs_context.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "uds.h"

#define UDS_MAGIC	0x55534451

static int name_socket(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, dev_t rdev)
{
	const struct path *socket = dir->i_sb->s_fs_info;
	struct inode *inode = d_inode(socket->dentry);

	if (!S_ISSOCK(mode))
		return -EPERM;
	ihold(inode);
	d_instantiate(dentry, inode);
	d_drop(dentry);
	spin_lock(&inode->i_lock);
	hlist_del_init(&dentry->qtfs_d_alias);
	/* Its end takes it off a list without asking whether it is on one (7.1). */
	hlist_add_fake(&dentry->qtfs_d_alias);
	spin_unlock(&inode->i_lock);
	return 0;
}

QTFS_DEFINE_MKNOD(name_socket);

static const struct inode_operations names_dir_ops = {
	.lookup = simple_lookup,
	.mknod = QTFS_OP(name_socket),
};

static const struct super_operations names_super_ops = {
	.statfs = simple_statfs,
};

static int names_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct inode *inode;

	sb->s_flags |= SB_NOUSER;
	sb->s_magic = UDS_MAGIC;
	sb->s_op = &names_super_ops;
	inode = new_inode(sb);
	if (!inode)
		return -ENOMEM;
	inode->i_ino = 1;
	inode->i_mode = S_IFDIR | 0700;
	inode->i_op = &names_dir_ops;
	sb->s_root = d_make_root(inode);
	return sb->s_root ? 0 : -ENOMEM;
}

static int names_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, names_fill_super);
}

static const struct fs_context_operations names_context_ops = {
	.get_tree = names_get_tree,
};

static int names_init_fs_context(struct fs_context *fc)
{
	fc->ops = &names_context_ops;
	return 0;
}

static void names_kill_sb(struct super_block *sb)
{
	struct path *socket = sb->s_fs_info;

	kill_anon_super(sb);
	if (socket)
		path_put(socket);
	kfree(socket);
}

static struct file_system_type names_type = {
	.owner = THIS_MODULE,
	.name = "qtfs_server_uds",
	.init_fs_context = names_init_fs_context,
	.kill_sb = names_kill_sb,
};

/* Opens a directory for names of @socket. */
static struct file *open_names(const struct path *socket)
{
	struct path *held = kmemdup(socket, sizeof(*socket), GFP_KERNEL);
	struct vfsmount *mnt;
	struct file *file;

	if (!held)
		return ERR_PTR(-ENOMEM);
	mnt = kern_mount(&names_type);
	if (IS_ERR(mnt)) {
		kfree(held);
		return ERR_CAST(mnt);
	}
	path_get(held);
	mnt->mnt_sb->s_fs_info = held;
	file = dentry_open(&(struct path){ .mnt = mnt, .dentry = mnt->mnt_root },
			   O_PATH | O_DIRECTORY, current_cred());
	/* From now on it lives for as long as somebody uses it. */
	kern_unmount(mnt);
	return file;
}

static int install_names(const struct file *socket)
{
	struct file *file;
	int fd;

	/* A file, rather than an open socket. */
	if (!(socket->f_mode & FMODE_PATH) || !S_ISSOCK(file_inode(socket)->i_mode))
		return -ENOTSOCK;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = open_names(&socket->f_path);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static int uds_names(const __s32 __user *arg)
{
	struct file *socket;
	int fd;

	if (get_user(fd, arg))
		return -EFAULT;
	socket = fget_raw(fd);
	if (!socket)
		return -EBADF;
	fd = install_names(socket);
	fput(socket);
	return fd;
}

static long uds_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case QTFS_UDS_NAMES:
		return uds_names((const __s32 __user *)arg);
	case QTFS_UDS_OPEN:
		return qtfsd_ticket_open((const void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations uds_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = uds_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice uds_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qtfs_server_uds",
	.mode = 0600,
	.fops = &uds_fops,
};

int qtfsd_uds_register(void)
{
	return misc_register(&uds_device);
}

/* Neither the device nor a directory is open, or the module would be in use. */
void qtfsd_uds_unregister(void)
{
	misc_deregister(&uds_device);
}
