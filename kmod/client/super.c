// SPDX-License-Identifier: GPL-2.0
/*
 * Mounting: options, super blocks, statfs.
 */
#include "qtfs.h"

#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <net/net_namespace.h>

#include "transport/key.h"

#define READAHEAD_BYTES		(4 << 20)

/* How long the server has to say what a path is; it may be waiting for its engine. */
#define ATTACH_TIMEOUT		(3 * HZ)

/* Names and attributes are believed for so long, in ms, if no event says otherwise. */
#define DEFAULT_TTL_MS		30000

/* timeo= and retrans= */
#define TIMEO_MIN_MS		1000u
#define TIMEO_MAX_MS		600000u
#define RETRANS_MAX		100u

struct qtfs_options {
	const struct qtfs_transport *transport;
	char *host;
	const struct qtfs_transport *host_of;	/* whose option named @host */
	unsigned int port;
	unsigned int entry_ms;
	unsigned int attr_ms;
	unsigned int negative_ms;
	enum qtfs_cache_mode cache;
	struct qtfs_patience patience;
	enum { CRC_DEFAULT, CRC_ON, CRC_OFF } crc;
	unsigned int local_lock;
	unsigned int nconnect;
	char *alt;			/* a second address, or NULL: route.c */
	char *key;			/* its description, or NULL */
	struct list_head links;		/* special.c */
	bool submounts;			/* the server's mounts are mounts: submount.c */
};

enum {
	OPT_TRANS,
	OPT_HOST,
	OPT_PORT,
	OPT_ENTRY_TIMEOUT,
	OPT_ATTR_TIMEOUT,
	OPT_NEGATIVE_TIMEOUT,
	OPT_CACHE,
	OPT_HARD,
	OPT_SOFT,
	OPT_TIMEO,
	OPT_RETRANS,
	OPT_CRC,
	OPT_LOCAL_LOCK,
	OPT_NCONNECT,
	OPT_ALT,
	OPT_KEY,
	OPT_LINK,
	OPT_SUBMOUNTS,
};

/* As NFS has them. */
static const struct constant_table local_locks[] = {
	{ "none", 0 },
	{ "flock", QTFS_LOCAL_FLOCK },
	{ "posix", QTFS_LOCAL_POSIX },
	{ "all", QTFS_LOCAL_FLOCK | QTFS_LOCAL_POSIX },
	{}
};

static const struct constant_table cache_modes[] = {
	{ "coherent", QTFS_CACHE_COHERENT },
	{ "strict", QTFS_CACHE_STRICT },
	{ "none", QTFS_CACHE_NONE },
	{}
};

static const struct fs_parameter_spec qtfs_parameters[] = {
	fsparam_string("trans", OPT_TRANS),
	fsparam_string("addr", OPT_HOST),
	fsparam_string("cid", OPT_HOST),
	fsparam_string("dev", OPT_HOST),
	fsparam_u32("port", OPT_PORT),
	fsparam_u32("entry_timeout", OPT_ENTRY_TIMEOUT),
	fsparam_u32("attr_timeout", OPT_ATTR_TIMEOUT),
	fsparam_u32("negative_timeout", OPT_NEGATIVE_TIMEOUT),
	fsparam_enum("cache", OPT_CACHE, cache_modes),
	fsparam_flag("hard", OPT_HARD),
	fsparam_flag("soft", OPT_SOFT),
	fsparam_u32("timeo", OPT_TIMEO),
	fsparam_u32("retrans", OPT_RETRANS),
	fsparam_flag_no("crc", OPT_CRC),
	fsparam_enum("local_lock", OPT_LOCAL_LOCK, local_locks),
	fsparam_u32("nconnect", OPT_NCONNECT),
	fsparam_string("alt", OPT_ALT),
	fsparam_string("key", OPT_KEY),
	fsparam_string("link", OPT_LINK),
	fsparam_flag_no("submounts", OPT_SUBMOUNTS),
	{}
};

static int parse_timeout(struct fs_context *fc, unsigned int value, unsigned int *ms)
{
	if (value > 24 * 60 * 60 * 1000)
		return invalfc(fc, "a timeout is at most a day, in milliseconds");
	*ms = value;
	return 0;
}

