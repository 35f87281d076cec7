// SPDX-License-Identifier: GPL-2.0
/*
 * qtfs.ko: parameters, init and exit.
 */
#include "qtfs.h"
#include "transport/pcie.h"

#include <linux/module.h>

#include "transport/loglevel.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static char *qtfs_server_ip;
module_param(qtfs_server_ip, charp, 0444);
MODULE_PARM_DESC(qtfs_server_ip, "address of the server for mounts without addr=");

static unsigned int qtfs_server_port = QTFS_PORT;
module_param(qtfs_server_port, uint, 0444);
MODULE_PARM_DESC(qtfs_server_port, "TCP port of the server for mounts without port=");

static char *qtfs_server_vsock_cid;
module_param(qtfs_server_vsock_cid, charp, 0444);
MODULE_PARM_DESC(qtfs_server_vsock_cid, "context id of the server for vsock mounts without cid=");

static unsigned int qtfs_server_vsock_port = QTFS_PORT;
module_param(qtfs_server_vsock_port, uint, 0444);
MODULE_PARM_DESC(qtfs_server_vsock_port, "vsock port of the server for mounts without port=");

int qtfs_log_level = QTFS_LOG_WARN;
module_param_cb(qtfs_log_level, &qtfs_loglevel_param_ops, &qtfs_log_level, 0644);
MODULE_PARM_DESC(qtfs_log_level, "NONE, ERROR, WARN (the default), INFO or DEBUG");

struct workqueue_struct *qtfs_wq;
struct workqueue_struct *qtfs_link_wq;
struct workqueue_struct *qtfs_recover_wq;

/*
 * The server that the module's parameters name for *@transport, or by any
 * transport if that is NULL.  -ENOENT if they name none.
 */
int qtfs_default_addr(const struct qtfs_transport **transport, const char **host,
		      unsigned int *port)
{
	const struct qtfs_transport *wanted = *transport;

	if (qtfs_server_ip && (!wanted || wanted == &qtfs_transport_tcp)) {
		*transport = &qtfs_transport_tcp;
		*host = qtfs_server_ip;
		*port = *port ?: qtfs_server_port;
		return 0;
	}
	if (qtfs_server_vsock_cid && (!wanted || wanted == &qtfs_transport_vsock)) {
		*transport = &qtfs_transport_vsock;
		*host = qtfs_server_vsock_cid;
		*port = *port ?: qtfs_server_vsock_port;
		return 0;
	}
	return -ENOENT;
}

static struct file_system_type qtfs_type = {
	.owner = THIS_MODULE,
	.name = "qtfs",
	.init_fs_context = qtfs_init_fs_context,
	.kill_sb = qtfs_kill_sb,
};
MODULE_ALIAS_FS("qtfs");

static int __init qtfs_init(void)
{
	int error;

	if (!qtfs_server_port || qtfs_server_port > U16_MAX) {
		pr_err("qtfs_server_port=%u: a port is 1 to 65535\n", qtfs_server_port);
		return -EINVAL;
	}

	qtfs_wq = alloc_workqueue("qtfs", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!qtfs_wq)
		return -ENOMEM;
	error = -ENOMEM;
	qtfs_link_wq = alloc_workqueue("qtfs-link", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!qtfs_link_wq)
		goto err_link_wq;
	qtfs_recover_wq = alloc_workqueue("qtfs-recover", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!qtfs_recover_wq)
		goto err_recover_wq;
	error = qtfs_transport_init("qtfs-tx");
	if (error)
		goto err_transport;
	error = qtfs_inode_cache_init();
	if (error)
		goto err_inode_cache;
	error = qtfs_sysfs_init();
	if (error)
		goto err_sysfs;
	error = qtfs_pcie_init(QTFS_PCIE_CLIENT, NULL);
	if (error)
		goto err_pcie;
	error = qtfs_uds_init();
	if (error)
		goto err_uds;
	error = qtfs_control_init();
	if (error)
		goto err_control;
	qtfs_debugfs_init();
	error = register_filesystem(&qtfs_type);
	if (error)
		goto err_register;
	return 0;

err_register:
	qtfs_debugfs_exit();
	qtfs_control_exit();
err_control:
	qtfs_uds_exit();
err_uds:
	qtfs_pcie_exit();
err_pcie:
	qtfs_sysfs_exit();
err_sysfs:
	qtfs_inode_cache_exit();
err_inode_cache:
	qtfs_transport_exit();
err_transport:
	destroy_workqueue(qtfs_recover_wq);
err_recover_wq:
	destroy_workqueue(qtfs_link_wq);
err_link_wq:
	destroy_workqueue(qtfs_wq);
	return error;
}

static void __exit qtfs_exit(void)
{
	unregister_filesystem(&qtfs_type);
	qtfs_debugfs_exit();
	qtfs_control_exit();
	qtfs_uds_exit();
	qtfs_pcie_exit();
	qtfs_sysfs_exit();
	qtfs_inode_cache_exit();
	qtfs_transport_exit();
	destroy_workqueue(qtfs_recover_wq);
	destroy_workqueue(qtfs_link_wq);
	destroy_workqueue(qtfs_wq);
}

module_init(qtfs_init);
module_exit(qtfs_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(QTFS_RELEASE);
MODULE_DESCRIPTION("qtfs client: another machine's files");
