// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/qtfs: mounts and processes of the server, see common/ctl.h.
 *
 * What is mounted on the server is mounted here when somebody walks into it (submount.c).
 * So once one has come or gone, all that is known of names is asked for again; and whoever
 * has mounted something walks into it, so that it's in this machine's list at once.
 */
#include "qtfs.h"

#include <linux/capability.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "ctl.h"
#include "frame.h"

/* A name on a mount of qtfs: what is mounted and unmounted at. */
struct place {
	struct path path;
	struct super_block *sb;
	struct dentry *parent;
	struct name_snapshot name;
};

static bool on_qtfs(const struct file *file)
{
	return file_inode(file)->i_sb->s_magic == QTFS_SUPER_MAGIC &&
	       file_inode(file)->i_sb->s_type->owner == THIS_MODULE;
}

/* Goes up from the root of a mount of the server to the name that it is mounted on. */
static int leave_mount(struct path *path)
{
	struct super_block *sb = path->dentry->d_sb;

	if (!qtfs_super(sb)->mountpoint || path->dentry != path->mnt->mnt_root || !follow_up(path))
		return -EINVAL;
	/* Or it's mounted somewhere else as well, by somebody here. */
	if (path->dentry->d_sb->s_op != sb->s_op ||
	    qtfs_i(d_inode(path->dentry))->mountpoint != qtfs_super(sb)->mountpoint)
		return -EINVAL;
	return 0;
}

/* Finds out what place descriptor @fd is. */
static int place_get(struct place *place, int fd)
{
	struct file *file = fget_raw(fd);
	struct dentry *dentry;
	int error = 0;

	if (!file)
		return -EBADF;
	place->path = file->f_path;
	path_get(&place->path);
	if (!on_qtfs(file))
		error = -EINVAL;
	else if (IS_ROOT(place->path.dentry))
		error = leave_mount(&place->path);
	fput(file);
	dentry = place->path.dentry;
	if (!error && d_unlinked(dentry))
		error = -ENOENT;
	else if (!error && !ns_capable(dentry->d_sb->s_user_ns, CAP_SYS_ADMIN))
		error = -EPERM;
	if (error) {
		path_put(&place->path);
		return error;
	}
	place->sb = dentry->d_sb;
	place->parent = dget_parent(dentry);
	take_dentry_name_snapshot(&place->name, dentry);
	return 0;
}

static void place_put(struct place *place)
{
	release_dentry_name_snapshot(&place->name);
	dput(place->parent);
	path_put(&place->path);
}

/* The server's mounts have changed, or may have: whoever is interrupted doesn't know. */
static void mounts_changed(const struct place *place)
{
	qtfs_expire_all(place->sb);
	qtfs_mountpoints_check(qtfs_sb(place->sb));
}

/* Something was mounted at @place: so it is here. */
static void enter_mount(const struct place *place)
{
	struct path path;

	if (!vfs_path_lookup(place->parent, place->path.mnt, place->name.name.name,
			     LOOKUP_AUTOMOUNT, &path))
		path_put(&path);
}

static struct qtfs_name place_name(const struct place *place)
{
	return (struct qtfs_name){ place->name.name.name, place->name.name.len };
}

/* The user's string at @from; NULL: there is none; -ENAMETOOLONG: it has more than @max bytes. */
static char *string_get(u64 from, size_t max)
{
	char *text;

	if (!from)
		return NULL;
	text = strndup_user(u64_to_user_ptr(from), max + 1);
	return text == ERR_PTR(-EINVAL) ? ERR_PTR(-ENAMETOOLONG) : text;
}

/* Gives @rpc the options in @text. */
static int options_set(struct qtfs_rpc *rpc, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!len)
		return 0;
	rpc->out = qtfs_buf_alloc(len, GFP_KERNEL);
	if (!rpc->out)
		return -ENOMEM;
	memcpy(rpc->out->linear, text, len);
	rpc->out_len = len;
	return 0;
}

/* Gives @rpc what is bound or moved; returns its file, NULL if it is nothing, or an ERR_PTR(). */
static struct file *source_set(struct qtfs_rpc *rpc, const struct place *place, int fd)
{
	struct file *file;