static int add_link(struct fs_context *fc, const char *text)
{
	struct qtfs_options *options = fc->fs_private;
	int error = qtfs_special_add(&options->links, text);

	if (error == -EINVAL)
		return invalfc(fc, "link=%s: not NAME:TARGET, where NAME is below the mount",
			       text);
	return error;
}

static int qtfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct qtfs_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt;

	/* The VFS takes "source" itself when this says no. */
	opt = fs_parse(fc, qtfs_parameters, param, &result);
	if (opt < 0)
		return opt;

	switch (opt) {
	case OPT_TRANS:
		options->transport = qtfs_transport_find(param->string);
		if (!options->transport)
			return invalfc(fc, "trans=%s: no such transport", param->string);
		return 0;
	case OPT_HOST:
		options->host_of = qtfs_transport_of_option(param->key);
		swap(options->host, param->string);
		return 0;
	case OPT_PORT:
		if (!result.uint_32 || result.uint_32 > U16_MAX)
			return invalfc(fc, "port=%u: a port is 1 to 65535", result.uint_32);
		options->port = result.uint_32;
		return 0;
	case OPT_ENTRY_TIMEOUT:
		return parse_timeout(fc, result.uint_32, &options->entry_ms);
	case OPT_ATTR_TIMEOUT:
		return parse_timeout(fc, result.uint_32, &options->attr_ms);
	case OPT_NEGATIVE_TIMEOUT:
		return parse_timeout(fc, result.uint_32, &options->negative_ms);
	case OPT_CACHE:
		options->cache = result.uint_32;
		return 0;
	case OPT_HARD:
	case OPT_SOFT:
		options->patience.soft = opt == OPT_SOFT;
		return 0;
	case OPT_CRC:
		options->crc = result.negated ? CRC_OFF : CRC_ON;
		return 0;
	case OPT_TIMEO:
		if (result.uint_32 < TIMEO_MIN_MS || result.uint_32 > TIMEO_MAX_MS)
			return invalfc(fc, "timeo=%u: %u to %u, in milliseconds", result.uint_32,
				       TIMEO_MIN_MS, TIMEO_MAX_MS);
		options->patience.timeo = result.uint_32;
		return 0;
	case OPT_RETRANS:
		if (result.uint_32 > RETRANS_MAX)
			return invalfc(fc, "retrans=%u: at most %u", result.uint_32, RETRANS_MAX);
		options->patience.retrans = result.uint_32;
		return 0;
	case OPT_LOCAL_LOCK:
		options->local_lock = result.uint_32;
		return 0;
	case OPT_NCONNECT:
		if (!result.uint_32 || result.uint_32 > QTFS_LANES_MAX)
			return invalfc(fc, "nconnect=%u: 1 to %u connections", result.uint_32,
				       QTFS_LANES_MAX);
		options->nconnect = result.uint_32;
		return 0;
	case OPT_ALT:
		swap(options->alt, param->string);
		return 0;
	case OPT_KEY:
		swap(options->key, param->string);
		return 0;
	case OPT_LINK:
		return add_link(fc, param->string);
	case OPT_SUBMOUNTS:
		options->submounts = !result.negated;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Makes what the server has answered, at @age, the root of @sb, and takes the node over. */
int qtfs_super_root(struct super_block *sb, const struct qtfs_entry_rep *rep,
		    const struct qtfs_age *age)
{
	struct inode *inode = qtfs_iget(sb, &rep->attr, age);

	if (!IS_ERR(inode)) {
		sb->s_root = d_make_root(inode);
		if (sb->s_root)
			return qtfs_dentry_prepare(sb->s_root, le64_to_cpu(rep->node), age);
		inode = ERR_PTR(-ENOMEM);
	}
	qtfs_forget(qtfs_session_of(sb), le64_to_cpu(rep->node));
	return PTR_ERR(inode);
}

/* Asks the server for the path to mount and makes it the root. */
static int attach(struct super_block *sb, struct fs_context *fc)
{
	struct qtfs_sb *sbi = qtfs_sb(sb);
	struct qtfs_entry_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_ATTACH,
		.name[0] = { sbi->path, strlen(sbi->path) },
		.reply = &rep,
		.timeout = ATTACH_TIMEOUT,
	};
	int error;

	error = qtfs_rpc_call(sbi->session, &rpc);
	switch (error) {
	case 0:
		break;
	case -ENOENT:
		errorfc(fc, "%s: no such directory on the server", sbi->path);
		return error;
	case -ENOTDIR:
		errorfc(fc, "%s: not a directory on the server", sbi->path);
		return error;
	case -EACCES:
	case -EPERM:
		errorfc(fc, "%s: the server's whitelist does not allow to mount it ([Mount])",
			sbi->path);
		return error;
	case -ETIMEDOUT:
		errorfc(fc, "%s: no answer: is qtfs-engine running on the server?", sbi->path);
		return error;
	default:
		errorfc(fc, "%s: the server could not open it: error %d", sbi->path, error);
		return error;
	}

	if (!S_ISDIR(le32_to_cpu(rep.attr.mode)))
		return -EPROTO;
	sbi->first.root_dev = le32_to_cpu(rep.attr.dev);
	return qtfs_super_root(sb, &rep, &rpc.age);
}

