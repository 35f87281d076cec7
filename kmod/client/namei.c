// SPDX-License-Identifier: GPL-2.0
/*
 * Names: looking up, revalidating, making, removing, renaming.
 *
 * A dentry holds what the server said of a name until d_time.  A positive one
 * that has expired is asked for again together with its node: as long as the
 * name leads to the same path on the server, nothing changes but the attributes.
 * If it leads to another path of the same file, the node is replaced; if to
 * another file, the dentry is dropped and looked up afresh.
 *
 * What this client changes it applies to its own dentries from the server's
 * answer; the attributes of directories and of files that lost or got a name
 * are expired.
 */
#include "qtfs.h"

#include <linux/namei.h>

#include "frame.h"

/* Asks again for a name before it is used. */
void qtfs_dentry_expire(struct dentry *dentry)
{
	WRITE_ONCE(dentry->d_time, 0);
}

/*
 * d_time is the time, in jiffies, when a name expires, but 0 means at once; its
 * lowest bits are those of what may expire all names when it was looked up, and
 * whether READDIR brought the name and nobody has used it yet.
 */
#define EXPIRY_BITS	(BITS_PER_LONG == 64 ? 20 : 4)
#define EXPIRY_MASK	((1UL << EXPIRY_BITS) - 1)
#define PRIMED		BIT(EXPIRY_BITS)
#define TIME_SHIFT	(EXPIRY_BITS + 1)
#define TIME_MASK	(~0UL << TIME_SHIFT)

/*
 * Names in @dir are of the super block's expiry, and of the path that the directory had:
 * where it is mounted twice on the server, it has one place here, the latest, and
 * the nodes of its names belong to the other.
 */
static unsigned long names_expiry(const struct qtfs_sb *sbi, const struct inode *dir)
{
	unsigned int expiry = atomic_read(&sbi->expiry) + READ_ONCE(qtfs_i(dir)->place);

	return expiry & EXPIRY_MASK;
}

/* The path of directory @inode is another one. */
void qtfs_names_expire(struct inode *inode)
{
	WRITE_ONCE(qtfs_i(inode)->place, qtfs_i(inode)->place + 1);
}

/*
 * Lets an answer of @age about the name of @dentry be believed.  The dentry has
 * been made what the answer says.
 */
static void dentry_believe(struct dentry *dentry, const struct qtfs_age *age)
{
	struct qtfs_sb *sbi = qtfs_sb(dentry->d_sb);
	unsigned long ttl = d_really_is_negative(dentry) ? sbi->negative_ttl : sbi->entry_ttl;
	unsigned long expiry = names_expiry(sbi, d_inode(dentry->d_parent));

	if (!ttl || qtfs_uncached(d_inode(dentry->d_parent))) {
		qtfs_dentry_expire(dentry);
		return;
	}
	WRITE_ONCE(dentry->d_time, (((jiffies + ttl) << TIME_SHIFT) | expiry) ?: 1);
	if (qtfs_overtaken(sbi->session, age))
		qtfs_dentry_expire(dentry);
}

static bool dentry_expired(const struct dentry *dentry)
{
	unsigned long time = READ_ONCE(dentry->d_time);
	unsigned long now = jiffies;
	const struct inode *dir;
	unsigned long expiry;

	/* The directory may be another one in the next moment, and this one on its way out. */
	rcu_read_lock();
	dir = d_inode_rcu(READ_ONCE(dentry->d_parent));
	expiry = dir ? names_expiry(qtfs_sb(dentry->d_sb), dir) : ~0UL;
	rcu_read_unlock();
	now <<= TIME_SHIFT;
	return !time || (time & EXPIRY_MASK) != expiry ||
	       time_after_eq(now, time & TIME_MASK);
}

/* Will tell whether the name is used, unless it has expired already. */
static void dentry_set_primed(struct dentry *dentry)
{
	unsigned long time = READ_ONCE(dentry->d_time);

	if (time)
		cmpxchg(&dentry->d_time, time, time | PRIMED);
}

