// SPDX-License-Identifier: GPL-2.0
/*
 * Who may connect: the parameter allow=.
 *
 * A list, separated by commas, of IPv4 or IPv6 addresses with or without a
 * prefix length, and of context ids (cid:N) for vsock.  An empty list lets
 * everybody in who can reach the port.  loop and pcie have no list: who is at
 * their other end is decided by who may load modules there.
 *
 * It's a fence, not a lock: addresses can be forged by who owns the network.
 *
 * The list is made once, when the module is loaded, so it's read without a lock.
 */
#include "server/qtfsd.h"

#include <linux/inet.h>
#include <linux/in6.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vm_sockets.h>
#include <net/ipv6.h>

#define RULES_MAX	64

static char *allow;
module_param(allow, charp, 0444);
MODULE_PARM_DESC(allow, "Who may connect: ADDRESS[/PREFIX] and cid:N, separated by commas (default: everybody)");

/* Matches if the first @bits bits of the address are the same; IPv4 as ::ffff:a.b.c.d. */
struct rule {
	sa_family_t family;		/* AF_INET6 or AF_VSOCK */
	unsigned int bits;
	union {
		struct in6_addr ip;
		u32 cid;
	};
};

static struct rule *rules;
static unsigned int nr_rules;

static int parse_ip(struct rule *rule, char *text)
{
	char *prefix = strchr(text, '/');
	unsigned int bits = 128;
	unsigned int mapped = 0;
	__be32 ip4;

	if (prefix)
		*prefix++ = '\0';
	rule->family = AF_INET6;
	if (in4_pton(text, -1, (u8 *)&ip4, -1, NULL)) {
		ipv6_addr_set_v4mapped(ip4, &rule->ip);
		mapped = 96;
	} else if (!in6_pton(text, -1, rule->ip.s6_addr, -1, NULL)) {
		return -EINVAL;
	}
	if (prefix && (kstrtouint(prefix, 10, &bits) || bits > 128 - mapped))
		return -EINVAL;
	rule->bits = prefix ? mapped + bits : 128;
	return 0;
}

static int parse_rule(struct rule *rule, char *text)
{
	if (strncmp(text, "cid:", 4))
		return parse_ip(rule, text);
	rule->family = AF_VSOCK;
	return kstrtouint(text + 4, 0, &rule->cid);
}

/* Reads the parameter.  -EINVAL names the word that is wrong in the log. */
int qtfsd_allow_init(void)
{
	char *list, *rest, *word;
	int error = 0;

	if (!allow || !*allow)
		return 0;
	list = kstrdup(allow, GFP_KERNEL);
	rules = kcalloc(RULES_MAX, sizeof(*rules), GFP_KERNEL);
	if (!list || !rules) {
		error = -ENOMEM;
		goto out;
	}
	rest = list;
	while (!error && (word = strsep(&rest, ","))) {
		int len = strlen(word);

		error = nr_rules < RULES_MAX ? parse_rule(&rules[nr_rules], word) : -E2BIG;
		if (error)
			pr_err("allow=%s: \"%.*s\" is no address, or one of more than %u\n",
			       allow, len, allow + (word - list), RULES_MAX);
		else
			nr_rules++;
	}
out:
	kfree(list);
	if (error)
		qtfsd_allow_exit();
	return error;
}

void qtfsd_allow_exit(void)
{
	kfree(rules);
	rules = NULL;
	nr_rules = 0;
}

static bool matches(const struct rule *rule, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)ss;
	struct in6_addr ip;

	if (rule->family == AF_VSOCK)
		return ss->ss_family == AF_VSOCK &&
		       ((const struct sockaddr_vm *)ss)->svm_cid == rule->cid;
	if (ss->ss_family == AF_INET)
		ipv6_addr_set_v4mapped(in4->sin_addr.s_addr, &ip);
	else if (ss->ss_family == AF_INET6)
		ip = ((const struct sockaddr_in6 *)ss)->sin6_addr;
	else
		return false;
	return ipv6_prefix_equal(&ip, &rule->ip, rule->bits);
}

/* Whether anybody who reaches a port may connect to it. */
bool qtfsd_allow_all(void)
{
	return !nr_rules;
}

/* Whether who is at the other end of @conn may connect. */
bool qtfsd_allowed(const struct qtfs_conn *conn)
{
	unsigned int i;

	if (!nr_rules || conn->from.ss_family == AF_UNSPEC)
		return true;
	for (i = 0; i < nr_rules; i++)
		if (matches(&rules[i], &conn->from))
			return true;
	return false;
}