static int qtfs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct qtfs_sb *sbi = qtfs_sb(root->d_sb);
	const struct qtfs_patience *patience = &sbi->session->patience;
	const struct qtfs_route *route = &sbi->session->routes[0];
	const struct qtfs_transport *transport = route->transport;

	seq_printf(m, ",trans=%s", transport->name);
	if (transport->option && *sbi->host)
		seq_printf(m, ",%s=%s", transport->option, sbi->host);
	if (transport->has_port)
		seq_printf(m, ",port=%u", sbi->port);
	if (sbi->alt)
		seq_show_option(m, "alt", sbi->alt);
	seq_printf(m, ",cache=%s", cache_modes[sbi->cache].name);
	seq_printf(m, ",%s,timeo=%u,retrans=%u", patience->soft ? "soft" : "hard",
		   patience->timeo, patience->retrans);
	seq_puts(m, route->crc ? ",crc" : ",nocrc");
	seq_printf(m, ",nconnect=%u", sbi->session->nr_lanes);
	if (sbi->key)
		seq_show_option(m, "key", sbi->key);
	qtfs_special_show(m, &sbi->links);
	if (sbi->submounts)
		seq_puts(m, ",submounts");
	if (sbi->local_lock)
		seq_printf(m, ",local_lock=%s", local_locks[sbi->local_lock].name);
	seq_printf(m, ",entry_timeout=%u,attr_timeout=%u,negative_timeout=%u",
		   sbi->entry_ms, sbi->attr_ms, sbi->negative_ms);
	return 0;
}

/* For /proc/PID/mountstats. */
static int qtfs_show_stats(struct seq_file *m, struct dentry *root)
{
	qtfs_stats_show(m, qtfs_session_of(root->d_sb));
	return 0;
}

/*
 * umount -f, before anything is unmounted: nobody shall wait any more.  One inside isn't the
 * end of the others.
 */
static void qtfs_umount_begin(struct super_block *sb)
{
	if (!qtfs_super(sb)->mountpoint)
		qtfs_session_abort(qtfs_session_of(sb));
}

/* The VFS has written what was dirty here; now the server's file system. */
static int qtfs_sync_fs(struct super_block *sb, int wait)
{
	struct qtfs_session *session = qtfs_session_of(sb);
	struct qtfs_rpc rpc = { .op = QTFS_OP_SYNCFS };
	struct qtfs_unstable_mark mark;
	int error;

	/* There is no root any more when it is unmounted: that is not a sync(2). */
	if (!wait || !sb->s_root)
		return 0;
	rpc.dentry = sb->s_root;
	mark = qtfs_unstable_mark(session);
	error = qtfs_rpc_call(session, &rpc);
	if (!error)
		qtfs_unstable_commit_all(session, qtfs_super(sb)->root_dev, mark);
	return error;
}