/* Counts the first use of a name that READDIR brought.  Maybe in RCU walk. */
static void dentry_used(struct inode *dir, struct dentry *dentry)
{
	unsigned long time = READ_ONCE(dentry->d_time);

	if ((time & PRIMED) && cmpxchg(&dentry->d_time, time, time & ~PRIMED) == time)
		qtfs_dir_used(dir, 1);
}

static struct qtfs_name name_of(const struct dentry *dentry)
{
	return (struct qtfs_name){ dentry->d_name.name, dentry->d_name.len };
}

/*
 * Asks the server where @name in @dir leads; @known is the dentry it has here, or NULL, and
 * @cred who asks; NULL: the caller.
 */
int qtfs_lookup_as(const struct cred *cred, struct dentry *dir, const struct qstr *name,
		   struct dentry *known, struct qtfs_entry_rep *rep, struct qtfs_age *age)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_LOOKUP,
		.cred = cred,
		.dentry = dir,
		.known = known,
		.name[0] = { name->name, name->len },
		.reply = rep,
	};
	int error;

	error = qtfs_rpc_call(qtfs_session_of(dir->d_sb), &rpc);
	*age = rpc.age;
	return error;
}

/* Asks again for a positive dentry, as above.  Returns whether it's still good, or an error. */
int qtfs_dentry_ask(const struct cred *cred, struct dentry *parent, const struct qstr *name,
		    struct dentry *dentry)
{
	struct qtfs_session *session = qtfs_session_of(dentry->d_sb);
	struct inode *inode = d_inode(dentry);
	struct qtfs_entry_rep rep;
	struct qtfs_age age;
	u64 number, epoch;
	int error;

	error = qtfs_lookup_as(cred, parent, name, dentry, &rep, &age);
	if (error == -ENOENT || error == -ESTALE || error == -ENOTDIR)
		return 0;
	if (error)
		return error;

	number = le64_to_cpu(rep.node);
	if (!qtfs_same_entry(inode, &rep.attr)) {
		if (number != qtfs_dentry_node(dentry, &epoch))
			qtfs_forget(session, number);
		return 0;
	}
	qtfs_dir_used(d_inode(parent), 0);
	if (S_ISDIR(inode->i_mode) && number != qtfs_dentry_node(dentry, &epoch))
		qtfs_names_expire(inode);
	qtfs_dentry_adopt(dentry, number, &age);
	qtfs_update_inode(inode, &rep.attr, &age);
	dentry_believe(dentry, &age);
	return 1;
}

static int revalidate(struct inode *dir, const struct qstr *name, struct dentry *dentry,
		      unsigned int flags)
{
	const struct inode *inode = d_inode_rcu(dentry);
	struct dentry *parent;
	int valid;

	/* A name about to be made is asked for again: others make names, too. */
	if (!inode) {
		if (flags & (LOOKUP_CREATE | LOOKUP_RENAME_TARGET))
			return 0;
		return !dentry_expired(dentry);
	}
	/* Of whoever looked it up; for others, and the next time, it's another one. */
	if (qtfs_is_own(inode))
		return flags & LOOKUP_RCU ? -ECHILD : 0;
	dentry_used(dir, dentry);
	/* LOOKUP_REVAL: something on the way was ESTALE. */
	if (!dentry_expired(dentry) && !(flags & LOOKUP_REVAL))
		return 1;
	if (flags & LOOKUP_RCU)
		return -ECHILD;

	parent = dget_parent(dentry);
	valid = qtfs_dentry_ask(NULL, parent, name, dentry);
	dput(parent);
	return valid;
}

/*
 * Turns the server's answer into the inode of @dentry, which isn't hashed or is
 * negative.  Takes the node over.  Returns what ->lookup would.
 */
