// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/qtfs_server/
 *
 *	ops			a line for each request in flight
 *	latency			what was counted of each operation, transport/opstat.c
 *	<session>/latency	likewise, of one session
 *	log			transport/loglevel.c
 *
 * A line of ops is
 *
 *	SESSION SLOT OP STATE AGE_MS PID ATTEMPTS
 *
 * AGE_MS since the first byte came, PID the caller's on the client, ATTEMPTS how
 * often an engine has fetched it.  A call is in its session's slot table for
 * just as long as it may be looked at, under session->lock.
 */
#include "server/qtfsd.h"

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "transport/loglevel.h"

static const char *state_name(enum qtfsd_call_state state)
{
	switch (state) {
	case QTFSD_RECEIVED:
		return "received";
	case QTFSD_WORKING:
		return "working";
	case QTFSD_QUEUED:
		return "queued";
	case QTFSD_FETCHED:
		return "fetched";
	case QTFSD_REPLIED:
		return "replied";
	}
	return "?";
}

static void show_session(struct seq_file *m, struct qtfsd_session *session)
{
	ktime_t now = ktime_get();
	u32 i;

	spin_lock(&session->lock);
	for (i = 0; i < session->nr_slots; i++) {
		const struct qtfsd_call *call = session->slots[i].call;

		if (!call)
			continue;
		seq_printf(m, "%llu %u %s %s %lld %u %u\n", session->id, i, call->info->name,
			   state_name(READ_ONCE(call->state)),
			   ktime_to_ms(ktime_sub(now, call->start)), le32_to_cpu(call->req.pid),
			   READ_ONCE(call->attempts));
	}
	spin_unlock(&session->lock);
}

static int ops_show(struct seq_file *m, void *unused)
{
	struct qtfsd_session *session;

	mutex_lock(&qtfsd.lock);
	list_for_each_entry(session, &qtfsd.sessions, list)
		show_session(m, session);
	mutex_unlock(&qtfsd.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ops);

void qtfsd_debugfs_add(struct qtfsd_session *session)
{
	char name[24];

	snprintf(name, sizeof(name), "%llu", session->id);
	session->debugfs = debugfs_create_dir(name, qtfsd.debugfs);
	qtfs_opstat_debugfs(session->debugfs, session->stats->ops);
}

/* Waits for those who read. */
void qtfsd_debugfs_del(struct qtfsd_session *session)
{
	debugfs_remove_recursive(session->debugfs);
}

/* Nothing depends on it: errors are debugfs's own business. */
void qtfsd_debugfs_init(void)
{
	qtfsd.debugfs = debugfs_create_dir("qtfs_server", NULL);
	debugfs_create_file("ops", 0400, qtfsd.debugfs, NULL, &ops_fops);
	qtfs_opstat_debugfs(qtfsd.debugfs, qtfsd.stats->ops);
	qtfs_loglevel_debugfs(qtfsd.debugfs, &qtfsd.log_level);
	qtfs_fault_init(qtfsd.debugfs);
}

void qtfsd_debugfs_exit(void)
{
	debugfs_remove_recursive(qtfsd.debugfs);
}
