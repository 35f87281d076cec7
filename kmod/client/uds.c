// SPDX-License-Identifier: GPL-2.0
/*
 * Unix sockets on a mount: /dev/qtfs_uds, see common/uds.h.
 *
 * connect(2) asks for MAY_WRITE on the inode of a socket's file, then looks for who
 * is bound to that inode.  So ->permission is the place to have somebody bound before
 * the kernel looks (qtfs_uds_connect()): no call is hooked.
 *
 * bind(2) makes a name by ->mknod and binds to the inode that the name then has.  So
 * there is a directory, for one socket each, whose ->mknod gives a name to an inode
 * that exists.  It is an ordinary inode of the super block that is in no table, under
 * a dentry that is in no tree, and is reached by a descriptor only, over a mount of
 * its own: who is bound there pins the super block but not the mount that users see.
 *
 * Asks.  One for each program that waits, in the list from its beginning until its
 * program takes it out; the program has a reference, and so has an ioctl while it
 * works on it.  uds.lock protects the list and the flags; nothing sleeps under it.
 * Without an open device, or without an answer in ASK_TIMEOUT, connect(2) goes on and
 * finds what there is: nobody, ECONNREFUSED, as with a dead local socket.
 *
 * Made.  A socket that a program of this machine makes on a mount is its own here, and
 * nobody's on the server, unless udsproxyd listens there: it is told.  The inode is in
 * one of two lists from then on, until it goes; who opens the device later is told of
 * all of them.
 *
 * Names.  qtfs_inode.uds_names counts those in such directories: while there is one,
 * somebody is bound, or about to be.  The name is unhashed, so that nobody who looks
 * for a name of the inode finds it, and goes with the socket (qtfs_uds_name_gone()).
 */
#include "qtfs.h"

#include <linux/file.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "uds.h"

#define ASK_TIMEOUT	(10 * HZ)

struct ask {
	struct kref ref;
	struct list_head list;
	u64 id;
	bool told;			/* udsproxyd has read it */
	struct inode *inode;		/* the waiting program's reference */
	struct completion done;
	struct qtfs_uds_event event;
};

static struct {
	spinlock_t lock;		/* all below; a leaf */
	struct list_head asks;
	struct list_head made;		/* inodes that udsproxyd hasn't been told of */
	struct list_head made_told;	/* those that it has */
	u64 last_id;
	bool open;
	struct pid *owner;		/* who has it open */
	wait_queue_head_t wait;		/* for events to read */
} uds = {
	.lock = __SPIN_LOCK_UNLOCKED(uds.lock),
	.asks = LIST_HEAD_INIT(uds.asks),
	.made = LIST_HEAD_INIT(uds.made),
	.made_told = LIST_HEAD_INIT(uds.made_told),
	.wait = __WAIT_QUEUE_HEAD_INITIALIZER(uds.wait),
};

static void ask_free(struct kref *ref)
{
	kfree(container_of(ref, struct ask, ref));
}

static void ask_put(struct ask *ask)
{
	kref_put(&ask->ref, ask_free);
}

/* Returns the ask of that number, or NULL.  Under uds.lock. */
static struct ask *ask_find(u64 id)
{
	struct ask *ask;

	list_for_each_entry(ask, &uds.asks, list)
		if (ask->id == id && ask->told)
			return ask;
	return NULL;
}

/*
 * Returns the inode that ask number @id is about, with a reference, or an ERR_PTR().
 * The caller keeps its super block, @sb, alive; if it's another one, nobody does, but
 * for the program that waits.
 */
static struct inode *asked_inode(u64 id, const struct super_block *sb)
{
	struct inode *inode = ERR_PTR(-ENOENT);
	struct ask *ask;

	spin_lock(&uds.lock);
	ask = ask_find(id);
	if (ask && ask->inode->i_sb != sb) {
		inode = ERR_PTR(-EXDEV);
	} else if (ask) {
		inode = ask->inode;
		ihold(inode);
	}
	spin_unlock(&uds.lock);
	return inode;
}

/* Likewise of a socket that was made here. */
static struct inode *made_inode(u64 id, const struct super_block *sb)
{
	struct inode *inode = ERR_PTR(-ENOENT);
	struct qtfs_inode *qi;

