// SPDX-License-Identifier: GPL-2.0
/*
 * What a session has done, and is doing.
 *
 *	/sys/kernel/debug/qtfs/<id>/ops		requests in flight
 *	/sys/kernel/debug/qtfs/<id>/bench	see bench.c
 *	/sys/kernel/debug/qtfs/<id>/latency	as transport/opstat.c shows it
 *	/proc/self/mountstats			the latter, for each mount
 *
 * A line of ops is
 *
 *	MOUNT SLOT OP STATE AGE_MS PID ATTEMPTS
 *
 * like those of the server's, so that one reader does for both.  STATE is "waiting"
 * for a connection, "sent", or "abandoned" by who asked.  Those that wait for a
 * slot are not shown.
 *
 * In builds for tests "fault" is here, too: see transport/fault.c.
 *
 * The files of a session go before the session: qtfs_stats_hide() waits for those
 * who read in them.  Counters live as long as its memory, because requests that
 * nobody waits for may end late.
 */
#include "qtfs.h"

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "transport/loglevel.h"

static struct dentry *debugfs_root;

int qtfs_stats_init(struct qtfs_session *session)
{
	session->opstats = __alloc_percpu(QTFS_OP_END * sizeof(*session->opstats),
					  __alignof__(*session->opstats));
	return session->opstats ? 0 : -ENOMEM;
}

void qtfs_stats_exit(struct qtfs_session *session)
{
	free_percpu(session->opstats);
}

/* @req has ended. */
void qtfs_stats_count(const struct qtfs_request *req)
{
	const struct qtfs_hdr *hdr = (const void *)req->head;

	qtfs_opstat_add(req->session->opstats + req->op, req->error,
			le32_to_cpu(hdr->data_len) + req->in_len,
			ktime_to_ns(ktime_sub(ktime_get(), req->started)));
}

void qtfs_stats_show(struct seq_file *m, struct qtfs_session *session)
{
	seq_puts(m, "\n\tqtfs 1: OP COUNT ERRORS BYTES NS LATENCY...\n");
	qtfs_opstat_show(m, "\t", session->opstats);
}

static const char *state_name(const struct qtfs_request *req)
{
	if (req->abandoned)
		return "abandoned";
	return req->link ? "sent" : "waiting";
}

static int ops_show(struct seq_file *m, void *unused)
{
	struct qtfs_session *session = m->private;
	ktime_t now = ktime_get();
	u32 slot;

	spin_lock(&session->lock);
	for (slot = 0; slot < session->slots_top; slot++) {
		const struct qtfs_request *req = session->slots[slot];

		if (!req)
			continue;
		seq_printf(m, "%u %u %s %s %lld %u %u\n", session->mount_id, slot,
			   qtfs_op_info(req->op)->name, state_name(req),
			   ktime_to_ms(ktime_sub(now, req->started)), req->pid, req->attempts);
	}
	spin_unlock(&session->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ops);

/* Nothing depends on these files: errors are debugfs's own business. */
void qtfs_stats_expose(struct qtfs_session *session)
{
	char name[12];

	snprintf(name, sizeof(name), "%u", session->mount_id);
	session->debugfs = debugfs_create_dir(name, debugfs_root);
	debugfs_create_file("ops", 0400, session->debugfs, session, &ops_fops);
	qtfs_opstat_debugfs(session->debugfs, session->opstats);
	qtfs_bench_expose(session);
}

void qtfs_stats_hide(struct qtfs_session *session)
{
	debugfs_remove_recursive(session->debugfs);
}

void qtfs_debugfs_init(void)
{
	debugfs_root = debugfs_create_dir("qtfs", NULL);
	qtfs_loglevel_debugfs(debugfs_root, &qtfs_log_level);
	qtfs_fault_init(debugfs_root);
}

void qtfs_debugfs_exit(void)
{
	debugfs_remove_recursive(debugfs_root);
}
