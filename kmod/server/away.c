// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that are away: what they stand for is not held, so that the file system that
 * it is on can be unmounted, though a client has looked at it.
 *
 * A node is let go (QTFS_CHANNEL_LET_GO) when nobody uses it: by a structure of the same
 * number that has its path and what identifies the file, in the same place of the
 * session's table.  Who is at the old one keeps it till the end.  When a request names it
 * again it comes back the same way, once the path leads to the same file; else the number
 * is stale, and the client finds out what the name leads to now.  Both happen in the
 * engine's process, as it is the engine's root that paths begin at.
 *
 * The mark stays, so that the client is told what changes meanwhile: it holds the inode,
 * which doesn't keep a file system from being unmounted.
 *
 * Not let go: what ATTACH led to, what is on the same mount, and files that the session
 * has open: they keep it busy anyway, and must be found also under another name or none.
 */
#include "server/qtfsd.h"

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/xarray.h>

/* What hasn't been used for so long is let go without being asked for. */
#define IDLE	(10 * HZ)

struct identity {
	u64 ino;
	dev_t dev;
	u32 gen;
	umode_t type;
};

struct qtfsd_away {
	struct identity id;
	struct qtfsd_file_id told;	/* where it has no mark */
	char path[];
};

/* By what the inode itself says: who lets go must not wait for a file system. */
static struct identity identity_of(const struct path *path)
{
	const struct inode *inode = d_backing_inode(path->dentry);

	return (struct identity){
		.ino = inode->i_ino,
		.dev = inode->i_sb->s_dev,
		.gen = inode->i_generation,
		.type = inode->i_mode & S_IFMT,
	};
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->gen == b->gen && a->type == b->type;
}

/* Puts @fresh where @old is in the table, and takes over the table's reference to either. */
static bool replace(struct qtfsd_node *old, struct qtfsd_node *fresh)
{
	struct qtfsd_session *session = old->session;
	u32 index = qtfsd_number_index(old->number);
	bool replaced = xa_cmpxchg(&session->nodes, index, old, fresh, GFP_KERNEL) == old;

	if (replaced && fresh->file)
		xa_set_mark(&session->nodes, index, QTFSD_ELSEWHERE);
	else if (replaced)
		xa_clear_mark(&session->nodes, index, QTFSD_ELSEWHERE);
	qtfsd_node_put(replaced ? old : fresh);
	return replaced;
}

/* Makes a node like @old with @file, which it takes over; NULL: away. */
static struct qtfsd_node *node_like(const struct qtfsd_node *old, const struct path *path,
				    struct file *file)
{
	struct qtfsd_node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node) {
		if (file)
			qtfsd_fput(file);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&node->ref);
	node->session = old->session;
	node->number = old->number;
	node->used = jiffies;
	node->file = file;
	/* It has one already, of the old one: so this only counts its users. */
	if (old->mark)
		node->mark = qtfsd_mark_get(old->session, path);
	if (IS_ERR(node->mark))
		node->mark = NULL;
	return node;
}

/* Lets @node go.  @buf is for paths. */
static void let_go(struct qtfsd_node *node, char *buf)
{
	const struct path *path = &node->file->f_path;
	struct qtfsd_away *away;
	struct qtfsd_node *fresh;
	const char *text;
	bool deleted;

	text = qtfsd_tell_path(path, buf, &deleted);
	if (!text || deleted) {
		/* Nothing leads there any more. */
		qtfsd_node_erase(node);
		return;
	}
	away = kmalloc(struct_size(away, path, strlen(text) + 1), GFP_KERNEL);
	if (!away)
		return;
	strscpy(away->path, text, strlen(text) + 1);
	away->id = identity_of(path);
	/* Without a mark it's nothing that anybody would have to wait for. */
	if (!node->mark && qtfsd_file_id(&away->told, path)) {
		kfree(away);
		return;
	}
	fresh = node_like(node, path, NULL);
	if (IS_ERR(fresh)) {
		kfree(away);
		return;
	}
	fresh->away = away;
	replace(node, fresh);
}

/* Whether nobody but the table and the caller has @node, and it's one of those that are meant. */
static bool is_idle(const struct qtfsd_node *node, const struct vfsmount *mnt)
{
	if (!node->file || kref_read(&node->ref) > 2)
		return false;
	if (mnt)
		return node->file->f_path.mnt == mnt;
	return time_after(jiffies, READ_ONCE(node->used) + IDLE);
}

/* The next open file of @session from *@index on, with a reference. */
static struct qtfsd_open *next_open(struct qtfsd_session *session, unsigned long *index)
{
	struct qtfsd_open *open;

