// SPDX-License-Identifier: GPL-2.0
/*
 * Directory entries with nodes and attributes.
 *
 * The engine has read the directory and says of each name whether the policy
 * allows to look it up (QTFS_DIRENT_ENTRY).  Here that is done, in the engine's
 * thread and so as the caller: whoever may read a directory but not search it
 * gets names alone.  What can't be looked up, for whatever reason, is told as a
 * name alone as well; the client will ask, and hear why.
 *
 * An engine that has died leaves no caller to do it as: then it's names alone.
 *
 * A reply with data isn't kept (session.c).  If the client asks again, since it
 * didn't get it, the nodes of the lost one are forgotten before others are made:
 * their numbers are all that is kept.
 *
 * The row lies in memory that the engine may write to: it is copied entry by
 * entry, and only the copy is looked at.  Until the reply is sent, nodes that it
 * names are ours to forget.
 */
#include "server/qtfsd.h"

#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/slab.h>

/* Makes a node of @name in the directory @dir, and fills in what the reply says of it. */
static int entry_fill(struct qtfsd_call *call, const struct path *dir, const char *name,
		      struct qtfs_entry_rep *rep)
{
	struct qtfsd_node *node;
	struct file *file;
	struct path path;
	int error;

	error = vfs_path_lookup(dir->dentry, dir->mnt, name, 0, &path);
	if (error)
		return error;
	file = dentry_open(&path, O_PATH, current_cred());
	path_put(&path);
	if (IS_ERR(file))
		return PTR_ERR(file);
	node = qtfsd_node_make(call, file, false);
	if (IS_ERR(node))
		return PTR_ERR(node);
	rep->node = cpu_to_le64(node->number);
	error = qtfsd_attr_fill(&rep->attr, &node->file->f_path, false);
	if (error)
		qtfsd_node_forget(call->session, node->number);
	qtfsd_node_put(node);
	return error;
}

/* Adds what can be told of the name of @entry, which is the last one, if there is room. */
static u32 entry_add(struct qtfsd_call *call, const struct path *dir, struct qtfs_dirent *entry,
		     u32 left)
{
	struct qtfs_entry_rep *rep = (void *)qtfs_dirent_entry(entry);
	u32 len = le16_to_cpu(entry->name_len);
	char name[QTFS_NAME_MAX + 1];

	memcpy(name, entry + 1, len);
	name[len] = '\0';
	if (left < sizeof(*rep) || !qtfs_name_ok(QTFS_NAME_COMPONENT, name, len) ||
	    entry_fill(call, dir, name, rep)) {
		entry->flags &= ~QTFS_DIRENT_ENTRY;
		return 0;
	}
	return sizeof(*rep);
}

/* Forgets the nodes that the first @len bytes of the reply name. */
static void entries_forget(struct qtfsd_call *call, u32 len)
{
	const struct qtfs_dirent *entry;
	u32 at = 0;

	while ((entry = qtfs_dirent_next_entry(call->reply_data, len, &at)))
		qtfsd_node_forget(call->session, le64_to_cpu(qtfs_dirent_entry(entry)->node));
}

static unsigned int entries_count(const struct qtfsd_call *call, u64 *nodes)
{
	const struct qtfs_dirent *entry;
	unsigned int nr = 0;
	u32 at = 0;

	while ((entry = qtfs_dirent_next_entry(call->reply_data, call->reply_len, &at))) {
		if (nodes)
			nodes[nr] = le64_to_cpu(qtfs_dirent_entry(entry)->node);
		nr++;
	}
	return nr;
}

/* Notes the nodes that the reply names.  Without memory they are kept if it gets lost. */
static void listed_note(struct qtfsd_call *call)
{
	unsigned int nr = entries_count(call, NULL);

	if (!nr)
		return;
	call->listed = kvmalloc(struct_size(call->listed, nodes, nr), GFP_KERNEL | __GFP_NOWARN);
	if (!call->listed)
		return;
	call->listed->nr = nr;
	entries_count(call, call->listed->nodes);
}

/* Forgets the nodes of the reply that @call, a repeat, didn't get. */
void qtfsd_listed_forget(struct qtfsd_call *call)
{
	struct qtfsd_listed *listed = call->listed;
	unsigned int i;

	if (!listed)
		return;
	call->listed = NULL;
	for (i = 0; i < listed->nr; i++)
		qtfsd_node_forget(call->session, listed->nodes[i]);
	kvfree(listed);
}

/*
 * Makes the reply's data, of @size bytes at most, of the engine's row of @len bytes at
 * @row, which is of the directory @dir.  Returns 0, -ENOMEM, or -EPROTO if the row is
 * broken.
 */
int qtfsd_readdir_reply(struct qtfsd_call *call, const struct path *dir, u32 size,
			const void *row, u32 len, bool engine_alive)
{
	struct qtfs_dirent *entry;
	u32 at, to = 0, step;

	if (!len)
		return 0;
	if (!qtfsd_call_alloc_data(call, size))
		return -ENOMEM;

	for (at = 0; at < len; at += step) {
		entry = call->reply_data + to;
		if (len - at < sizeof(*entry) || size - to < sizeof(*entry))
			goto broken;
		memcpy(entry, row + at, sizeof(*entry));
		step = round_up(sizeof(*entry) + le16_to_cpu(entry->name_len), 8);
		if (le16_to_cpu(entry->name_len) > QTFS_NAME_MAX || step > len - at ||
		    step > size - to)
			goto broken;
		memcpy(entry + 1, row + at + sizeof(*entry), step - sizeof(*entry));

		if (!engine_alive)
			entry->flags &= ~QTFS_DIRENT_ENTRY;
		to += step;
		if (entry->flags & QTFS_DIRENT_ENTRY)
			to += entry_add(call, dir, entry, size - to);
		if (!qtfs_dirent_size(entry, call->reply_data + to - (void *)entry))
			goto broken;
		cond_resched();
	}
	call->reply_len = to;
	listed_note(call);
	return 0;

broken:
	entries_forget(call, to);
	call->reply_len = 0;
	return -EPROTO;
}