static struct dentry *entry_splice(struct dentry *dentry, u64 number,
				   const struct qtfs_attr *attr, const struct qtfs_age *age)
{
	struct super_block *sb = dentry->d_sb;
	struct qtfs_session *session = qtfs_session_of(sb);
	struct dentry *alias;
	struct inode *inode;
	int error;

	if (qtfs_is_mounted(qtfs_sb(sb), attr))
		inode = qtfs_iget_mountpoint(sb, attr, age);
	else
		inode = qtfs_iget(sb, attr, age);
	if (IS_ERR(inode)) {
		qtfs_forget(session, number);
		return ERR_CAST(inode);
	}
	error = qtfs_dentry_prepare(dentry, number, age);
	if (error) {
		iput(inode);
		return ERR_PTR(error);
	}

	/* A directory has one place, whatever the server says: d_splice_alias() sees to it. */
	if (S_ISDIR(inode->i_mode))
		d_drop(dentry);
	/* After ->lookup the dentry is unhashed, for ->mkdir and its kind it's negative. */
	if (!d_unhashed(dentry)) {
		d_instantiate(dentry, inode);
		dentry_believe(dentry, age);
		return NULL;
	}
	alias = d_splice_alias(inode, dentry);
	if (!alias) {
		dentry_believe(dentry, age);
	} else if (!IS_ERR(alias)) {
		/* A directory that moved on the server: its old dentry gets the node. */
		struct qtfs_node *node = xchg((struct qtfs_node **)&dentry->d_fsdata, NULL);

		qtfs_names_expire(d_inode(alias));
		qtfs_dentry_adopt(alias, node->number, age);
		kfree(node);
		dentry_believe(alias, age);
	}
	return alias;
}

/* The server has no such name.  Returns what ->lookup would. */
static struct dentry *lookup_failed(struct dentry *parent, struct dentry *dentry,
				    const struct qtfs_age *age)
{
	struct inode *own = qtfs_special_own(parent, &dentry->d_name);

	qtfs_dentry_expire(dentry);
	if (own)
		return IS_ERR(own) ? ERR_CAST(own) : d_splice_alias(own, dentry);
	d_add(dentry, NULL);
	dentry_believe(dentry, age);
	return NULL;
}

static struct dentry *qtfs_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct qtfs_entry_rep rep;
	struct dentry *parent, *alias;
	struct qtfs_age age;
	int error;

	if (dentry->d_name.len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	/* Whatever is there: RENAME's reply says who lost the name. */
	if (flags & LOOKUP_RENAME_TARGET)
		return NULL;

	parent = dget_parent(dentry);
	error = qtfs_lookup_as(NULL, parent, &dentry->d_name, NULL, &rep, &age);
	if (error == -ENOENT) {
		alias = lookup_failed(parent, dentry, &age);
	} else if (error) {
		alias = ERR_PTR(error);
	} else {
		qtfs_dir_used(dir, 0);
		alias = entry_splice(dentry, le64_to_cpu(rep.node), &rep.attr, &age);
		/* Not while others may wait for this name, whom it might wait for. */
		if (!alias && !d_in_lookup(dentry))
			qtfs_dir_looked_up(parent);
	}
	dput(parent);
	return alias;
}

/* READDIR said where the name of @dentry, which is known here already, leads. */
static bool prime_known(struct dentry *dentry, const struct qtfs_entry_rep *rep,
			const struct qtfs_age *age)
{
	bool expired = dentry_expired(dentry);

	if (d_really_is_negative(dentry) || !qtfs_same_entry(d_inode(dentry), &rep->attr))
		return false;
	if (expired && d_is_dir(dentry))
		qtfs_names_expire(d_inode(dentry));
	qtfs_dentry_adopt(dentry, le64_to_cpu(rep->node), age);
	qtfs_update_inode(d_inode(dentry), &rep->attr, age);
	dentry_believe(dentry, age);
	if (expired)
		dentry_set_primed(dentry);
	return true;
}

/*
 * Takes over what READDIR said of @name in @parent, with the node.  The caller
 * holds the directory's lock, shared, so that no change of our own comes between
 * question and answer.
 */
