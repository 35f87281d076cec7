// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: the server's numbers for paths, and giving numbers back.
 *
 * A node belongs to one dentry, as d_fsdata, from before the dentry becomes
 * positive until its inode is taken away (d_iput) or it dies (d_release).
 * Whoever holds a reference to a positive dentry may read the number; it
 * changes only in qtfs_dentry_adopt(), from one name of the same file on the
 * server to another, and when the server has been restarted (recover.c).
 *
 * Numbers are given back from a work item, in batches: FORGET carries many, and
 * they gather for a moment, so that to remove a tree costs no FORGET for each file.  An
 * open file whose RELEASE could not be sent at once waits for the same work item,
 * which waits for memory when that is short.
 */
#include "qtfs.h"

#include <linux/slab.h>

/* Numbers in one FORGET. */
#define FORGET_BATCH	1024

/* How long numbers gather, and removed files have their space; so many don't wait any longer. */
#define FORGET_DELAY	(HZ / 100)
#define FORGET_MANY	256

/*
 * The number of @dentry's node, which is good in @epoch of the session.  0: it has
 * none.  Its writer stores the number first, so that no other is taken for one of the
 * latest epoch.
 */
u64 qtfs_dentry_node(const struct dentry *dentry, u64 *epoch)
{
	const struct qtfs_node *node = READ_ONCE(dentry->d_fsdata);

	/* Pairs with qtfs_dentry_exchange(). */
	*epoch = node ? smp_load_acquire(&node->epoch) : 0;
	return node ? READ_ONCE(node->number) : 0;
}

static void forget_node(struct qtfs_session *session, struct qtfs_node *node)
{
	bool first = llist_add(&node->list, &session->forgets);

	if (atomic_inc_return(&session->nr_forgets) == FORGET_MANY)
		mod_delayed_work(qtfs_wq, &session->give_back, 0);
	else if (first)
		queue_delayed_work(qtfs_wq, &session->give_back, FORGET_DELAY);
}

/* Gives @number back. */
void qtfs_forget(struct qtfs_session *session, u64 number)
{
	struct qtfs_node *node;

	if (!number)
		return;
	/* Without memory the server keeps the node until the session ends. */
	node = kmalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return;
	node->number = number;
	node->epoch = READ_ONCE(session->epoch);
	forget_node(session, node);
}

/*
 * Makes @number, which came with an answer of @age, the node of @dentry, which has
 * none and isn't positive yet, and takes the number over: after -ENOMEM it has been
 * given back.
 */
int qtfs_dentry_prepare(struct dentry *dentry, u64 number, const struct qtfs_age *age)
{
	struct qtfs_session *session = qtfs_session_of(dentry->d_sb);
	struct qtfs_node *node = kmalloc(sizeof(*node), GFP_KERNEL);

	if (!node) {
		qtfs_forget(session, number);
		return -ENOMEM;
	}
	node->number = number;
	node->epoch = age->epoch;
	node = xchg((struct qtfs_node **)&dentry->d_fsdata, node);
	if (node)
		forget_node(session, node);
	return 0;
}

/* Returns a name of @inode: if possible one that can be found, as only that surely has a node. */
struct dentry *qtfs_find_alias(struct inode *inode)
{
	return d_find_alias(inode) ?: d_find_any_alias(inode);
}

/* As the next two, but returns the number that is to be given back, or 0.  Doesn't sleep. */
u64 qtfs_dentry_exchange(struct dentry *dentry, u64 number, const struct qtfs_age *age, bool renew)
{
	struct qtfs_node *node;
	u64 old = 0;

	spin_lock(&dentry->d_lock);
	node = dentry->d_fsdata;
	if (!node) {
		old = number;
	} else if (node->epoch < age->epoch) {
		/* The old one is the server's no more. */
		WRITE_ONCE(node->number, number);
		smp_store_release(&node->epoch, age->epoch);	/* see qtfs_dentry_node() */
	} else if (node->epoch == age->epoch && node->number != number) {
		old = renew ? number : node->number;
		if (!renew)
			WRITE_ONCE(node->number, number);
	}
	spin_unlock(&dentry->d_lock);
	return old;
}

static void node_replace(struct dentry *dentry, u64 number, const struct qtfs_age *age, bool renew)
{
	u64 old = qtfs_dentry_exchange(dentry, number, age, renew);

	qtfs_forget(qtfs_session_of(dentry->d_sb), old);
}

