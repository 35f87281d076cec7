// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts of the server are mounts here.
 *
 * A directory that the server's LOOKUP says is the root of a mount becomes a *mountpoint
 * inode*: of that name alone, never found by device and number, and nothing can be looked up
 * in it.  Whoever walks into it has the VFS call ->d_automount, which makes a super block for
 * what is there and mounts it: as NFS does it.  So it has a line in mountinfo, and is left by
 * rename(2), link(2) and RESOLVE_NO_XDEV as locally.  stat(2) of the name alone mounts nothing.
 *
 * A super block is for one mountpoint inode, not for one file system of the server: the same
 * directory that is mounted in two places has two paths there, of which either may be read-only
 * or refused by the whitelist, and a dentry has one.  Such super blocks are *twins*.  Their
 * pages are two copies, and the server sends no event for what we changed ourselves: so it's
 * told to the others by a work item, as if it had been another client.  st_dev is the same, and
 * so is what mountinfo says (devs.c).
 *
 * Super blocks of a mount share all that is in struct qtfs_sb, the session above all.  The
 * first one lives until all others are dead: they have a reference to it.
 *
 * What has gone on the server: an event says that a place has changed, or that anything may
 * have.  Then the names of the mountpoints that are mounted on are looked up again, by a work
 * item, and what isn't the same any more is invalidated, which unmounts it lazily, wherever it
 * has been mounted.  Nothing is mounted before somebody walks there.
 *
 * They keep no file system of the server busy: their nodes go away as others do.
 *
 * Locks: s_umount > supers_lock; mountpoints_mutex > supers_lock > mountpoints_lock, i_lock.
 * Whoever has supers_lock for reading may hold inodes of the super blocks in the list while he
 * waits for the server: kill_sb() takes its own out of the list before it evicts them.
 */
#include "qtfs.h"

#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>

/* mountinfo calls them "qtfs.host". */
#define SUBTYPE	"host"

static atomic64_t last_mountpoint;

/* ---- super blocks of a mount ---- */

/* How many show what another one shows as well.  Under supers_lock, for writing. */
static void count_twins(struct qtfs_sb *sbi)
{
	const struct qtfs_super *a, *b;
	unsigned int twins = 0;

	list_for_each_entry(a, &sbi->supers, list)
		list_for_each_entry(b, &sbi->supers, list)
			twins += a != b && a->root_dev == b->root_dev;
	WRITE_ONCE(sbi->twins, twins);
}

void qtfs_super_add(struct qtfs_super *super)
{
	down_write(&super->sbi->supers_lock);
	list_add_tail(&super->list, &super->sbi->supers);
	count_twins(super->sbi);
	up_write(&super->sbi->supers_lock);
}

/* Nobody who works on events has an inode of it any more, or will. */
void qtfs_super_del(struct qtfs_super *super)
{
	down_write(&super->sbi->supers_lock);
	list_del_init(&super->list);
	count_twins(super->sbi);
	up_write(&super->sbi->supers_lock);
}

struct twin_change {
	struct llist_node list;
	const struct super_block *sb;	/* where it was made; it may be gone */
	struct qtfs_event event;
};

/* We have changed @inode, and there may be another inode of that file.  Doesn't sleep. */
void qtfs_twins_changed(struct inode *inode)
{
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct twin_change *change;

	if (likely(!READ_ONCE(sbi->twins)) || READ_ONCE(sbi->session->quiet))
		return;
	change = kzalloc(sizeof(*change), GFP_ATOMIC);
	if (!change) {
		set_bit(0, &sbi->session->missed);
		queue_work(qtfs_wq, &sbi->session->notify_work);
		return;
	}
	change->sb = inode->i_sb;
	change->event.ino = cpu_to_le64(inode->i_ino);
	change->event.dev = cpu_to_le32(qtfs_i(inode)->server_dev);
	change->event.gen = cpu_to_le32(qtfs_i(inode)->gen);
	llist_add(&change->list, &sbi->twin_changes);
	queue_work(qtfs_wq, &sbi->twins_work);
}

static void twins_work(struct work_struct *work)
{
	struct qtfs_sb *sbi = container_of(work, struct qtfs_sb, twins_work);
	struct llist_node *list = llist_del_all(&sbi->twin_changes);
	struct twin_change *change, *next;
	struct qtfs_super *super;

	llist_for_each_entry_safe(change, next, list, list) {
		down_read(&sbi->supers_lock);
		list_for_each_entry(super, &sbi->supers, list)
			if (super->sb != change->sb)
				qtfs_notify_twin(super->sb, &change->event);
		up_read(&sbi->supers_lock);
		kfree(change);
	}
}

/* The first super block goes, and no other is left. */
void qtfs_supers_stop(struct qtfs_sb *sbi)
{
	cancel_work_sync(&sbi->mountpoints_work);
	flush_work(&sbi->twins_work);
	qtfs_super_del(&sbi->first);
}

void qtfs_submount_free(struct qtfs_super *super)
{
	kfree(super->below);
	kfree(super);
}

/*
 * Writes the path of @dentry below the root of the whole mount into @buf, of @size bytes,
 * and returns where it begins, with a slash, or an ERR_PTR().
 */