static const struct super_operations qtfs_super_ops = {
	.alloc_inode = qtfs_alloc_inode,
	.free_inode = qtfs_free_inode,
	.drop_inode = inode_generic_drop,
	.evict_inode = qtfs_evict_inode,
	.statfs = qtfs_statfs,
	.sync_fs = qtfs_sync_fs,
	.show_options = qtfs_show_options,
	.show_stats = qtfs_show_stats,
	.umount_begin = qtfs_umount_begin,
};

/* Makes @sb one of ours. */
void qtfs_super_setup(struct super_block *sb)
{
	sb->s_magic = QTFS_SUPER_MAGIC;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_time_gran = 1;
	sb->s_op = &qtfs_super_ops;
	sb->s_xattr = qtfs_xattr_handlers;
	set_default_d_op(sb, &qtfs_dentry_ops);
	/* The umask is the server's business, as default ACLs come before it. */
	sb->s_flags |= SB_POSIXACL;
}

int qtfs_super_bdi(struct super_block *sb)
{
	int error = super_setup_bdi(sb);

	if (error)
		return error;
	sb->s_bdi->ra_pages = READAHEAD_BYTES >> PAGE_SHIFT;
	sb->s_bdi->io_pages = qtfs_session_of(sb)->max_data >> PAGE_SHIFT;
	return 0;
}

static int qtfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	int error;

	qtfs_super(sb)->sb = sb;
	qtfs_super_add(qtfs_super(sb));
	/*
	 * Before ATTACH, since events come for what has been looked up; earlier
	 * ones are no honest server's.  Pairs with qtfs_notify_work().
	 */
	smp_store_release(&qtfs_sb(sb)->session->sb, sb);

	qtfs_super_setup(sb);
	error = qtfs_super_bdi(sb);
	return error ?: attach(sb, fc);
}

static void sb_free(struct qtfs_sb *sbi)
{
	if (sbi->session)
		qtfs_session_close(sbi->session);
	kfree(sbi->host);
	kfree(sbi->alt);
	kfree(sbi->key);
	qtfs_special_free(&sbi->links);
	kfree(sbi->path);
	kfree(sbi);
}

/* Finds out which server is meant, by the options or else by the module's parameters. */
static int resolve_addr(struct fs_context *fc, struct qtfs_sb *sbi, struct qtfs_route *route)
{
	struct qtfs_options *options = fc->fs_private;
	const struct qtfs_transport *transport = options->transport ?: options->host_of;
	const char *host = options->host;
	unsigned int port = options->port;

	if (host && transport != options->host_of)
		return invalfc(fc, "%s=%s: trans=%s takes %s", options->host_of->option, host,
			       transport->name, transport->option ?: "no address");
	if (!host && transport && transport->nameless)
		host = "";
	if (!host && qtfs_default_addr(&transport, &host, &port))
		return invalfc(fc, "no server named: give addr= or load qtfs with qtfs_server_ip=");

	memset(route, 0, sizeof(*route));
	route->transport = transport;
	route->addr.net = current->nsproxy->net_ns;
	sbi->port = port ?: QTFS_PORT;
	if (transport->parse(&route->addr, host, sbi->port))
		return invalfc(fc, "%s=%s: not an address for trans=%s", transport->option, host,
			       transport->name);
	sbi->host = kstrdup(host, GFP_KERNEL);
	return sbi->host ? 0 : -ENOMEM;
}

/* Makes the routes of @config that the options name. */
static int resolve_routes(struct fs_context *fc, struct qtfs_sb *sbi,
			  struct qtfs_session_config *config)
{
	struct qtfs_options *options = fc->fs_private;
	unsigned int i;
	int error;

	config->nr_routes = options->alt ? 2 : 1;
	error = resolve_addr(fc, sbi, &config->routes[0]);
	if (error)
		return error;
	if (options->alt &&
	    qtfs_route_parse(&config->routes[1], config->routes[0].addr.net, options->alt))
		return invalfc(fc, "alt=%s: not TRANSPORT:ADDRESS:PORT", options->alt);
	for (i = 0; i < config->nr_routes; i++) {
		struct qtfs_route *route = &config->routes[i];

		if (route->transport->single && options->nconnect > 1)
			return invalfc(fc, "nconnect=%u: trans=%s has one connection",
				       options->nconnect, route->transport->name);
		route->crc = options->crc == CRC_DEFAULT ? route->transport->wants_crc :
							   options->crc == CRC_ON;
	}
	swap(sbi->alt, options->alt);
	return 0;
}