void qtfs_dentry_prime(struct dentry *parent, const char *name, unsigned int len,
		       const struct qtfs_entry_rep *rep, const struct qtfs_age *age)
{
	struct qtfs_session *session = qtfs_session_of(parent->d_sb);
	struct qstr qname = QSTR_INIT(name, len);
	struct dentry *dentry, *alias;

	QTFS_LOOKUP_WAIT(wait);

	/* A directory that is called "..", say, would make getcwd(2) lie. */
	if (!qtfs_name_ok(QTFS_NAME_COMPONENT, name, len)) {
		qtfs_forget(session, le64_to_cpu(rep->node));
		return;
	}
	qname.hash = full_name_hash(parent, name, len);
	for (;;) {
		dentry = d_lookup(parent, &qname);
		if (!dentry)
			dentry = qtfs_d_alloc_parallel(parent, &qname, wait);
		if (IS_ERR(dentry)) {
			qtfs_forget(session, le64_to_cpu(rep->node));
			return;
		}
		if (d_in_lookup(dentry))
			break;
		if (prime_known(dentry, rep, age))
			goto put;
		/* What is known may well be the newer. */
		if (qtfs_overtaken(session, age)) {
			qtfs_forget(session, le64_to_cpu(rep->node));
			goto put;
		}
		d_invalidate(dentry);
		dput(dentry);
	}

	alias = entry_splice(dentry, le64_to_cpu(rep->node), &rep->attr, age);
	d_lookup_done(dentry);
	if (!alias)
		dentry_set_primed(dentry);
	else if (!IS_ERR(alias))
		dput(alias);
put:
	dput(dentry);
}

/* Makes @dentry with @rpc, which lacks only its directory, name 0 and reply. */
static int make_entry(struct inode *dir, struct dentry *dentry, struct qtfs_rpc *rpc)
{
	struct qtfs_entry_rep rep;
	struct dentry *alias;
	int error;

	rpc->dentry = dentry->d_parent;
	rpc->name[0] = name_of(dentry);
	rpc->reply = &rep;
	error = qtfs_rpc_call(qtfs_session_of(dir->i_sb), rpc);
	qtfs_expire_times(dir);
	if (error) {
		/* It may be there now, made by others or by a request that got lost. */
		d_drop(dentry);
		return error;
	}

	alias = entry_splice(dentry, le64_to_cpu(rep.node), &rep.attr, &rpc->age);
	if (IS_ERR(alias)) {
		d_drop(dentry);
		return PTR_ERR(alias);
	}
	dput(alias);
	return 0;
}

static int qtfs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		      umode_t mode, dev_t rdev)
{
	struct qtfs_mknod body = {
		.mode = cpu_to_le32(mode),
		.rdev = cpu_to_le32(MAJOR(rdev) << 20 | MINOR(rdev)),
	};
	struct qtfs_rpc rpc = { .op = QTFS_OP_MKNOD, .body = &body };
	int error = make_entry(dir, dentry, &rpc);

	/* Somebody here binds to it. */
	if (!error && S_ISSOCK(mode) && d_really_is_positive(dentry))
		qtfs_uds_made(d_inode(dentry));
	return error;
}

/* For those who make a file without opening it. */
static int qtfs_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode)
{
	return qtfs_mknod(idmap, dir, dentry, mode | S_IFREG, 0);
}

static struct dentry *qtfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				 struct dentry *dentry, umode_t mode)
{
	struct qtfs_mkdir body = { .mode = cpu_to_le32(mode & S_IALLUGO) };
	struct qtfs_rpc rpc = { .op = QTFS_OP_MKDIR, .body = &body };

	return ERR_PTR(make_entry(dir, dentry, &rpc));
}

static int qtfs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			const char *target)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_SYMLINK,
		.name[1] = { target, strlen(target) },
	};

	if (rpc.name[1].len > QTFS_PATH_MAX)
		return -ENAMETOOLONG;
	return make_entry(dir, dentry, &rpc);
}

static int qtfs_link(struct dentry *old_dentry, struct inode *dir, struct dentry *dentry)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_LINK,
		.dentry2 = old_dentry,
	};

	qtfs_expire_changed(d_inode(old_dentry));
	return make_entry(dir, dentry, &rpc);
}

