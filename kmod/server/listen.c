// SPDX-License-Identifier: GPL-2.0
/*
 * Where the server listens: the module's parameters, one listener for each
 * transport that they ask for.
 *
 * The addresses belong to the name space that the module was loaded from.
 * Sockets of the kernel don't hold their name space, so it is held here until
 * the last connection that came from a listener is gone.
 */
#include "server/qtfsd.h"
#include "transport/loop.h"
#include "transport/pcie.h"

#include <linux/module.h>
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

static char *qtfs_server_ip;
module_param(qtfs_server_ip, charp, 0444);
MODULE_PARM_DESC(qtfs_server_ip, "Address to listen on for TCP (default: none)");

static unsigned int qtfs_server_port = QTFS_PORT;
module_param(qtfs_server_port, uint, 0444);
MODULE_PARM_DESC(qtfs_server_port, "TCP port (default: 12345)");

static char *qtfs_server_vsock_cid;
module_param(qtfs_server_vsock_cid, charp, 0444);
MODULE_PARM_DESC(qtfs_server_vsock_cid, "Context id to listen on for vsock (default: none)");

static unsigned int qtfs_server_vsock_port = QTFS_PORT;
module_param(qtfs_server_vsock_port, uint, 0444);
MODULE_PARM_DESC(qtfs_server_vsock_port, "vsock port (default: 12345)");

static bool qtfs_loop;
module_param(qtfs_loop, bool, 0444);
MODULE_PARM_DESC(qtfs_loop, "Serve clients in this kernel as well");

/* loop.h says what this is for. */
int qtfs_server_loop_connect(struct qtfs_loop_pair *pair)
{
	return qtfs_loop_offer(pair);
}
EXPORT_SYMBOL_GPL(qtfs_server_loop_connect);

/* @param: what @host comes from. */
static int listen_on(const struct qtfs_transport *transport, const char *param, const char *host,
		     unsigned int port)
{
	struct qtfs_listener *listener = &qtfsd.listeners[qtfsd.nr_listeners];
	struct qtfs_addr addr = { .net = qtfsd.net };
	int error;

	error = transport->parse(&addr, host, port);
	if (error) {
		pr_err("%s=%s with port %u is no address\n", param, host, port);
		return error;
	}
	qtfsd_listener_init(listener);
	error = qtfs_listener_start(listener, transport, &addr);
	if (error) {
		pr_err("can't listen on %s (%d)\n", addr.text, error);
		return error;
	}
	qtfsd.nr_listeners++;
	qtfsd_log(QTFSD_LOG_INFO, "listening on %s", addr.text);
	if (transport != &qtfs_transport_loop && qtfsd_allow_all() && !qtfsd.key)
		pr_info("%s is open to anyone who can reach it; key= or allow= restricts it\n",
			addr.text);
	return 0;
}

/*
 * Nothing new comes, and what there is ends.  Windows go first: they wait for
 * their connections, which close themselves.
 */
void qtfsd_listen_stop(void)
{
	if (qtfsd.pcie)
		qtfs_pcie_exit();
	while (qtfsd.nr_listeners)
		qtfs_listener_stop(&qtfsd.listeners[--qtfsd.nr_listeners]);
	qtfsd_peers_stop();
	put_net(qtfsd.net);
}

int qtfsd_listen_start(void)
{
	int error = 0;

	qtfsd.net = get_net(current->nsproxy->net_ns);
	if (qtfs_server_ip)
		error = listen_on(&qtfs_transport_tcp, "qtfs_server_ip", qtfs_server_ip,
				  qtfs_server_port);
	if (!error && qtfs_server_vsock_cid)
		error = listen_on(&qtfs_transport_vsock, "qtfs_server_vsock_cid",
				  qtfs_server_vsock_cid, qtfs_server_vsock_port);
	if (!error && qtfs_loop)
		error = listen_on(&qtfs_transport_loop, "qtfs_loop", "", 0);
	if (!error) {
		error = qtfs_pcie_init(QTFS_PCIE_SERVER, qtfsd_listener_init);
		qtfsd.pcie = !error;
	}
	if (error)
		qtfsd_listen_stop();
	return error;
}