static void set_timeouts(struct qtfs_sb *sbi, const struct qtfs_options *options)
{
	sbi->entry_ms = options->entry_ms;
	sbi->attr_ms = options->attr_ms;
	sbi->negative_ms = options->negative_ms;
	sbi->entry_ttl = msecs_to_jiffies(options->entry_ms);
	sbi->attr_ttl = msecs_to_jiffies(options->attr_ms);
	sbi->negative_ttl = msecs_to_jiffies(options->negative_ms);
}

/* Takes the key that the options name out of the keyrings of who mounts. */
static int find_key(struct fs_context *fc, struct qtfs_sb *sbi, struct qtfs_key **keyp)
{
	struct qtfs_options *options = fc->fs_private;
	struct qtfs_key *key;

	*keyp = NULL;
	if (!options->key)
		return 0;
	key = qtfs_key_find(options->key);
	if (key == ERR_PTR(-EINVAL))
		errorfc(fc, "key=%s: a key has at least %u bytes", options->key,
			QTFS_AUTH_KEY_MIN);
	else if (IS_ERR(key))
		errorfc(fc, "key=%s: no such key in your keyrings: error %ld", options->key,
			PTR_ERR(key));
	if (IS_ERR(key))
		return PTR_ERR(key);
	swap(sbi->key, options->key);
	*keyp = key;
	return 0;
}

static int qtfs_get_tree(struct fs_context *fc)
{
	struct qtfs_options *options = fc->fs_private;
	struct qtfs_session_config config = {};
	struct qtfs_session *session;
	struct qtfs_sb *sbi;
	int error;

	if (!fc->source || fc->source[0] != '/')
		return invalfc(fc, "the source must be an absolute path on the server");
	if (strlen(fc->source) > QTFS_PATH_MAX)
		return -ENAMETOOLONG;
	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	xa_init(&sbi->devs);
	INIT_LIST_HEAD(&sbi->links);
	qtfs_supers_init(sbi);
	list_splice_init(&options->links, &sbi->links);
	qtfs_deferred_init(sbi);
	set_timeouts(sbi, options);
	sbi->cache = options->cache;
	sbi->local_lock = options->local_lock;
	sbi->submounts = options->submounts;
	sbi->path = kstrdup(fc->source, GFP_KERNEL);
	error = sbi->path ? resolve_routes(fc, sbi, &config) : -ENOMEM;
	if (!error)
		error = find_key(fc, sbi, &config.key);
	if (error) {
		sb_free(sbi);
		return error;
	}
	config.patience = options->patience;
	config.nr_lanes = options->nconnect;
	session = qtfs_session_open(fc, &config);
	if (IS_ERR(session)) {
		sb_free(sbi);
		return PTR_ERR(session);
	}
	sbi->session = session;

	/* The super block takes s_fs_info over when it's made; else it's still here. */
	fc->s_fs_info = &sbi->first;
	error = get_tree_nodev(fc, qtfs_fill_super);
	if (fc->s_fs_info) {
		sb_free(sbi);
		fc->s_fs_info = NULL;
	}
	return error;
}