	if (fd < 0)
		return NULL;
	file = fget_raw(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	if (!on_qtfs(file) || qtfs_sb(file_inode(file)->i_sb) != qtfs_sb(place->sb)) {
		fput(file);
		return ERR_PTR(-EXDEV);
	}
	rpc->dentry2 = file->f_path.dentry;
	return file;
}

static int mount_at(const struct place *place, const struct qtfs_ctl_mount *args,
		    const char *name, const char *type, const char *options)
{
	struct qtfs_mount body = {
		.flags = cpu_to_le32(args->flags),
		.change = cpu_to_le32(args->change),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_MOUNT,
		.dentry = place->parent,
		.name = { place_name(place), { name, name ? strlen(name) : 0 } },
		.body = &body,
	};
	struct file *source;
	int error;

	if (type)
		memcpy(body.type, type, strlen(type));
	source = source_set(&rpc, place, args->source);
	if (IS_ERR(source))
		return PTR_ERR(source);
	error = options_set(&rpc, options) ?: qtfs_rpc_call(qtfs_session_of(place->sb), &rpc);
	qtfs_buf_put(rpc.out);
	if (source)
		fput(source);
	mounts_changed(place);
	if (!error && qtfs_sb(place->sb)->submounts)
		enter_mount(place);
	return error;
}

static int control_mount(const void __user *arg)
{
	char *name, *type, *options;
	struct qtfs_ctl_mount args;
	struct place place;
	int error;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	/* As mount(2) does: an old way to say that these are flags. */
	if ((args.flags & 0xffff0000u) == 0xc0ed0000u)
		args.flags &= ~0xffff0000u;
	if (!qtfs_mount_flags_ok(args.flags, args.change))
		return -EINVAL;
	error = place_get(&place, args.target);
	if (error)
		return error;
	name = string_get(args.name, QTFS_PATH_MAX);
	type = string_get(args.type, QTFS_MOUNT_TYPE_MAX);
	options = string_get(args.options, QTFS_MOUNT_OPTIONS_MAX);
	if (IS_ERR(name))
		error = PTR_ERR(name);
	else if (IS_ERR(type))
		error = type == ERR_PTR(-ENAMETOOLONG) ? -ENODEV : PTR_ERR(type);
	else if (IS_ERR(options))
		error = options == ERR_PTR(-ENAMETOOLONG) ? -EINVAL : PTR_ERR(options);
	else
		error = mount_at(&place, &args, name, type, options);
	if (!IS_ERR(name))
		kfree(name);
	if (!IS_ERR(type))
		kfree(type);
	if (!IS_ERR(options))
		kfree(options);
	place_put(&place);
	return error;
}

static int control_umount(const void __user *arg)
{
	struct qtfs_ctl_umount args;
	struct qtfs_umount body = {};
	struct qtfs_rpc rpc = { .op = QTFS_OP_UMOUNT, .body = &body };
	struct place place;
	int error;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~QTFS_UMOUNT_ALL)
		return -EINVAL;
	error = place_get(&place, args.target);
	if (error)
		return error;

	body.flags = cpu_to_le32(args.flags);
	rpc.dentry = place.parent;
	rpc.name[0] = place_name(&place);
	/* What nobody has open here any more must not keep it busy. */
	qtfs_deferred_expire(qtfs_sb(place.sb));
	flush_delayed_work(&qtfs_sb(place.sb)->deferred_work);
	error = qtfs_rpc_call(qtfs_session_of(place.sb), &rpc);
	mounts_changed(&place);
	place_put(&place);
	return error;
}

static int control_process(void __user *arg)
{
	struct qtfs_ctl_process args;
	struct qtfs_process_rep rep;
	struct qtfs_process body = {};
	struct qtfs_rpc rpc = { .op = QTFS_OP_PROCESS, .body = &body, .reply = &rep };
	struct file *file;
	int error;

	static_assert(sizeof(args.cpus) == sizeof(body.cpus));
	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	body.what = cpu_to_le32(args.what);
	body.arg = cpu_to_le32(args.arg);
	body.group = cpu_to_le32(args.group);
	body.soft = cpu_to_le64(args.soft);
	body.hard = cpu_to_le64(args.hard);
	memcpy(body.cpus, args.cpus, sizeof(body.cpus));
	if (!qtfs_process_ok(&body))
		return -EINVAL;

	file = fget_raw(args.target);
	if (!file)
		return -EBADF;
	rpc.dentry = file->f_path.dentry;
	error = on_qtfs(file) ? qtfs_rpc_call(qtfs_session_of(rpc.dentry->d_sb), &rpc) : -EINVAL;
	fput(file);
	/* A directory of /proc that isn't there any more is a process that isn't. */
	if (error)
		return error == -ESTALE ? -ESRCH : error;
	args.soft = le64_to_cpu(rep.soft);
	args.hard = le64_to_cpu(rep.hard);
	memcpy(args.cpus, rep.cpus, sizeof(args.cpus));
	return copy_to_user(arg, &args, sizeof(args)) ? -EFAULT : 0;
}

static long control_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case QTFS_CTL_MOUNT:
		return control_mount(user);
	case QTFS_CTL_UMOUNT:
		return control_umount(user);
	case QTFS_CTL_PROCESS:
		return control_process(user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice control_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qtfs",
	.mode = 0666,
	.fops = &control_ops,
};

int qtfs_control_init(void)
{
	return misc_register(&control_device);
}

void qtfs_control_exit(void)
{
	misc_deregister(&control_device);
}