	spin_lock(&uds.lock);
	list_for_each_entry(qi, &uds.made_told, uds_made)
		if (qi->uds_id == id) {
			if (qi->vfs_inode.i_sb != sb)
				inode = ERR_PTR(-EXDEV);
			else
				inode = igrab(&qi->vfs_inode) ?: inode;
			break;
		}
	spin_unlock(&uds.lock);
	return inode;
}

/* ---- the directory ---- */

static int name_socket(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, dev_t rdev)
{
	struct inode *inode = dir->i_private;

	if (!S_ISSOCK(mode))
		return -EPERM;
	ihold(inode);
	atomic_inc(&qtfs_i(inode)->uds_names);
	d_instantiate(dentry, inode);
	d_drop(dentry);
	return 0;
}

QTFS_DEFINE_MKNOD(name_socket);

static const struct inode_operations hidden_dir_ops = {
	.lookup = simple_lookup,
	.mknod = QTFS_OP(name_socket),
};

/* From ->d_iput: @dentry, a name of @inode, is no more. */
void qtfs_uds_name_gone(const struct dentry *dentry, struct inode *inode)
{
	const struct inode *dir = d_inode(dentry->d_parent);

	if (S_ISSOCK(inode->i_mode) && dir && dir->i_op == &hidden_dir_ops)
		atomic_dec(&qtfs_i(inode)->uds_names);
}

/* From ->evict_inode. */
void qtfs_uds_evict(struct inode *inode)
{
	if (inode->i_op == &hidden_dir_ops) {
		iput(inode->i_private);
	} else if (!list_empty_careful(&qtfs_i(inode)->uds_made)) {
		spin_lock(&uds.lock);
		list_del_init(&qtfs_i(inode)->uds_made);
		spin_unlock(&uds.lock);
	}
}

/* A directory for names of @socket, without a name of its own. */
static struct dentry *hidden_dir(struct inode *socket)
{
	struct inode *inode = new_inode(socket->i_sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFDIR | 0700;
	inode->i_op = &hidden_dir_ops;
	inode->i_private = socket;
	ihold(socket);
	return d_make_root(inode) ?: ERR_PTR(-ENOMEM);
}

/* The name that a socket of this machine was made by, or has now. */
static struct dentry *own_name(struct inode *socket)
{
	return d_find_alias(socket) ?: ERR_PTR(-ENOENT);
}

/* ---- the device ---- */

/* Fills in where @inode is on the server, by any of its names. */
static int fill_event(struct qtfs_uds_event *event, struct inode *inode)
{
	const char *below = qtfs_super(inode->i_sb)->below;
	const char *root = qtfs_sb(inode->i_sb)->path;
	size_t prefix = strcmp(root, "/") ? strlen(root) : 0;
	struct dentry *dentry;
	char *path;
	size_t len;

	if (prefix >= sizeof(event->path))
		return -ENAMETOOLONG;
	dentry = d_find_alias(inode);
	if (!dentry)
		return -ENOENT;
	/* Written at the end of the buffer. */
	path = qtfs_path_below(dentry, event->path + prefix, sizeof(event->path) - prefix);
	dput(dentry);
	if (IS_ERR(path))
		return PTR_ERR(path);
	len = strlen(path);
	memmove(event->path + prefix, path, len + 1);
	memcpy(event->path, root, prefix);
	memset(event->path + prefix + len, 0, sizeof(event->path) - prefix - len);

	event->major = MAJOR(inode->i_sb->s_dev);
	event->minor = MINOR(inode->i_sb->s_dev);
	event->ino = inode->i_ino;
	event->prefix = prefix + strlen(below);
	event->path_len = prefix + len;
	return 0;
}

/*
 * What an event is about: for those who wait a directory for names of the socket, for
 * one that was made here its file.
 */
struct subject {
	struct inode *(*inode)(u64 id, const struct super_block *sb);
	struct dentry *(*dentry)(struct inode *socket);
};

static const struct subject subject_dir = { asked_inode, hidden_dir };
static const struct subject subject_file = { made_inode, own_name };

/*
 * Opens @dentry, whose reference it takes, over a mount like that of @on, which isn't
 * busy for it.
 */
static struct file *open_private(struct dentry *dentry, const struct file *on)
{
	struct path path = { .mnt = clone_private_mount(&on->f_path), .dentry = dentry };
	struct file *file = ERR_CAST(path.mnt);