char *qtfs_path_below(struct dentry *dentry, char *buf, int size)
{
	const char *below = qtfs_super(dentry->d_sb)->below;
	int len = strlen(below);
	char *path;

	if (len >= size)
		return ERR_PTR(-ENAMETOOLONG);
	path = dentry_path_raw(dentry, buf + len, size - len);
	if (IS_ERR(path) || !len)
		return path;
	if (!path[1])
		path++;
	return memcpy(path - len, below, len);
}

/* ---- mountpoints ---- */

/* @inode, which nobody knows yet, becomes one. */
void qtfs_mountpoint_add(struct inode *inode)
{
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);

	qi->mountpoint = atomic64_inc_return(&last_mountpoint);
	qi->mountpoint_doubtful = false;
	spin_lock(&sbi->mountpoints_lock);
	list_add_tail(&qi->mountpoints, &sbi->mountpoints);
	spin_unlock(&sbi->mountpoints_lock);
}

/* From ->evict_inode. */
void qtfs_mountpoint_del(struct inode *inode)
{
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);
	struct qtfs_inode *qi = qtfs_i(inode);

	if (!qi->mountpoint)
		return;
	spin_lock(&sbi->mountpoints_lock);
	list_del_init(&qi->mountpoints);
	spin_unlock(&sbi->mountpoints_lock);
}

/*
 * Something was mounted or unmounted where @event says, or, NULL, anywhere: a work item looks
 * at what is mounted there.
 */
void qtfs_mountpoints_doubt(struct qtfs_sb *sbi, const struct qtfs_event *event)
{
	struct qtfs_inode *qi;

	spin_lock(&sbi->mountpoints_lock);
	list_for_each_entry(qi, &sbi->mountpoints, mountpoints) {
		if (event && !qtfs_event_is_of(event, &qi->vfs_inode))
			continue;
		qi->mountpoint_doubtful = true;
		qtfs_expire_place(&qi->vfs_inode);
	}
	spin_unlock(&sbi->mountpoints_lock);
	queue_work(qtfs_wq, &sbi->mountpoints_work);
}

/* The next mountpoint that is in doubt, with a reference.  Under supers_lock. */
static struct inode *next_doubtful(struct qtfs_sb *sbi)
{
	struct inode *inode = NULL;
	struct qtfs_inode *qi;

	spin_lock(&sbi->mountpoints_lock);
	list_for_each_entry(qi, &sbi->mountpoints, mountpoints) {
		if (!qi->mountpoint_doubtful)
			continue;
		qi->mountpoint_doubtful = false;
		/* One whose super block goes is no mountpoint any more. */
		if (!list_empty(&qtfs_super(qi->vfs_inode.i_sb)->list))
			inode = igrab(&qi->vfs_inode);
		if (inode)
			break;
	}
	spin_unlock(&sbi->mountpoints_lock);
	return inode;
}

/* Unmounts what is mounted on @inode if that has gone on the server. */
static void mountpoint_check(struct inode *inode)
{
	struct dentry *parent, *dentry = d_find_any_alias(inode);
	struct name_snapshot name;
	int valid;

	if (dentry && !d_unhashed(dentry) && d_mountpoint(dentry)) {
		parent = dget_parent(dentry);
		take_dentry_name_snapshot(&name, dentry);
		valid = qtfs_dentry_ask(qtfs_session_of(inode->i_sb)->cred, parent, &name.name,
					dentry);
		release_dentry_name_snapshot(&name);
		dput(parent);
		if (!valid)
			d_invalidate(dentry);
	}
	dput(dentry);
}

/* Looks at one mountpoint.  0: there was none, or -EINTR. */
static int check_one(struct qtfs_sb *sbi)
{
	struct inode *inode;
	int error;

	error = mutex_lock_killable(&sbi->mountpoints_mutex);
	if (error)
		return error;
	down_read(&sbi->supers_lock);
	inode = next_doubtful(sbi);
	if (inode) {
		mountpoint_check(inode);
		iput(inode);
	}
	up_read(&sbi->supers_lock);
	mutex_unlock(&sbi->mountpoints_mutex);
	return inode ? 1 : 0;
}

/* Looks at all that is in doubt, instead of the work item or after it.  Killable. */
void qtfs_mountpoints_check(struct qtfs_sb *sbi)
{
	while (check_one(sbi) > 0)
		cond_resched();
}

static void mountpoints_work(struct work_struct *work)
{
	qtfs_mountpoints_check(container_of(work, struct qtfs_sb, mountpoints_work));
}

/* ---- mounting ---- */

static int super_test(struct super_block *sb, struct fs_context *fc)
{
	const struct qtfs_super *old = qtfs_super(sb), *wanted = fc->s_fs_info;

	return old->sbi == wanted->sbi && old->mountpoint == wanted->mountpoint;
}

static int super_set(struct super_block *sb, struct fs_context *fc)
{
	struct qtfs_super *super = fc->s_fs_info;
	int error = set_anon_super_fc(sb, fc);

	if (error)
		return error;
	super->sb = sb;
	super->own_dev = sb->s_dev;
	sb->s_dev = super->dev;
	/* qtfs_kill_sb() gives it back. */
	atomic_inc(&super->sbi->first.sb->s_active);
	return 0;
}

