// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: paths that the server keeps for a session.
 *
 * A node is born with two references, the table's and its maker's.  The table's
 * goes with FORGET or with the session.  Lookups are made under RCU and take a
 * reference unless there is none left; the structure is freed after a grace
 * period, the file it holds at once.
 *
 * A session may die while an engine's thread makes a node for it.  The maker
 * looks at session->dead after it has entered the node, the end of the session
 * sets it before it empties the table: one of them finds the node, and xa_erase()
 * gives it to one of them.
 *
 * A node that nobody uses may go away, and another one of its number comes into its
 * place: see away.c.
 *
 * The client may say anything: a number that was never handed out and one that
 * was forgotten find nothing, here and in FORGET.
 */
#include "server/qtfsd.h"

#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

static void node_release(struct kref *ref)
{
	struct qtfsd_node *node = container_of(ref, struct qtfsd_node, ref);

	qtfsd_mark_put(node->session, node->mark);
	if (node->file)
		qtfsd_fput(node->file);
	qtfsd_away_free(node->away);
	kfree_rcu(node, rcu);
}

void qtfsd_node_put(struct qtfsd_node *node)
{
	if (node)
		kref_put(&node->ref, node_release);
}

/* Takes @node out of the table, if it is still there, and drops the table's reference. */
bool qtfsd_node_erase(struct qtfsd_node *node)
{
	struct qtfsd_session *session = node->session;
	u32 index = qtfsd_number_index(node->number);

	if (xa_cmpxchg(&session->nodes, index, node, NULL, 0) != node)
		return false;
	atomic_dec(&session->nr_nodes);
	qtfsd_node_put(node);
	return true;
}

/*
 * Makes a node of @file, which @call led to and whose reference it takes over, whatever happens.
 * -ENFILE at the session's limit, -ESTALE if the session has ended.
 */
struct qtfsd_node *qtfsd_node_make(struct qtfsd_call *call, struct file *file,
				   bool attach_root)
{
	struct qtfsd_session *session = call->session;
	struct qtfsd_node *node;
	u32 index;
	int error;

	/* A mount of qtfs would be held by its own server, or answer itself for ever. */
	if (file_inode(file)->i_sb->s_magic == QTFS_SUPER_MAGIC) {
		qtfsd_fput(file);
		return ERR_PTR(-ELOOP);
	}
	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node) {
		qtfsd_fput(file);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&node->ref);
	node->session = session;
	node->file = file;
	node->used = jiffies;
	node->attach_root = attach_root;
	node->mark = qtfsd_mark_get(session, &file->f_path);
	if (IS_ERR(node->mark)) {
		error = PTR_ERR(node->mark);
		qtfsd_fput(file);
		kfree(node);
		return ERR_PTR(error);
	}

	/* Reserve first: what lookups find is complete. */
	error = xa_alloc(&session->nodes, &index, NULL,
			 XA_LIMIT(1, max(READ_ONCE(qtfsd.limits.nodes), 1u)), GFP_KERNEL);
	if (error) {
		qtfsd_node_put(node);
		return ERR_PTR(error == -EBUSY ? -ENFILE : error);
	}
	node->number = qtfsd_number(session, index);
	kref_get(&node->ref);
	atomic_inc(&session->nr_nodes);
	xa_store(&session->nodes, index, node, GFP_KERNEL);	/* reserved: can't fail */
	if (attach_root)
		WRITE_ONCE(session->root_mnt, file->f_path.mnt);
	else if (file->f_path.mnt != READ_ONCE(session->root_mnt))
		xa_set_mark(&session->nodes, index, QTFSD_ELSEWHERE);

	smp_mb();	/* pairs with session_end(), and with place.c */
	if (READ_ONCE(session->dead)) {
		qtfsd_node_erase(node);
		qtfsd_node_put(node);
		return ERR_PTR(-ESTALE);
	}
	qtfsd_place_check(call, node);
	return node;
}

/*
 * Makes a node that has no number: for the engine alone, while it carries out the
 * call that it is for.  Takes @file over.  NULL when memory is short.
 */
struct qtfsd_node *qtfsd_node_loose(struct qtfsd_session *session, struct file *file)
{
	struct qtfsd_node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node) {
		qtfsd_fput(file);
		return NULL;
	}
	kref_init(&node->ref);
	node->session = session;
	node->file = file;
	return node;
}

/* Returns the node with a reference, NULL if there is none of that number. */
struct qtfsd_node *qtfsd_node_get(struct qtfsd_session *session, u64 number)
{
	struct qtfsd_node *node;

	rcu_read_lock();
	node = xa_load(&session->nodes, qtfsd_number_index(number));
	if (node && (node->number != number || !kref_get_unless_zero(&node->ref)))
		node = NULL;
	rcu_read_unlock();
	if (node)
		WRITE_ONCE(node->used, jiffies);
	return node;
}

/* The next node after *@index that has @mark in the table, with a reference; NULL: no more. */
struct qtfsd_node *qtfsd_node_next(struct qtfsd_session *session, unsigned long *index,
				   xa_mark_t mark)
{
	struct qtfsd_node *node;

	rcu_read_lock();
	do {
		++*index;
		node = xa_find(&session->nodes, index, ULONG_MAX, mark);
	} while (node && !kref_get_unless_zero(&node->ref));
	rcu_read_unlock();
	return node;
}

void qtfsd_node_forget(struct qtfsd_session *session, u64 number)
{
	struct qtfsd_node *node;
	bool erased;

	/* Another one of that number takes its place when it goes away or comes back. */
	do {
		node = qtfsd_node_get(session, number);
		erased = node && qtfsd_node_erase(node);
		qtfsd_node_put(node);
	} while (node && !erased);
	if (!erased) {
		this_cpu_inc(session->stats->forgot_unknown);
		this_cpu_inc(qtfsd.stats->forgot_unknown);
	}
}

/* The session is dead. */
void qtfsd_nodes_forget_all(struct qtfsd_session *session)
{
	struct qtfsd_node *node;
	unsigned long index;

	/* As there, and those that are being made see that the session is dead. */
	while (!xa_empty(&session->nodes)) {
		xa_for_each(&session->nodes, index, node)
			qtfsd_node_erase(node);
		cond_resched();
	}
}