	if (!IS_ERR(path.mnt)) {
		file = dentry_open(&path, O_PATH, current_cred());
		/* From now on it lives for as long as somebody uses it. */
		kern_unmount(path.mnt);
	}
	dput(dentry);
	return file;
}

static struct file *open_subject(const struct subject *subject, u64 id, const struct file *on)
{
	struct inode *inode = subject->inode(id, file_inode(on)->i_sb);
	struct dentry *dentry;

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	dentry = subject->dentry(inode);
	iput(inode);
	return IS_ERR(dentry) ? ERR_CAST(dentry) : open_private(dentry, on);
}

static int install_subject(const struct subject *subject, u64 id, const struct file *on)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = open_subject(subject, id, on);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static long uds_open_subject(const struct subject *subject, const struct qtfs_uds_dir __user *user)
{
	struct qtfs_uds_dir arg;
	struct file *on;
	int fd;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.pad)
		return -EINVAL;
	on = fget_raw(arg.mount);
	if (!on)
		return -EBADF;
	fd = install_subject(subject, arg.id, on);
	fput(on);
	return fd;
}

static long uds_done(const u64 __user *user)
{
	struct ask *ask;
	u64 id;

	if (copy_from_user(&id, user, sizeof(id)))
		return -EFAULT;
	spin_lock(&uds.lock);
	ask = ask_find(id);
	if (ask)
		complete(&ask->done);
	spin_unlock(&uds.lock);
	return ask ? 0 : -ENOENT;
}

static long uds_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case QTFS_UDS_DIR:
		return uds_open_subject(&subject_dir, (const void __user *)arg);
	case QTFS_UDS_FILE:
		return uds_open_subject(&subject_file, (const void __user *)arg);
	case QTFS_UDS_DONE:
		return uds_done((const void __user *)arg);
	default:
		return -ENOTTY;
	}
}

/* Returns the oldest ask that udsproxyd hasn't read, with a reference, and marks it. */
static struct ask *next_untold(void)
{
	struct ask *ask;

	spin_lock(&uds.lock);
	list_for_each_entry(ask, &uds.asks, list)
		if (!ask->told) {
			ask->told = true;
			kref_get(&ask->ref);
			spin_unlock(&uds.lock);
			return ask;
		}
	spin_unlock(&uds.lock);
	return NULL;
}

/* Returns the next socket that udsproxyd hasn't been told of, with a reference. */
static struct inode *next_made(u64 *id)
{
	struct inode *inode = NULL;
	struct qtfs_inode *qi;

	spin_lock(&uds.lock);
	while (!inode && !list_empty(&uds.made)) {
		qi = list_first_entry(&uds.made, struct qtfs_inode, uds_made);
		list_move_tail(&qi->uds_made, &uds.made_told);
		inode = igrab(&qi->vfs_inode);	/* unless it goes, just now */
		qi->uds_id = ++uds.last_id;
		*id = qi->uds_id;
	}
	spin_unlock(&uds.lock);
	return inode;
}

static ssize_t read_made(char __user *buf)
{
	struct qtfs_uds_event *event = kzalloc(sizeof(*event), GFP_KERNEL);
	ssize_t n = -EAGAIN;
	struct inode *inode;
	u64 id;

	if (!event)
		return -ENOMEM;
	while (n == -EAGAIN && (inode = next_made(&id)) != NULL) {
		event->kind = QTFS_UDS_MADE;
		event->id = id;
		if (!fill_event(event, inode))	/* or it has no name any more */
			n = copy_to_user(buf, event, sizeof(*event)) ? -EFAULT : sizeof(*event);
		iput(inode);
	}
	kfree(event);
	return n;
}