static int remove_entry(struct inode *dir, struct dentry *dentry, enum qtfs_op op)
{
	struct inode *inode = d_inode(dentry);
	struct qtfs_rpc rpc = {
		.op = op,
		.dentry = dentry->d_parent,
		.name[0] = name_of(dentry),
	};
	int error;

	/* Its space is wanted back. */
	qtfs_deferred_drop(inode);
	error = qtfs_rpc_call(qtfs_session_of(dir->i_sb), &rpc);
	qtfs_expire_times(dir);
	qtfs_expire_changed(inode);
	/* What was to go is gone, or what is known of it is wrong. */
	if (error == -ENOENT || error == -ESTALE || error == -EINTR)
		d_drop(dentry);
	return error;
}

static int qtfs_unlink(struct inode *dir, struct dentry *dentry)
{
	return remove_entry(dir, dentry, QTFS_OP_UNLINK);
}

static int qtfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	int error = remove_entry(dir, dentry, QTFS_OP_RMDIR);

	if (!error)
		clear_nlink(d_inode(dentry));
	return error;
}

static int qtfs_rename(struct mnt_idmap *idmap, struct inode *old_dir, struct dentry *old_dentry,
		       struct inode *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	struct qtfs_rename body = { .flags = cpu_to_le32(flags) };
	struct qtfs_event victim = { };
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_RENAME,
		.dentry = old_dentry->d_parent,
		.dentry2 = new_dentry->d_parent,
		.name = { name_of(old_dentry), name_of(new_dentry) },
		.body = &body,
		.reply = &victim,
		.inode = d_inode(old_dentry),
	};
	int error;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;

	if (d_really_is_positive(new_dentry))
		qtfs_deferred_drop(d_inode(new_dentry));
	error = qtfs_rpc_call(qtfs_session_of(old_dir->i_sb), &rpc);
	qtfs_expire_times(old_dir);
	qtfs_expire_times(new_dir);
	qtfs_expire_changed(d_inode(old_dentry));
	/* Other rules may hold where it is now. */
	if (d_is_dir(old_dentry) || (flags & RENAME_EXCHANGE))
		qtfs_deferred_expire(qtfs_sb(old_dir->i_sb));
	if (d_really_is_positive(new_dentry))
		qtfs_expire_changed(d_inode(new_dentry));
	if (!error)
		qtfs_notify_victim(old_dir->i_sb, &victim, d_inode(new_dentry));
	if (error == -EINTR) {
		d_drop(old_dentry);
		d_drop(new_dentry);
	}
	return error;
}

/* A file of this size at most comes along when it is opened by a name not known here. */
#define SMALL_FILE	(32 * 1024)

/* Asks to open, and maybe to make, the file that @dentry will stand for. */
static int open_rpc(struct inode *dir, struct dentry *dentry, struct file *file,
		    unsigned int open_flags, umode_t mode, struct qtfs_rpc *rpc)
{
	/* The VFS truncates by itself what was there before. */
	u32 flags = qtfs_open_flags(file) & ~QTFS_O_TRUNC;
	struct qtfs_open_name open_name = { .flags = cpu_to_le32(flags) };
	struct qtfs_open create = {
		.flags = cpu_to_le32(flags | QTFS_O_CREAT |
				     (open_flags & O_EXCL ? QTFS_O_EXCL : 0)),
		.mode = cpu_to_le32(mode & S_IALLUGO),
	};

	rpc->dentry = dentry->d_parent;
	rpc->name[0] = name_of(dentry);
	if (open_flags & O_CREAT) {
		rpc->op = QTFS_OP_CREATE;
		rpc->body = &create;
	} else {
		rpc->op = QTFS_OP_OPEN_NAME;
		rpc->body = &open_name;
		if (!(file->f_flags & (O_ACCMODE | O_DIRECT)) &&
		    qtfs_sb(dir->i_sb)->cache != QTFS_CACHE_NONE) {
			rpc->in_max = SMALL_FILE;
			rpc->in = qtfs_buf_alloc(SMALL_FILE, GFP_KERNEL);
			if (!rpc->in)
				return -ENOMEM;
		}
		open_name.size = cpu_to_le32(rpc->in_max);
	}
	return qtfs_rpc_call(qtfs_session_of(dir->i_sb), rpc);
}

