// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/qtfs/<id>/: one directory for each mount.
 *
 *	state		connecting, connected, suspect (the server says nothing) or down
 *	slow_ms		a request that takes longer is told in the log; 0: none
 *	transport	the transport and the server's address, as it is reached at the moment
 *	routes		all that the mount named: how many connections go by it, and its address
 *	device		the device number of the mount's files, as in mountinfo
 *	stats		"NAME value" lines: requests and errors for each operation
 */
#include "qtfs.h"

#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

static struct kset *qtfs_kset;
static DEFINE_IDA(mount_ids);

static struct qtfs_session *to_session(struct kobject *kobj)
{
	return container_of(kobj, struct qtfs_session, kobj);
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	static const char *const names[] = {
		[QTFS_SESSION_CONNECTING] = "connecting",
		[QTFS_SESSION_CONNECTED] = "connected",
		[QTFS_SESSION_SUSPECT] = "suspect",
		[QTFS_SESSION_DOWN] = "down",
	};

	return sysfs_emit(buf, "%s\n", names[READ_ONCE(to_session(kobj)->state)]);
}

static ssize_t transport_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", qtfs_session_text(to_session(kobj)));
}

static ssize_t routes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct qtfs_session *session = to_session(kobj);
	unsigned int used[QTFS_ROUTES_MAX] = {};
	unsigned int i;
	int at = 0;

	spin_lock(&session->lock);
	for (i = 0; i < session->nr_lanes; i++) {
		const struct qtfs_link *link = session->lanes[i].link;

		if (link && link->usable)
			used[link->route]++;
	}
	spin_unlock(&session->lock);
	for (i = 0; i < session->nr_routes; i++)
		at += sysfs_emit_at(buf, at, "%u %s\n", used[i], session->routes[i].addr.text);
	return at;
}

static ssize_t device_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	/* A super block that has been set here outlives the session. */
	const struct super_block *sb = READ_ONCE(to_session(kobj)->sb);

	return sb ? sysfs_emit(buf, "%u:%u\n", MAJOR(sb->s_dev), MINOR(sb->s_dev)) : -EAGAIN;
}

static ssize_t stats_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct qtfs_session *session = to_session(kobj);
	u64 sent = atomic64_read(&session->bytes_sent);
	u64 received = atomic64_read(&session->bytes_received);
	u64 total = 0;
	int at = 0;
	int i, op;

	spin_lock(&session->lock);
	for (i = 0; i < session->nr_lanes; i++) {
		const struct qtfs_link *link = session->lanes[i].link;

		sent += link ? atomic64_read(&link->conn.bytes_sent) : 0;
		received += link ? atomic64_read(&link->conn.bytes_received) : 0;
	}
	spin_unlock(&session->lock);

	for (op = 1; op < QTFS_OP_END; op++) {
		const char *name = qtfs_op_info(op)->name;
		u64 requests = atomic64_read(&session->requests[op]);

		total += requests;
		at += sysfs_emit_at(buf, at, "%s %llu\n", name, requests);
		at += sysfs_emit_at(buf, at, "%s_errors %llu\n", name,
				    (u64)atomic64_read(&session->errors[op]));
	}
	at += sysfs_emit_at(buf, at, "requests %llu\n", total);
	at += sysfs_emit_at(buf, at, "bytes_sent %llu\n", sent);
	at += sysfs_emit_at(buf, at, "bytes_received %llu\n", received);
	at += sysfs_emit_at(buf, at, "slots %u\n", READ_ONCE(session->nr_slots));
	at += sysfs_emit_at(buf, at, "slot_waits %llu\n",
			    (u64)atomic64_read(&session->slot_waits));
	at += sysfs_emit_at(buf, at, "reconnects %llu\n",
			    (u64)atomic64_read(&session->reconnects));
	at += sysfs_emit_at(buf, at, "moves %llu\n", (u64)atomic64_read(&session->moves));
	at += sysfs_emit_at(buf, at, "resent %llu\n", (u64)atomic64_read(&session->resent));
	at += sysfs_emit_at(buf, at, "late_replies %llu\n",
			    (u64)atomic64_read(&session->late));
	at += sysfs_emit_at(buf, at, "proto_errors %llu\n",
			    (u64)atomic64_read(&session->bad_frames));
	return at;
}

static ssize_t slow_ms_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_session(kobj)->slow_ms));
}

static ssize_t slow_ms_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			     size_t len)
{
	unsigned int ms;
	int error = kstrtouint(buf, 10, &ms);

	if (error)
		return error;
	WRITE_ONCE(to_session(kobj)->slow_ms, ms);
	return len;
}

static struct kobj_attribute state_attr = __ATTR_RO(state);
static struct kobj_attribute slow_ms_attr = __ATTR_RW(slow_ms);
static struct kobj_attribute transport_attr = __ATTR_RO(transport);
static struct kobj_attribute routes_attr = __ATTR_RO(routes);
static struct kobj_attribute device_attr = __ATTR_RO(device);
static struct kobj_attribute stats_attr = __ATTR_RO(stats);

static struct attribute *session_attrs[] = {
	&state_attr.attr,
	&slow_ms_attr.attr,
	&transport_attr.attr,
	&routes_attr.attr,
	&device_attr.attr,
	&stats_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(session);

static void session_kobj_release(struct kobject *kobj)
{
	complete(&to_session(kobj)->kobj_released);
}

static const struct kobj_type session_ktype = {
	.release = session_kobj_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = session_groups,
};

int qtfs_sysfs_add(struct qtfs_session *session)
{
	int id, error;

	id = ida_alloc_min(&mount_ids, 1, GFP_KERNEL);
	if (id < 0)
		return id;
	session->mount_id = id;
	session->kobj.kset = qtfs_kset;
	error = kobject_init_and_add(&session->kobj, &session_ktype, NULL, "%d", id);
	if (!error)
		qtfs_stats_expose(session);
	else
		qtfs_sysfs_del(session);
	return error;
}

/* Waits until nobody reads a file of @session's any more. */
void qtfs_sysfs_del(struct qtfs_session *session)
{
	qtfs_stats_hide(session);
	kobject_put(&session->kobj);
	wait_for_completion(&session->kobj_released);
	ida_free(&mount_ids, session->mount_id);
}

int qtfs_sysfs_init(void)
{
	qtfs_kset = kset_create_and_add("qtfs", NULL, fs_kobj);
	return qtfs_kset ? 0 : -ENOMEM;
}

void qtfs_sysfs_exit(void)
{
	kset_unregister(qtfs_kset);
	ida_destroy(&mount_ids);
}
