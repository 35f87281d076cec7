// SPDX-License-Identifier: GPL-2.0
/*
 * Routes: the addresses by which a session may reach its server.
 *
 * The first is the mount's addr=, cid= or dev=; alt= names a second one:
 *
 *	alt=TRANSPORT[:ADDRESS[:PORT]]		tcp:10.0.0.2:12346, tcp:[fe80::1]:12345,
 *						vsock:2, pcie, pcie:0000:00:05.0
 *
 * Which route a link takes, and when it goes back to the first, is link.c's business.
 */
#include "qtfs.h"

#include <linux/slab.h>

/*
 * Cuts the port off @host, "" if it has none: what follows the last colon, unless that
 * is inside of brackets.  An IPv6 address that is to have a port has to be in
 * brackets, and one without may be as it is.
 */
static int cut_port(char *host, unsigned int *port)
{
	char *colon = strrchr(host, ':');

	*port = QTFS_PORT;
	if (!colon || strchr(colon, ']') || (*host != '[' && strchr(host, ':') != colon))
		return 0;
	*colon = '\0';
	return kstrtouint(colon + 1, 10, port);
}

/*
 * Makes @route what @text says.  -EINVAL if it says nothing that makes sense; net is the
 * name space of the address, which the caller holds.
 */
int qtfs_route_parse(struct qtfs_route *route, struct net *net, const char *text)
{
	char *name = kstrdup(text, GFP_KERNEL), *host;
	const struct qtfs_transport *transport;
	unsigned int port = 0;
	int error = 0;

	if (!name)
		return -ENOMEM;
	host = strchr(name, ':');
	if (host)
		*host++ = '\0';
	else
		host = name + strlen(name);
	memset(route, 0, sizeof(*route));
	route->addr.net = net;
	transport = qtfs_transport_find(name);
	if (!transport || (*host ? !transport->option : !transport->nameless))
		error = -EINVAL;
	if (!error && transport->has_port)
		error = cut_port(host, &port);
	if (!error)
		error = transport->parse(&route->addr, host, port);
	route->transport = transport;
	kfree(name);
	return error ? -EINVAL : 0;
}

const struct qtfs_route *qtfs_link_route(const struct qtfs_link *link)
{
	return &link->lane->session->routes[link->route];
}

const char *qtfs_session_text(const struct qtfs_session *session)
{
	return session->routes[READ_ONCE(session->route)].addr.text;
}
