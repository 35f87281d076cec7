// SPDX-License-Identifier: GPL-2.0
/*
 * The server module: parameters, beginning and end.
 *
 * The end.  No engine has the device open, since that would hold the module.
 * First nothing new can begin (device, listener), then every connection is
 * closed and waited for, and with them every call: a peer lives as long as its
 * calls.  Their last steps may still be under way in a worker; destroying the
 * work queues waits for those.  Only what they used goes after that.
 */
#include "server/qtfsd.h"

#include <linux/module.h>
#include <linux/random.h>
#include <linux/uuid.h>

#include "transport/loglevel.h"

struct qtfsd qtfsd = {
	.limits = {
		.sessions = 64,
		.conns = 256,
		.nodes = 1 << 20,
		.opens = 1 << 16,
		.slots = QTFS_SLOTS_DEFAULT,
		.data = QTFS_DATA_DEFAULT,
		.lease = 180,
		.grace = 5,
	},
	.log_level = QTFSD_LOG_WARN,
	.lock = __MUTEX_INITIALIZER(qtfsd.lock),
	.sessions = LIST_HEAD_INIT(qtfsd.sessions),
	.peers = LIST_HEAD_INIT(qtfsd.peers),
	.idle = __WAIT_QUEUE_HEAD_INITIALIZER(qtfsd.idle),
};

module_param_cb(qtfs_log_level, &qtfs_loglevel_param_ops, &qtfsd.log_level, 0644);
MODULE_PARM_DESC(qtfs_log_level, "NONE, ERROR, WARN (the default), INFO or DEBUG");

module_param_named(max_sessions, qtfsd.limits.sessions, uint, 0644);
MODULE_PARM_DESC(max_sessions, "Clients at a time (default: 64)");
module_param_named(max_conns, qtfsd.limits.conns, uint, 0644);
MODULE_PARM_DESC(max_conns, "Connections at a time (default: 256)");
module_param_named(max_nodes, qtfsd.limits.nodes, uint, 0644);
MODULE_PARM_DESC(max_nodes, "Paths that a client may hold (default: 1048576)");
module_param_named(max_opens, qtfsd.limits.opens, uint, 0644);
MODULE_PARM_DESC(max_opens, "Files that a client may have open (default: 65536)");

static int max_slots_set(const char *text, const struct kernel_param *param)
{
	unsigned int slots;
	int error = kstrtouint(text, 10, &slots);

	if (error)
		return error;
	if (!slots || slots > QTFS_SLOTS_MAX) {
		pr_err("max_slots=%u is not between 1 and %u\n", slots, QTFS_SLOTS_MAX);
		return -EINVAL;
	}
	return qtfsd_sessions_grant(slots);
}

static const struct kernel_param_ops max_slots_ops = {
	.set = max_slots_set,
	.get = param_get_uint,
};

module_param_cb(max_slots, &max_slots_ops, &qtfsd.limits.slots, 0644);
MODULE_PARM_DESC(max_slots, "Requests in flight of a client (default: 64)");
module_param_named(max_data, qtfsd.limits.data, uint, 0444);
MODULE_PARM_DESC(max_data, "Bytes of data in a frame (default: 1048576)");
module_param_named(lease, qtfsd.limits.lease, uint, 0644);
MODULE_PARM_DESC(lease, "Seconds that a client that is gone keeps its files (default: 180)");

module_param_named(grace, qtfsd.limits.grace, uint, 0644);
MODULE_PARM_DESC(grace, "Seconds for clients to get their locks back when the server starts (default: 5)");

static int check_params(void)
{
	if (qtfsd.limits.data < QTFS_DATA_MIN || qtfsd.limits.data > QTFS_DATA_MAX ||
	    qtfsd.limits.data % PAGE_SIZE) {
		pr_err("max_data=%u is not between %u and %u, in pages\n",
		       qtfsd.limits.data, QTFS_DATA_MIN, QTFS_DATA_MAX);
		return -EINVAL;
	}
	return 0;
}

/*
 * Who we are this time.  Where the machine has not been booted, nothing that was
 * written is lost.  If that can't be told, it has been.
 */
static void init_boot(void)
{
	static const char name[] = "/proc/sys/kernel/random/boot_id";
	struct file *file = filp_open(name, O_RDONLY, 0);
	char text[UUID_STRING_LEN + 1] = {};
	loff_t pos = 0;
	uuid_t uuid;

	get_random_bytes(qtfsd.boot, sizeof(qtfsd.boot));
	qtfsd.started = jiffies;
	if (IS_ERR(file))
		return;
	if (kernel_read(file, text, UUID_STRING_LEN, &pos) == UUID_STRING_LEN &&
	    !uuid_parse(text, &uuid))
		memcpy(qtfsd.boot, &uuid, sizeof(qtfsd.boot) / 2);
	filp_close(file, NULL);
}

static int __init qtfsd_init(void)
{
	int error;

	error = check_params();
	if (error)
		return error;
	init_boot();

	error = -ENOMEM;
	qtfsd.stats = alloc_percpu(struct qtfsd_stats);
	if (!qtfsd.stats)
		return error;
	/* Not for reclaim: file systems flush queues of every kind from it. */
	qtfsd.io_wq = alloc_workqueue("qtfsd-io", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!qtfsd.io_wq)
		goto err_stats;
	qtfsd.conn_wq = alloc_workqueue("qtfsd-conn", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!qtfsd.conn_wq)
		goto err_io_wq;
	error = qtfs_transport_init("qtfsd-tx");
	if (error)
		goto err_conn_wq;
	error = qtfsd_sysfs_init();
	if (error)
		goto err_transport;
	qtfsd_debugfs_init();
	qtfsd_channel_init();
	error = qtfsd_allow_init();
	if (error)
		goto err_sysfs;
	error = qtfsd_auth_init();
	if (error)
		goto err_allow;
	error = qtfsd_listen_start();
	if (error)
		goto err_auth;
	/* The last things that can fail: who opens a device holds the module. */
	error = qtfsd_uds_register();
	if (error)
		goto err_serving;
	error = qtfsd_channel_register();
	if (error)
		goto err_uds;
	return 0;

err_uds:
	qtfsd_uds_unregister();
err_serving:
	qtfsd_listen_stop();
err_auth:
	qtfsd_auth_exit();
err_allow:
	qtfsd_allow_exit();
err_sysfs:
	qtfsd_debugfs_exit();
	qtfsd_sysfs_exit();
err_transport:
	qtfs_transport_exit();
err_conn_wq:
	destroy_workqueue(qtfsd.conn_wq);
err_io_wq:
	destroy_workqueue(qtfsd.io_wq);
err_stats:
	free_percpu(qtfsd.stats);
	return error;
}
module_init(qtfsd_init);

static void __exit qtfsd_exit(void)
{
	qtfsd_channel_unregister();
	qtfsd_uds_unregister();
	qtfsd_listen_stop();
	qtfsd_auth_exit();
	qtfsd_allow_exit();
	destroy_workqueue(qtfsd.io_wq);
	destroy_workqueue(qtfsd.conn_wq);
	qtfs_transport_exit();
	qtfsd_debugfs_exit();
	qtfsd_sysfs_exit();
	free_percpu(qtfsd.stats);
}
module_exit(qtfsd_exit);

MODULE_AUTHOR("The qtfs authors");
MODULE_DESCRIPTION("qtfs server");
MODULE_LICENSE("GPL");
MODULE_VERSION(QTFS_RELEASE);