/* Whether what the server has opened by a name may be: what is none is opened otherwise. */
static bool opened_is_file(const struct dentry *dentry)
{
	return d_really_is_positive(dentry) && S_ISREG(d_inode(dentry)->i_mode);
}

/* The server has opened the file: makes @dentry and @file what it is. */
static int open_done(struct dentry *dentry, struct file *file, const struct qtfs_rpc *rpc)
{
	const struct qtfs_open_rep *rep = rpc->reply;
	struct dentry *alias;
	int error;

	alias = entry_splice(dentry, le64_to_cpu(rep->node), &rep->attr, &rpc->age);
	if (IS_ERR(alias)) {
		qtfs_release_open(qtfs_session_of(dentry->d_sb), le64_to_cpu(rep->open));
		d_drop(dentry);
		return PTR_ERR(alias);
	}
	if (!opened_is_file(alias ?: dentry)) {
		qtfs_release_open(qtfs_session_of(dentry->d_sb), le64_to_cpu(rep->open));
		dput(alias);
		return -EPROTO;
	}
	if (rpc->in_len)
		qtfs_cache_small(d_inode(alias ?: dentry), &rep->attr, rpc->in->linear,
				 rpc->in_len, &rpc->age);
	if (le32_to_cpu(rep->flags) & QTFS_OPENED_CREATED)
		file->f_mode |= FMODE_CREATED;
	error = qtfs_open_finish(file, alias ?: dentry, rep, &rpc->age);
	dput(alias);
	return error;
}

/* open(2) of a name that isn't known here, or is known not to be there. */
static int qtfs_atomic_open(struct inode *dir, struct dentry *dentry, struct file *file,
			    unsigned int open_flags, umode_t mode)
{
	struct dentry *alias = NULL;
	struct qtfs_open_rep rep;
	struct qtfs_rpc rpc = { .reply = &rep };
	int error;

	if (dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	/* Without O_CREAT nothing is gained where the name is known not to be there. */
	if (!(open_flags & O_CREAT) && ((open_flags & O_DIRECTORY) || !d_in_lookup(dentry)))
		goto lookup;

	error = open_rpc(dir, dentry, file, open_flags, mode, &rpc);
	/*
	 * What isn't a file is for the VFS to follow, or to refuse in its way; what can't be
	 * read may still be executed, see qtfs_open().
	 */
	if (error == -ELOOP || error == -EISDIR || error == -ENXIO ||
	    (error == -EACCES && (file->f_flags & __FMODE_EXEC))) {
		qtfs_buf_put(rpc.in);
		goto lookup;
	}
	if (error == -ENOENT && !(open_flags & O_CREAT)) {
		qtfs_buf_put(rpc.in);
		alias = lookup_failed(dentry->d_parent, dentry, &rpc.age);
		return IS_ERR(alias) ? PTR_ERR(alias) : finish_no_open(file, alias);
	}
	if (open_flags & O_CREAT)
		qtfs_expire_times(dir);
	if (!error)
		error = open_done(dentry, file, &rpc);
	else
		d_drop(dentry);
	qtfs_buf_put(rpc.in);
	return error;

lookup:
	if (d_in_lookup(dentry)) {
		alias = qtfs_lookup(dir, dentry, 0);
		if (IS_ERR(alias))
			return PTR_ERR(alias);
	} else if (open_flags & O_CREAT) {
		/* It was known not to be there, but it is. */
		d_drop(dentry);
		return -ESTALE;
	}
	return finish_no_open(file, alias);
}

#ifdef QTFS_HAVE_TMPFILE_FILE
/* open(2) with O_TMPFILE; older kernels open the file in a second step, which needs a name. */
static int qtfs_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
			umode_t mode)
{
	struct qtfs_session *session = qtfs_session_of(dir->i_sb);
	struct dentry *dentry = file->f_path.dentry;
	struct qtfs_open_rep rep;
	struct qtfs_open body = {
		.flags = cpu_to_le32((qtfs_open_flags(file) & ~QTFS_O_DIRECTORY) |
				     (file->f_flags & O_EXCL ? QTFS_O_EXCL : 0)),
		.mode = cpu_to_le32(mode & S_IALLUGO),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_TMPFILE,
		.dentry = dentry->d_parent,
		.body = &body,
		.reply = &rep,
	};
	struct inode *inode;
	int error;

	error = qtfs_rpc_call(session, &rpc);
	if (error)
		return error;
	inode = qtfs_iget(dir->i_sb, &rep.attr, &rpc.age);
	if (IS_ERR(inode)) {
		error = PTR_ERR(inode);
		qtfs_forget(session, le64_to_cpu(rep.node));
		goto release;
	}
	/* Anything else may have a place already. */
	error = S_ISREG(inode->i_mode) ? 0 : -EPROTO;
	if (error)
		qtfs_forget(session, le64_to_cpu(rep.node));
	else
		error = qtfs_dentry_prepare(dentry, le64_to_cpu(rep.node), &rpc.age);
	if (error) {
		iput(inode);
		goto release;
	}
	d_instantiate(dentry, inode);
	return qtfs_open_finish(file, dentry, &rep, &rpc.age);

release:
	qtfs_release_open(session, le64_to_cpu(rep.open));
	return error;
}
#endif

