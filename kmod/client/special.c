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
 * A super block's list is made before its root and never changes; so the targets
 * are as good for RCU walk as anything of the super block.
 */
#include "qtfs.h"

#include <linux/seq_file.h>
#include <linux/slab.h>

struct special_link {
	struct list_head list;
	const char *target;		/* in text, behind the colon */
	size_t name_len;
	char text[];			/* as it was written */
};

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
	link->name_len = colon - text;
	link->target = link->text + link->name_len + 1;
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

/*
 * Where @dentry, a symbolic link, leads to by the option: NULL if the server is to be
 * asked, or an error.  What is returned lives as long as the super block.
 */
const char *qtfs_special_target(struct dentry *dentry)
{
	const struct list_head *links = &qtfs_sb(dentry->d_sb)->links;
	const struct special_link *link;
	const char *target = NULL;
	char *buf, *path;

	if (list_empty(links))
		return NULL;
	buf = __getname();
	if (!buf)
		return ERR_PTR(-ENOMEM);
	path = dentry_path_raw(dentry, buf, PATH_MAX);
	if (!IS_ERR(path)) {
		path++;
		list_for_each_entry(link, links, list)
			if (strlen(path) == link->name_len &&
			    !memcmp(path, link->text, link->name_len))
				target = link->target;
	}
	__putname(buf);
	return target;
}