static int qtfs_reconfigure(struct fs_context *fc)
{
	struct qtfs_options *options = fc->fs_private;
	struct qtfs_sb *sbi = qtfs_sb(fc->root->d_sb);

	if ((options->host && strcmp(options->host, sbi->host)) ||
	    (options->transport && options->transport != sbi->session->routes[0].transport) ||
	    (options->port && options->port != sbi->port))
		return invalfc(fc, "the server can't be changed by a remount");
	/* A lock that is held would be looked for in the wrong place. */
	if (options->local_lock != sbi->local_lock)
		return invalfc(fc, "local_lock can't be changed by a remount");
	if (options->nconnect != sbi->session->nr_lanes)
		return invalfc(fc, "nconnect can't be changed by a remount");
	if (options->alt && (!sbi->alt || strcmp(options->alt, sbi->alt)))
		return invalfc(fc, "alt can't be changed by a remount");
	if (options->submounts != sbi->submounts)
		return invalfc(fc, "submounts can't be changed by a remount");
	if (!qtfs_special_known(&options->links, &sbi->links))
		return invalfc(fc, "link can't be changed by a remount");
	if (options->key && (!sbi->key || strcmp(options->key, sbi->key)))
		return invalfc(fc, "key can't be changed by a remount");
	sync_filesystem(fc->root->d_sb);
	sbi->cache = options->cache;
	set_timeouts(sbi, options);
	qtfs_session_set_patience(sbi->session, &options->patience);
	return 0;
}

static void qtfs_free_fc(struct fs_context *fc)
{
	struct qtfs_options *options = fc->fs_private;

	kfree(options->host);
	kfree(options->alt);
	kfree(options->key);
	qtfs_special_free(&options->links);
	kfree(options);
}

static const struct fs_context_operations qtfs_context_ops = {
	.free = qtfs_free_fc,
	.parse_param = qtfs_parse_param,
	.get_tree = qtfs_get_tree,
	.reconfigure = qtfs_reconfigure,
};

int qtfs_init_fs_context(struct fs_context *fc)
{
	struct qtfs_options *options;

	if (fc->purpose == FS_CONTEXT_FOR_SUBMOUNT)
		return qtfs_submount_context(fc);
	options = kzalloc(sizeof(*options), GFP_KERNEL);
	if (!options)
		return -ENOMEM;
	INIT_LIST_HEAD(&options->links);
	options->entry_ms = DEFAULT_TTL_MS;
	options->attr_ms = DEFAULT_TTL_MS;
	options->negative_ms = DEFAULT_TTL_MS;
	options->patience.timeo = QTFS_TIMEO_MS;
	options->patience.retrans = QTFS_RETRANS;
	options->nconnect = 1;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		const struct qtfs_sb *sbi = qtfs_sb(fc->root->d_sb);

		options->entry_ms = sbi->entry_ms;
		options->attr_ms = sbi->attr_ms;
		options->negative_ms = sbi->negative_ms;
		options->cache = sbi->cache;
		options->patience = sbi->session->patience;
		options->local_lock = sbi->local_lock;
		options->nconnect = sbi->session->nr_lanes;
		options->submounts = sbi->submounts;
	}
	fc->fs_private = options;
	fc->ops = &qtfs_context_ops;
	return 0;
}

/* The last steps of what tasks left behind, and of write-back, while the server can be asked. */
static void settle(struct super_block *sb)
{
	struct qtfs_sb *sbi = qtfs_sb(sb);

	/* Not the whole work queue: another mount's server may be gone. */
	wait_var_event(&sbi->closing, !atomic_read(&sbi->closing));
	/* While a restart of the server can still be recovered from. */
	sync_inodes_sb(sb);
}

/* Of a mount inside another one. */
static void kill_submount(struct super_block *sb)
{
	struct qtfs_super *super = qtfs_super(sb);
	struct super_block *first = super->sbi->first.sb;

	settle(sb);
	qtfs_super_del(super);
	sb->s_dev = super->own_dev;
	kill_anon_super(sb);
	qtfs_submount_free(super);
	deactivate_super(first);
}

void qtfs_kill_sb(struct super_block *sb)
{
	struct qtfs_sb *sbi;

	if (!qtfs_super(sb)) {
		kill_anon_super(sb);
		return;
	}
	if (qtfs_super(sb)->mountpoint) {
		kill_submount(sb);
		return;
	}
	sbi = qtfs_sb(sb);
	settle(sb);
	/* No event may look for inodes any more. */
	qtfs_session_quiesce(sbi->session);
	qtfs_supers_stop(sbi);
	/* The root's device number is the super block's own and goes with it. */
	kill_anon_super(sb);
	qtfs_deferred_exit(sbi);
	qtfs_devs_free(sbi);
	sb_free(sbi);
}