/*
 * Replaces the number of a positive @dentry by @number, which came with an answer of
 * @age, and gives the old one back.
 */
void qtfs_dentry_adopt(struct dentry *dentry, u64 number, const struct qtfs_age *age)
{
	node_replace(dentry, number, age, false);
}

/* Likewise where the old one is of an earlier epoch, unless somebody was faster. */
void qtfs_dentry_renew(struct dentry *dentry, u64 number, const struct qtfs_age *age)
{
	node_replace(dentry, number, age, true);
}

/* Leaves an open file's number to the work item; @entry is in a struct qtfs_file. */
void qtfs_release_later(struct qtfs_session *session, struct llist_node *entry)
{
	llist_add(entry, &session->releases);
	mod_delayed_work(qtfs_wq, &session->give_back, 0);
}

/* Between two attempts to get memory. */
static void wait_for_memory(void)
{
	schedule_timeout_idle(HZ / 50);
}

/* What isn't sent now would never be. */
static void send_patiently(struct qtfs_session *session, struct qtfs_rpc *rpc, bool wait)
{
	while (qtfs_rpc_start(session, rpc, wait, NULL, NULL) == -ENOMEM)
		wait_for_memory();
}

/* Sends the @nr numbers in @buf, of @epoch, and takes the buffer over. */
static void send_forgets(struct qtfs_session *session, struct qtfs_buf *buf, unsigned int nr,
			 u64 epoch)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_FORGET,
		.of_epoch = epoch,
		.out = buf,
		.out_len = nr * sizeof(__le64),
	};

	send_patiently(session, &rpc, true);
	qtfs_buf_put(buf);
}

static void give_back_nodes(struct qtfs_session *session)
{
	struct qtfs_node *node, *next;
	u64 epoch = READ_ONCE(session->epoch);
	struct qtfs_buf *buf = NULL;
	struct llist_node *list;
	unsigned int nr = 0;

	/* First: what comes between is first in the list, and queues the work item. */
	atomic_set(&session->nr_forgets, 0);
	list = llist_del_all(&session->forgets);
	llist_for_each_entry_safe(node, next, list, list) {
		if (node->epoch != epoch) {
			kfree(node);
			continue;
		}
		while (!buf && !(buf = qtfs_buf_alloc(FORGET_BATCH * sizeof(__le64), GFP_KERNEL)))
			wait_for_memory();
		((__le64 *)buf->linear)[nr++] = cpu_to_le64(node->number);
		if (nr == FORGET_BATCH) {
			send_forgets(session, buf, nr, epoch);
			buf = NULL;
			nr = 0;
		}
		kfree(node);
	}
	if (buf)
		send_forgets(session, buf, nr, epoch);
}

static void give_back_opens(struct qtfs_session *session)
{
	struct llist_node *list = llist_del_all(&session->releases);
	struct qtfs_file *file, *next;

	llist_for_each_entry_safe(file, next, list, list) {
		struct qtfs_rpc rpc = {
			.op = QTFS_OP_RELEASE,
			.file = file,
		};

		send_patiently(session, &rpc, true);
		qtfs_file_free(&file->list);
	}
}

void qtfs_give_back_work(struct work_struct *work)
{
	struct qtfs_session *session = container_of(to_delayed_work(work), struct qtfs_session,
						    give_back);

	give_back_nodes(session);
	give_back_opens(session);
}

/* Frees what was never given back; the session is at its end. */
void qtfs_give_back_drop(struct qtfs_session *session)
{
	struct qtfs_file *file, *next_file;
	struct qtfs_node *node, *next;

	llist_for_each_entry_safe(node, next, llist_del_all(&session->forgets), list)
		kfree(node);
	llist_for_each_entry_safe(file, next_file, llist_del_all(&session->releases), list)
		qtfs_file_free(&file->list);
}

static void dentry_drop_node(struct dentry *dentry)
{
	struct qtfs_node *node = xchg((struct qtfs_node **)&dentry->d_fsdata, NULL);

	if (node)
		forget_node(qtfs_session_of(dentry->d_sb), node);
}

void qtfs_d_iput(struct dentry *dentry, struct inode *inode)
{
	dentry_drop_node(dentry);
	qtfs_uds_name_gone(dentry, inode);
	iput(inode);
}

/* A dentry may get a node and then no inode. */
void qtfs_d_release(struct dentry *dentry)
{
	dentry_drop_node(dentry);
}