/* Asks for what is mounted on @mountpoint, and makes it the root of @sb. */
static int super_fill(struct super_block *sb, struct dentry *mountpoint)
{
	struct dentry *parent = dget_parent(mountpoint);
	struct name_snapshot name;
	struct qtfs_entry_rep rep;
	struct qtfs_age age;
	int error;

	qtfs_super_setup(sb);
	/* Before the question, since events come for what has been looked up. */
	qtfs_super_add(qtfs_super(sb));
	sb->s_subtype = kstrdup(SUBTYPE, GFP_KERNEL);
	error = sb->s_subtype ? qtfs_super_bdi(sb) : -ENOMEM;
	if (!error) {
		take_dentry_name_snapshot(&name, mountpoint);
		error = qtfs_lookup_as(NULL, parent, &name.name, NULL, &rep, &age);
		release_dentry_name_snapshot(&name);
	}
	dput(parent);
	if (error)
		return error;
	if (!qtfs_same_entry(d_inode(mountpoint), &rep.attr)) {
		qtfs_forget(qtfs_session_of(sb), le64_to_cpu(rep.node));
		qtfs_dentry_expire(mountpoint);
		return -ESTALE;
	}
	return qtfs_super_root(sb, &rep, &age);
}

/* Its own part of the super block for what is mounted on @mountpoint. */
static struct qtfs_super *super_alloc(struct dentry *mountpoint)
{
	struct qtfs_super *super = kzalloc(sizeof(*super), GFP_KERNEL);
	char *buf = __getname(), *path = ERR_PTR(-ENOMEM);

	if (super && buf)
		path = qtfs_path_below(mountpoint, buf, PATH_MAX);
	if (!IS_ERR(path))
		path = kstrdup(path, GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
	if (buf)
		__putname(buf);
	if (IS_ERR(path)) {
		kfree(super);
		return ERR_CAST(path);
	}
	INIT_LIST_HEAD(&super->list);
	super->below = path;
	super->sbi = qtfs_sb(mountpoint->d_sb);
	super->root_dev = qtfs_i(d_inode(mountpoint))->server_dev;
	super->dev = qtfs_i(d_inode(mountpoint))->dev;
	super->mountpoint = qtfs_i(d_inode(mountpoint))->mountpoint;
	return super;
}

static int submount_get_tree(struct fs_context *fc)
{
	struct dentry *mountpoint = fc->fs_private;
	struct qtfs_super *super = super_alloc(mountpoint);
	struct super_block *sb;
	int error;

	if (IS_ERR(super))
		return PTR_ERR(super);
	fc->source = kasprintf(GFP_KERNEL, "%s%s",
			       strcmp(super->sbi->path, "/") ? super->sbi->path : "",
			       super->below);
	fc->sb_flags = super->sbi->first.sb->s_flags & (SB_RDONLY | SB_SYNCHRONOUS | SB_DIRSYNC);
	fc->s_fs_info = super;
	sb = fc->source ? sget_fc(fc, super_test, super_set) : ERR_PTR(-ENOMEM);
	/* Else it's the super block's. */
	if (fc->s_fs_info) {
		fc->s_fs_info = NULL;
		qtfs_submount_free(super);
	}
	if (IS_ERR(sb))
		return PTR_ERR(sb);
	if (!sb->s_root) {
		error = super_fill(sb, mountpoint);
		if (error) {
			deactivate_locked_super(sb);
			return error;
		}
		sb->s_flags |= SB_ACTIVE;
	}
	fc->root = dget(sb->s_root);
	return 0;
}

static const struct fs_context_operations submount_ops = {
	.get_tree = submount_get_tree,
};

/* From ->init_fs_context. */
int qtfs_submount_context(struct fs_context *fc)
{
	fc->ops = &submount_ops;
	return 0;
}

/* Somebody walks into @path. */
struct vfsmount *qtfs_d_automount(struct path *path)
{
	struct fs_context *fc = fs_context_for_submount(path->dentry->d_sb->s_type, path->dentry);
	struct vfsmount *mnt;

	if (IS_ERR(fc))
		return ERR_CAST(fc);
	fc->fs_private = path->dentry;	/* the caller's reference */
	mnt = fc_mount(fc);
	put_fs_context(fc);
	return IS_ERR(mnt) ? mnt : qtfs_automount(mnt);
}

void qtfs_supers_init(struct qtfs_sb *sbi)
{
	init_rwsem(&sbi->supers_lock);
	INIT_LIST_HEAD(&sbi->supers);
	INIT_LIST_HEAD(&sbi->first.list);
	sbi->first.sbi = sbi;
	sbi->first.below = "";
	spin_lock_init(&sbi->mountpoints_lock);
	mutex_init(&sbi->mountpoints_mutex);
	INIT_LIST_HEAD(&sbi->mountpoints);
	INIT_WORK(&sbi->mountpoints_work, mountpoints_work);
	INIT_WORK(&sbi->twins_work, twins_work);
}
