// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/qtfs_server: what the module and each session are doing.
 *
 *	engine			"running", "stopped", or "failing" where there is none and
 *				the last few died without having answered anything
 *	stats			NAME VALUE, all sessions since insmod
 *	<session>/state		"connected" or "disconnected"
 *	<session>/transport	a line for each connection: the client's address
 *	<session>/client	its number, epoch and label
 *	<session>/stats		as above, of this session
 *	<session>/nodes, opens, locks	how many there are
 *	<session>/slots		how many requests it may have under way; may be changed
 *
 * In stats, OP counts the answers to an operation, OP_errors those with an
 * error, OP_in_module those that the engine was not asked for, bad_REASON the
 * frames that cost their connection.
 *
 * A session's directory goes before the session: qtfsd_sysfs_del() waits for
 * those who read in it.
 */
#include "server/qtfsd.h"

#include <linux/sysfs.h>

struct session_attribute {
	struct attribute attr;
	ssize_t (*show)(struct qtfsd_session *session, char *buf);
	int (*store)(struct qtfsd_session *session, const char *buf);
};

static const char *const bad_names[QTFS_FRAME_ERRORS] = {
	[QTFS_FRAME_BAD_MAGIC] = "magic",
	[QTFS_FRAME_BAD_LENGTH] = "length",
	[QTFS_FRAME_BAD_OP] = "op",
	[QTFS_FRAME_BAD_FLAGS] = "flags",
	[QTFS_FRAME_BAD_SLOT] = "slot",
	[QTFS_FRAME_BAD_STATUS] = "status",
	[QTFS_FRAME_BAD_OBJECT] = "object",
	[QTFS_FRAME_BAD_NAME] = "name",
	[QTFS_FRAME_BAD_COUNT] = "count",
	[QTFS_FRAME_BAD_CRC] = "crc",
	[QTFS_FRAME_BAD_FIELD] = "field",
};

/* The sum over all processors of the counter at @offset. */
static u64 stat_sum(struct qtfsd_stats __percpu *stats, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(u64 *)((void *)per_cpu_ptr(stats, cpu) + offset));
	return sum;
}

#define SUM(stats, counter)	stat_sum(stats, offsetof(struct qtfsd_stats, counter))

static ssize_t stats_emit(struct qtfsd_stats __percpu *stats, char *buf)
{
	ssize_t len = 0;
	unsigned int i;

	for (i = 1; i < QTFS_OP_END; i++) {
		const char *name = qtfs_op_info(i)->name;

		len += sysfs_emit_at(buf, len, "%s %llu\n", name, SUM(stats, ops[i].count));
		len += sysfs_emit_at(buf, len, "%s_errors %llu\n", name, SUM(stats, ops[i].errors));
	}
	for (i = QTFS_OP_READ; i <= QTFS_OP_FSYNC; i++)
		if (i != QTFS_OP_READDIR)
			len += sysfs_emit_at(buf, len, "%s_in_module %llu\n",
					     qtfs_op_info(i)->name, SUM(stats, in_module[i]));
	for (i = QTFS_FRAME_OK + 1; i < QTFS_FRAME_ERRORS; i++)
		len += sysfs_emit_at(buf, len, "bad_%s %llu\n", bad_names[i], SUM(stats, bad[i]));
	len += sysfs_emit_at(buf, len, "dropped %llu\n", SUM(stats, dropped));
	len += sysfs_emit_at(buf, len, "resent %llu\n", SUM(stats, resent));
	len += sysfs_emit_at(buf, len, "repeated %llu\n", SUM(stats, repeated));
	len += sysfs_emit_at(buf, len, "not_allowed %llu\n", SUM(stats, not_allowed));
	len += sysfs_emit_at(buf, len, "forgot_unknown %llu\n", SUM(stats, forgot_unknown));
	return len;
}

static ssize_t state_show(struct qtfsd_session *session, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  READ_ONCE(session->nr_peers) ? "connected" : "disconnected");
}

static ssize_t transport_show(struct qtfsd_session *session, char *buf)
{
	struct qtfsd_peer *peer;
	ssize_t len = 0;

	spin_lock(&session->lock);
	list_for_each_entry(peer, &session->peers, in_session)
		len += sysfs_emit_at(buf, len, "%s\n", peer->conn.peer);
	spin_unlock(&session->lock);
	return len;
}

static ssize_t client_show(struct qtfsd_session *session, char *buf)
{
	return sysfs_emit(buf, "%pUb %llu %s\n", &session->client, session->epoch,
			  session->label);
}

static ssize_t stats_show(struct qtfsd_session *session, char *buf)
{
	return stats_emit(session->stats, buf);
}

static ssize_t nodes_show(struct qtfsd_session *session, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&session->nr_nodes));
}