static ssize_t uds_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct ask *ask;
	ssize_t n = sizeof(ask->event);

	if (size < n)
		return -EINVAL;
	ask = next_untold();
	if (!ask)
		return read_made(buf);
	if (copy_to_user(buf, &ask->event, n)) {
		complete(&ask->done);	/* nobody will know of it */
		n = -EFAULT;
	}
	ask_put(ask);
	return n;
}

static __poll_t uds_poll(struct file *file, poll_table *wait)
{
	__poll_t events = 0;
	struct ask *ask;

	poll_wait(file, &uds.wait, wait);
	spin_lock(&uds.lock);
	if (!list_empty(&uds.made))
		events = EPOLLIN | EPOLLRDNORM;
	list_for_each_entry(ask, &uds.asks, list)
		if (!ask->told)
			events = EPOLLIN | EPOLLRDNORM;
	spin_unlock(&uds.lock);
	return events;
}

static int uds_open(struct inode *inode, struct file *file)
{
	int error = 0;

	spin_lock(&uds.lock);
	if (uds.open) {
		error = -EBUSY;
	} else {
		uds.open = true;
		uds.owner = get_pid(task_tgid(current));
		list_splice_init(&uds.made_told, &uds.made);
	}
	spin_unlock(&uds.lock);
	return error;
}

/* Who waits goes on: nobody will answer. */
static int uds_release(struct inode *inode, struct file *file)
{
	struct ask *ask;

	spin_lock(&uds.lock);
	uds.open = false;
	put_pid(uds.owner);
	uds.owner = NULL;
	list_for_each_entry(ask, &uds.asks, list)
		complete(&ask->done);
	spin_unlock(&uds.lock);
	return 0;
}

static const struct file_operations uds_ops = {
	.owner = THIS_MODULE,
	.open = uds_open,
	.release = uds_release,
	.read = uds_read,
	.poll = uds_poll,
	.unlocked_ioctl = uds_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice uds_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qtfs_uds",
	.mode = 0600,
	.fops = &uds_ops,
};

int qtfs_uds_init(void)
{
	return misc_register(&uds_device);
}

void qtfs_uds_exit(void)
{
	misc_deregister(&uds_device);
}

/* ---- programs that bind ---- */

/* A program makes the socket @inode, and is about to bind to it. */
void qtfs_uds_made(struct inode *inode)
{
	spin_lock(&uds.lock);
	list_move_tail(&qtfs_i(inode)->uds_made, &uds.made);
	spin_unlock(&uds.lock);
	wake_up_interruptible(&uds.wait);
}

/* ---- programs that connect ---- */

/* Returns whether somebody is there to be asked. */
static bool ask_add(struct ask *ask)
{
	bool open;

	spin_lock(&uds.lock);
	/* Who answers can't wait for an answer. */
	open = uds.open && uds.owner != task_tgid(current);
	if (open) {
		ask->id = ++uds.last_id;
		ask->event.id = ask->id;
		list_add_tail(&ask->list, &uds.asks);
	}
	spin_unlock(&uds.lock);
	if (open)
		wake_up_interruptible(&uds.wait);
	return open;
}

static int ask_and_wait(struct inode *inode)
{
	struct ask *ask = kzalloc(sizeof(*ask), GFP_KERNEL);
	long left = 0;

	if (!ask)
		return -ENOMEM;
	kref_init(&ask->ref);
	init_completion(&ask->done);
	ask->inode = inode;
	if (!fill_event(&ask->event, inode) && ask_add(ask)) {
		left = wait_for_completion_killable_timeout(&ask->done, ASK_TIMEOUT);
		spin_lock(&uds.lock);
		list_del(&ask->list);
		spin_unlock(&uds.lock);
	}
	ask_put(ask);
	return left < 0 ? -EINTR : 0;
}

/*
 * A program may be about to connect to the socket @inode: sees to it that somebody
 * listens.  Sleeps.  Returns 0 whatever came of it, or -EINTR.
 */
int qtfs_uds_connect(struct inode *inode)
{
	if (!READ_ONCE(uds.open) || atomic_read(&qtfs_i(inode)->uds_names) ||
	    !list_empty_careful(&qtfs_i(inode)->uds_made))
		return 0;
	return ask_and_wait(inode);
}
