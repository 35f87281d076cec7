// SPDX-License-Identifier: GPL-2.0
/*
 * Places: telling clients which names may lead elsewhere since something was mounted or
 * unmounted.
 *
 * Only those can be concerned that led to the root of a mount, which may have gone, or to
 * what is covered by one now.  So the engine says no more than that there was a change,
 * and each session's nodes are looked at.  Of a node that is away nobody can tell, so
 * it's taken for one of these.
 *
 * The engine notices after the mount.  A node that is made meanwhile, of what was opened
 * before, isn't missed: the session notes its count of events first, and looks at its
 * nodes then; who makes a node puts it into the table first, and then looks whether its
 * call began before that count.  What its answer says is older than the event in any case,
 * and so not believed.
 */
#include "server/qtfsd.h"

#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/xarray.h>

static bool concerned(const struct qtfsd_node *node)
{
	const struct path *path;

	if (!node->file)
		return true;
	path = &node->file->f_path;
	return d_mountpoint(path->dentry) || path->dentry == path->mnt->mnt_root;
}

static void session_mounts_changed(struct qtfsd_session *session)
{
	unsigned long index = 0;
	struct qtfsd_node *node;

	spin_lock(&session->notify_lock);
	WRITE_ONCE(session->mounts_stamp, ++session->notify_count);
	spin_unlock(&session->notify_lock);
	smp_mb();	/* see above */
	while ((node = qtfsd_node_next(session, &index, XA_PRESENT))) {
		if (concerned(node) && !node->attach_root)
			qtfsd_notify_place(session, node);
		qtfsd_node_put(node);
		cond_resched();
	}
}

/* Something was mounted or unmounted.  In the engine's process. */
long qtfsd_mounts_changed(void)
{
	struct qtfsd_session *session = NULL;

	while ((session = qtfsd_session_next(session)))
		session_mounts_changed(session);
	return 0;
}

/* @call has made @node, and entered it. */
void qtfsd_place_check(const struct qtfsd_call *call, const struct qtfsd_node *node)
{
	if (call->stamp < READ_ONCE(call->session->mounts_stamp) && concerned(node))
		qtfsd_notify_place(call->session, node);
}