static ssize_t opens_show(struct qtfsd_session *session, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&session->nr_opens));
}

static ssize_t locks_show(struct qtfsd_session *session, char *buf)
{
	return sysfs_emit(buf, "%u\n", qtfsd_locks_count(session));
}

static ssize_t slots_show(struct qtfsd_session *session, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(session->slots_granted));
}

static int slots_store(struct qtfsd_session *session, const char *buf)
{
	u32 slots;
	int error = kstrtou32(buf, 10, &slots);

	if (error)
		return error;
	if (!slots || slots > QTFS_SLOTS_MAX)
		return -EINVAL;
	mutex_lock(&qtfsd.lock);
	error = qtfsd_session_grant(session, slots);
	mutex_unlock(&qtfsd.lock);
	return error;
}

#define SESSION_ATTR(_name)							\
	static struct session_attribute session_attr_##_name = {		\
		.attr = { .name = #_name, .mode = 0400 },			\
		.show = _name##_show,						\
	}

SESSION_ATTR(state);
SESSION_ATTR(transport);
SESSION_ATTR(client);
SESSION_ATTR(stats);
SESSION_ATTR(nodes);
SESSION_ATTR(opens);
SESSION_ATTR(locks);

static struct session_attribute session_attr_slots = {
	.attr = { .name = "slots", .mode = 0600 },
	.show = slots_show,
	.store = slots_store,
};

static struct attribute *session_attrs[] = {
	&session_attr_state.attr,
	&session_attr_transport.attr,
	&session_attr_client.attr,
	&session_attr_stats.attr,
	&session_attr_nodes.attr,
	&session_attr_opens.attr,
	&session_attr_locks.attr,
	&session_attr_slots.attr,
	NULL,
};
ATTRIBUTE_GROUPS(session);

static ssize_t session_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct qtfsd_session *session = container_of(kobj, struct qtfsd_session, kobj);

	return container_of(attr, struct session_attribute, attr)->show(session, buf);
}

static ssize_t session_attr_store(struct kobject *kobj, struct attribute *attr, const char *buf,
				  size_t len)
{
	struct session_attribute *sa = container_of(attr, struct session_attribute, attr);
	int error = -EIO;

	if (sa->store)
		error = sa->store(container_of(kobj, struct qtfsd_session, kobj), buf);
	return error ?: len;
}

static const struct sysfs_ops session_sysfs_ops = {
	.show = session_attr_show,
	.store = session_attr_store,
};

static void session_kobj_release(struct kobject *kobj)
{
	complete(&container_of(kobj, struct qtfsd_session, kobj)->kobj_gone);
}

static struct kobj_type session_ktype = {
	.release = session_kobj_release,
	.sysfs_ops = &session_sysfs_ops,
	.default_groups = session_groups,
};

int qtfsd_sysfs_add(struct qtfsd_session *session)
{
	int error;

	error = kobject_init_and_add(&session->kobj, &session_ktype, qtfsd.kobj, "%llu",
				     session->id);
	if (error) {
		kobject_put(&session->kobj);
		wait_for_completion(&session->kobj_gone);
		return error;
	}
	qtfsd_debugfs_add(session);
	return 0;
}

void qtfsd_sysfs_del(struct qtfsd_session *session)
{
	qtfsd_debugfs_del(session);
	kobject_del(&session->kobj);
	kobject_put(&session->kobj);
	wait_for_completion(&session->kobj_gone);
}

static ssize_t engine_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct qtfsd_channel *channel = &qtfsd.channel;
	const char *state = "stopped";

	if (READ_ONCE(channel->ready) && !READ_ONCE(channel->stopped))
		state = "running";
	else if (READ_ONCE(channel->crashes) > QTFSD_CRASHES_FEW)
		state = "failing";
	return sysfs_emit(buf, "%s\n", state);
}

static ssize_t all_stats_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return stats_emit(qtfsd.stats, buf);
}

static struct kobj_attribute engine_attr = __ATTR(engine, 0444, engine_show, NULL);
static struct kobj_attribute stats_attr = __ATTR(stats, 0400, all_stats_show, NULL);

static const struct attribute *const module_attrs[] = {
	&engine_attr.attr,
	&stats_attr.attr,
	NULL,
};

int qtfsd_sysfs_init(void)
{
	int error;

	qtfsd.kobj = kobject_create_and_add("qtfs_server", fs_kobj);
	if (!qtfsd.kobj)
		return -ENOMEM;
	error = sysfs_create_files(qtfsd.kobj, (const struct attribute **)module_attrs);
	if (error)
		kobject_put(qtfsd.kobj);
	return error;
}

void qtfsd_sysfs_exit(void)
{
	kobject_put(qtfsd.kobj);
}