	rcu_read_lock();
	do {
		++*index;
		open = xa_find(&session->opens, index, ULONG_MAX, XA_PRESENT);
	} while (open && !kref_get_unless_zero(&open->ref));
	rcu_read_unlock();
	return open;
}

static unsigned long inode_key(const struct inode *inode)
{
	return (unsigned long)inode / __alignof__(*inode);
}

/* Puts the inodes of what @session has open into @held; how many are on @mnt, or -ENOMEM. */
static int hold_opens(struct qtfsd_session *session, const struct vfsmount *mnt,
		      struct xarray *held)
{
	unsigned long index = 0;
	struct qtfsd_open *open;
	int nr = 0;

	while ((open = next_open(session, &index))) {
		unsigned long key = inode_key(file_inode(open->file));

		if (xa_is_err(xa_store(held, key, xa_mk_value(1), GFP_KERNEL)))
			nr = -ENOMEM;
		else if (open->file->f_path.mnt == mnt)
			nr++;
		qtfsd_open_put(open);
		if (nr < 0)
			break;
		cond_resched();
	}
	return nr;
}

/* Returns how many open files @session has on @mnt, or a negative errno. */
static int session_let_go(struct qtfsd_session *session, const struct vfsmount *mnt, char *buf)
{
	struct qtfsd_node *node;
	unsigned long index = 0;
	struct xarray held;
	int nr;

	if (!mnt && !xa_marked(&session->nodes, QTFSD_ELSEWHERE))
		return 0;
	xa_init(&held);
	nr = hold_opens(session, mnt, &held);
	while (nr >= 0 && (node = qtfsd_node_next(session, &index, QTFSD_ELSEWHERE))) {
		if (is_idle(node, mnt) && !xa_load(&held, inode_key(file_inode(node->file))))
			let_go(node, buf);
		qtfsd_node_put(node);
		cond_resched();
	}
	xa_destroy(&held);
	return nr;
}

/*
 * Lets go of what nobody uses on the mount of descriptor @fd, or with -1 of what has not
 * been used for a while, see channel.h.  In the engine's process.
 */
int qtfsd_let_go(int fd)
{
	struct file *file = fd >= 0 ? fget_raw(fd) : NULL;
	const struct vfsmount *mnt = file ? file->f_path.mnt : NULL;
	struct qtfsd_session *session = NULL;
	int nr, total = 0;
	char *buf;

	if (fd >= 0 && !file)
		return -EBADF;
	buf = kvmalloc(QTFSD_PATH_BUFFER, GFP_KERNEL);
	while (buf && (session = qtfsd_session_next(session))) {
		nr = session_let_go(session, mnt, buf);
		if (nr > 0)
			qtfsd_notify_all(session);
		total += max(nr, 0);
	}
	if (file)
		fput(file);
	kvfree(buf);
	return buf ? total : -ENOMEM;
}

/* Opens what @away is of, as the engine sees it. */
static struct file *away_open(const struct qtfsd_away *away)
{
	struct identity now;
	struct file *file;
	struct path path;
	int error;

	error = kern_path(away->path, LOOKUP_NO_SYMLINKS, &path);
	if (error)
		return ERR_PTR(-ESTALE);
	now = identity_of(&path);
	if (!same(&now, &away->id))
		file = ERR_PTR(-ESTALE);
	else
		file = dentry_open(&path, O_PATH, current_cred());
	path_put(&path);
	return file;
}

/*
 * If *@nodep is away, puts in its place, reference and all, the same node as it was
 * before.  -ESTALE: it is no more.  In the engine's process.
 */
int qtfsd_node_recall(struct qtfsd_node **nodep)
{
	struct qtfsd_node *away = *nodep, *fresh;
	const struct cred *cred;
	struct file *file;

	if (!away || away->file)
		return 0;
	/* Not as whoever the thread served last. */
	cred = override_creds(qtfsd.channel.cred);
	file = away_open(away->away);
	revert_creds(cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fresh = node_like(away, &file->f_path, file);
	if (IS_ERR(fresh))
		return PTR_ERR(fresh);
	kref_get(&fresh->ref);
	/* Where another request was faster, this one's has its own for as long as it lasts. */
	replace(away, fresh);
	qtfsd_node_put(away);
	*nodep = fresh;
	return 0;
}

/* What the client knows @node by, which has no mark. */
int qtfsd_node_id(const struct qtfsd_node *node, struct qtfsd_file_id *id)
{
	if (node->file)
		return qtfsd_file_id(id, &node->file->f_path);
	*id = node->away->told;
	return 0;
}

void qtfsd_away_free(struct qtfsd_away *away)
{
	kfree(away);
}
