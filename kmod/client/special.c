// SPDX-License-Identifier: GPL-2.0
/*
 * Symbolic links that lead to this machine: the mount option link=NAME:TARGET.
 *
 * Some files are about whoever opens them, which no server can answer: its
 * /proc/self is the process that carries the request out there.  proc shows these
 * as symbolic links, and a link is followed on this side; so it's enough to say
 * where to.  NAME is below the root of the mount, TARGET any path here, and the
 * rest of what the link is stays the server's.  What isn't a symbolic link there
 * isn't one here either.
 *
 * Programs also look for themselves by their number, as ps(1) does, which the server's
 * /proc hasn't got.  If the last component of NAME is "%p", the caller's own number is,
 * for it alone, a link to TARGET in that directory (the server's process of that number
 * comes first).  Who sees it differs, so the name is looked up each time: the dentry never
 * survives a revalidation, and its inode, which is of this side alone, goes with it.
 *
 * A super block's list is made before its root and never changes; so the targets
 * are as good for RCU walk as anything of the super block.
 */
#include "qtfs.h"

#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#define OWN_NUMBER	"%p"

struct special_link {
	struct list_head list;
	const char *target;		/* in text, behind the colon */
	bool own;			/* the name is the caller's number */
	size_t path_len;		/* in text: of the name, or (own) of its directory */
	char text[];			/* as it was written */
};

/* Tells @link what its name of @len bytes is. */
static void name_set(struct special_link *link, size_t len)
{
	size_t own_len = strlen(OWN_NUMBER);
	size_t dir_len = len - min(len, own_len);

	link->own = !strncmp(link->text + dir_len, OWN_NUMBER ":", own_len + 1) &&
		    (!dir_len || link->text[dir_len - 1] == '/');
	link->path_len = link->own ? dir_len - !!dir_len : len;
}

/* Adds what the option says.  -EINVAL: it isn't NAME:TARGET. */
int qtfs_special_add(struct list_head *links, const char *text)
{
	const char *colon = strchr(text, ':');
	struct special_link *link;

	if (!colon || colon == text || !colon[1] || *text == '/' || colon[-1] == '/')
		return -EINVAL;
	link = kmalloc(struct_size(link, text, strlen(text) + 1), GFP_KERNEL);
	if (!link)
		return -ENOMEM;
	strcpy(link->text, text);
	link->target = link->text + (colon - text) + 1;
	name_set(link, colon - text);
	list_add_tail(&link->list, links);
	return 0;
}

void qtfs_special_free(struct list_head *links)
{
	struct special_link *link, *next;

	list_for_each_entry_safe(link, next, links, list) {
		list_del(&link->list);
		kfree(link);
	}
}

/* Whether all of @links are among @of. */
bool qtfs_special_known(const struct list_head *links, const struct list_head *of)
{
	const struct special_link *link, *other;
	bool known;

	list_for_each_entry(link, links, list) {
		known = false;
		list_for_each_entry(other, of, list)
			known = known || !strcmp(link->text, other->text);
		if (!known)
			return false;
	}
	return true;
}

void qtfs_special_show(struct seq_file *m, const struct list_head *links)
{
	const struct special_link *link;

	list_for_each_entry(link, links, list)
		seq_show_option(m, "link", link->text);
}

/* The link whose name, or (@own) whose directory is the path of @dentry; NULL or an error. */
static const struct special_link *link_find(struct dentry *dentry, bool own)
{
	const struct special_link *link, *found = NULL;
	char *buf, *path;

	buf = __getname();
	if (!buf)
		return ERR_PTR(-ENOMEM);
	path = qtfs_path_below(dentry, buf, PATH_MAX);
	if (!IS_ERR(path)) {
		path++;
		list_for_each_entry(link, &qtfs_sb(dentry->d_sb)->links, list)
			if (link->own == own && strlen(path) == link->path_len &&
			    !memcmp(path, link->text, link->path_len))
				found = link;
	}
	__putname(buf);
	return found;
}

/*
 * Where @dentry, a symbolic link, leads to by the option: NULL if the server is to be
 * asked, or an error.  What is returned lives as long as the super block.
 */
const char *qtfs_special_target(struct dentry *dentry)
{
	const struct special_link *link;

	if (list_empty(&qtfs_sb(dentry->d_sb)->links))
		return NULL;
	link = link_find(dentry, false);
	return IS_ERR_OR_NULL(link) ? ERR_CAST(link) : link->target;
}

static const char *own_get_link(struct dentry *dentry, struct inode *inode,
				struct delayed_call *done)
{
	return inode->i_private;
}

static const struct inode_operations own_inode_ops = {
	.get_link = own_get_link,
};

/* Whether @inode is no file of the server's, but leads its caller to itself. */
bool qtfs_is_own(const struct inode *inode)
{
	return inode->i_op == &own_inode_ops;
}

static bool is_own_number(const struct qstr *name)
{
	char number[12];
	unsigned int len = snprintf(number, sizeof(number), "%d", task_tgid_vnr(current));

	return name->len == len && !memcmp(name->name, number, len);
}

/*
 * What @name is in @parent, where the server has nothing of that name: NULL: nothing, an
 * inode with a reference, or an error.
 */
struct inode *qtfs_special_own(struct dentry *parent, const struct qstr *name)
{
	struct super_block *sb = parent->d_sb;
	const struct special_link *link;
	struct inode *inode;

	if (list_empty(&qtfs_sb(sb)->links) || !is_own_number(name))
		return NULL;
	link = link_find(parent, true);
	if (IS_ERR_OR_NULL(link))
		return ERR_CAST(link);
	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFLNK | 0777;
	inode->i_size = strlen(link->target);
	inode->i_op = &own_inode_ops;
	inode->i_opflags &= ~IOP_XATTR;
	inode->i_flags |= S_IMMUTABLE;
	inode->i_private = (void *)link->target;
	return inode;
}