QTFS_DEFINE_D_REVALIDATE(revalidate);

const struct dentry_operations qtfs_dentry_ops = {
	.d_revalidate = QTFS_OP(revalidate),
	.d_iput = qtfs_d_iput,
	.d_release = qtfs_d_release,
	.d_automount = qtfs_d_automount,
};

QTFS_DEFINE_CREATE(qtfs_create);
QTFS_DEFINE_MKNOD(qtfs_mknod);
QTFS_DEFINE_MKDIR(qtfs_mkdir);
QTFS_DEFINE_SYMLINK(qtfs_symlink);
QTFS_DEFINE_RENAME(qtfs_rename);
QTFS_DEFINE_PERMISSION(qtfs_permission);
QTFS_DEFINE_GETATTR(qtfs_getattr);
QTFS_DEFINE_SETATTR(qtfs_setattr);
QTFS_DEFINE_GET_INODE_ACL(qtfs_get_inode_acl);
QTFS_DEFINE_SET_ACL(qtfs_set_acl_entry);
QTFS_DEFINE_FILEATTR_GET(qtfs_fileattr_get);
QTFS_DEFINE_FILEATTR_SET(qtfs_fileattr_set);
#ifdef QTFS_HAVE_TMPFILE_FILE
QTFS_DEFINE_TMPFILE(qtfs_tmpfile);
#endif

const struct inode_operations qtfs_dir_inode_ops = {
	.lookup = qtfs_lookup,
	.atomic_open = qtfs_atomic_open,
	.create = QTFS_OP(qtfs_create),
	.mknod = QTFS_OP(qtfs_mknod),
	.mkdir = QTFS_OP(qtfs_mkdir),
	.symlink = QTFS_OP(qtfs_symlink),
	.link = qtfs_link,
	.unlink = qtfs_unlink,
	.rmdir = qtfs_rmdir,
	.rename = QTFS_OP(qtfs_rename),
	.permission = QTFS_OP(qtfs_permission),
	.getattr = QTFS_OP(qtfs_getattr),
	.setattr = QTFS_OP(qtfs_setattr),
	.listxattr = qtfs_listxattr,
	.get_inode_acl = QTFS_OP(qtfs_get_inode_acl),
	.set_acl = QTFS_OP(qtfs_set_acl_entry),
#ifdef QTFS_HAVE_TMPFILE_FILE
	.tmpfile = QTFS_OP(qtfs_tmpfile),
#endif
	QTFS_FILEATTR_OPS(qtfs_fileattr_get, qtfs_fileattr_set)
};
