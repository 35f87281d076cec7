// SPDX-License-Identifier: GPL-2.0
/*
 * When the server knows nothing of us any more: its modules were loaded again, its
 * machine was booted, or it has waited for us for too long.
 *
 * link.c hears so by ESTALE in answer to a HELLO, and the session gets its next
 * epoch (qtfs_session_restart()): a new session on the server, without anything of
 * the old one.  Numbers of nodes and opens belong to an epoch, which is kept beside
 * them.  What they stood for is asked for again:
 *
 *	nodes	by whoever uses one next, before that: FIND, by the dentry's path
 *		below the root of the mount, or the handle that came when it was opened
 *	opens	all, by a work item: FIND, then OPEN as the file was opened, but as
 *		somebody who may, since nobody asks again who has a file open.  The
 *		whitelist is asked again.  The node that FIND brings becomes the dentry's,
 *		which may have another path on the server by now
 *	locks	with their open file, see lock.c
 *
 * What is found must be the same file: device, inode number, generation and type.
 * If not, the file has gone: ESTALE.  FIFOs (and terminals) are not opened again, since what was in
 * them has gone with their readers and writers: EIO.
 *
 * Until the work item is through (recovering) no other request is sent.  Those who
 * call wait in qtfs_recover_wait().  Those that wait for an answer end with
 * -QTFS_RESTARTED, which makes qtfs_rpc_call() find the numbers again and repeat
 * them (replay.c); READs and WRITEs of the page cache, which nobody repeats, are
 * parked (epoch.c) and sent again by the work item.
 *
 * The work item waits for no lock that anybody holds while he waits for it, and puts
 * no reference that might be the last to a dentry or an inode.  So it finds what it
 * needs to know of an open file under session->files_lock, which keeps it open.
 *
 * Locks: files_lock > session->lock, flc_lock, rename_lock, d_lock, i_lock.
 */
#include "qtfs.h"

#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "frame.h"

/* How long the work item waits for an answer before it looks whether it's still wanted. */
#define RECOVER_TIMEOUT		(5 * HZ)

static int no_such_file(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP ||
	       error == -ENAMETOOLONG ? -ESTALE : error;
}

/* Keeps what @inode, which was opened just now, can be found by. */
void qtfs_handle_keep(struct inode *inode, const struct qtfs_handle *handle)
{
	spin_lock(&inode->i_lock);
	if (qtfs_handle_ok(handle))
		qtfs_i(inode)->handle = *handle;
	spin_unlock(&inode->i_lock);
}

static void fill_find(struct qtfs_find *body, struct inode *inode)
{
	*body = (struct qtfs_find) {
		.ino = cpu_to_le64(inode->i_ino),
		.dev = cpu_to_le32(qtfs_i(inode)->server_dev),
		.gen = cpu_to_le32(qtfs_i(inode)->gen),
		.type = cpu_to_le32(inode->i_mode & S_IFMT),
	};
	spin_lock(&inode->i_lock);
	body->handle = qtfs_i(inode)->handle;
	spin_unlock(&inode->i_lock);
}

static bool is_it(const struct qtfs_find *body, const struct qtfs_attr *attr)
{
	return body->ino == attr->ino && body->dev == attr->dev && body->gen == attr->gen &&
	       body->type == (attr->mode & cpu_to_le32(S_IFMT));
}

/* Asks by @rpc for the file that @body describes: what answers must be it. */
static int find_by(struct qtfs_session *session, struct qtfs_rpc *rpc,
		   const struct qtfs_find *body, struct qtfs_age *age)
{
	const struct qtfs_entry_rep *rep = rpc->reply;
	int error;

	rpc->cred = session->cred;
	rpc->recovery = true;
	error = qtfs_rpc_call(session, rpc);
	*age = rpc->age;
	if (!error && !is_it(body, &rep->attr)) {
		qtfs_forget(session, le64_to_cpu(rep->node));
		error = -ESTALE;
	}
	return no_such_file(error);
}

/* Asks for the file that @body describes at @path below the root of the mount that has @sb. */
static int find(struct super_block *sb, const char *path, const struct qtfs_find *body,
		unsigned long timeout, struct qtfs_entry_rep *rep, struct qtfs_age *age)
{
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_FIND,
		.dentry = qtfs_sb(sb)->first.sb->s_root,
		.name[0] = { path, strlen(path) },
		.body = body,
		.reply = rep,
		.timeout = timeout,
	};

	return find_by(qtfs_session_of(sb), &rpc, body, age);
}

/* ---- nodes ---- */

static int find_root(struct dentry *root, unsigned long timeout, struct qtfs_entry_rep *rep,
		     struct qtfs_age *age)
{
	struct qtfs_sb *sbi = qtfs_sb(root->d_sb);
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_ATTACH,
		.name[0] = { sbi->path, strlen(sbi->path) },
		.reply = rep,
		.timeout = timeout,
	};
	struct qtfs_find body;

	fill_find(&body, d_inode(root));
	return find_by(sbi->session, &rpc, &body, age);
}

static int find_dentry(struct dentry *dentry, unsigned long timeout, struct qtfs_entry_rep *rep,
		       struct qtfs_age *age)
{
	char *buf = __getname(), *path;
	struct qtfs_find body;
	int error;

	if (!buf)
		return -ENOMEM;
	fill_find(&body, d_inode(dentry));
	path = qtfs_path_below(dentry, buf, PATH_MAX);
	error = IS_ERR(path) ? -ESTALE : find(dentry->d_sb, path, &body, timeout, rep, age);
	__putname(buf);
	return error;
}

/* Finds the node of @dentry, which is of an earlier epoch, again. */
static int node_renew(struct dentry *dentry, unsigned long timeout)
{
	struct qtfs_entry_rep rep;
	struct qtfs_age age;
	int error;

	if (dentry == qtfs_sb(dentry->d_sb)->first.sb->s_root)
		error = find_root(dentry, timeout, &rep, &age);
	else
		error = find_dentry(dentry, timeout, &rep, &age);
	if (!error)
		qtfs_dentry_renew(dentry, le64_to_cpu(rep.node), &age);
	return error;
}

/* ---- what a request names ---- */

static int resolve_dentry(const struct qtfs_rpc *rpc, struct dentry *dentry, u64 *number)
{
	u64 epoch;
	int error;

	*number = qtfs_dentry_node(dentry, &epoch);
	if (!*number)
		return -ESTALE;
	if (epoch == rpc->epoch)
		return 0;
	error = node_renew(dentry, rpc->timeout);
	if (error)
		return error;
	*number = qtfs_dentry_node(dentry, &epoch);
	return epoch == rpc->epoch ? 0 : -QTFS_RESTARTED;
}

static int resolve_file(struct qtfs_session *session, const struct qtfs_rpc *rpc,
			struct qtfs_file *qf, u64 *number)
{
	if (smp_load_acquire(&qf->epoch) != rpc->epoch) {	/* pairs with file_renew() */
		/* What isn't in the list any more is about to be given back. */
		if (rpc->op == QTFS_OP_RELEASE || list_empty_careful(&qf->files) ||
		    READ_ONCE(session->quiet))
			return -ESTALE;
		/* It was opened just before the server went. */
		qtfs_recover_start(session);
		return -QTFS_RESTARTED;
	}
	*number = READ_ONCE(qf->open);
	return READ_ONCE(qf->error);
}

/* Finds the server's numbers for what @rpc names.  -QTFS_RESTARTED: not now. */
int qtfs_rpc_resolve(struct qtfs_session *session, struct qtfs_rpc *rpc)
{
	int error = 0;
	u64 epoch;

	rpc->epoch = smp_load_acquire(&session->epoch);	/* pairs with qtfs_requests_restart() */
	if (READ_ONCE(session->recovering) && !rpc->recovery)
		return -QTFS_RESTARTED;
	if (rpc->of_epoch && rpc->of_epoch != rpc->epoch)
		return -ESTALE;
	if (rpc->dentry)
		error = resolve_dentry(rpc, rpc->dentry, &rpc->node);
	if (!error && rpc->dentry2)
		error = resolve_dentry(rpc, rpc->dentry2, &rpc->node2);
	if (!error && rpc->file)
		error = resolve_file(session, rpc, rpc->file, &rpc->open);
	if (!error && rpc->from)
		error = resolve_file(session, rpc, rpc->from, &rpc->from_open);
	if (rpc->known) {
		rpc->node2 = qtfs_dentry_node(rpc->known, &epoch);
		if (epoch != rpc->epoch)
			rpc->node2 = 0;
	}
	return error;
}

static bool recovered(const struct qtfs_session *session)
{
	return !READ_ONCE(session->recovering) || READ_ONCE(session->error);
}

/* Waits, killable, until what was open is open again. */
int qtfs_recover_wait(struct qtfs_session *session)
{
	unsigned long timeout = MAX_SCHEDULE_TIMEOUT;
	long left;

	if (READ_ONCE(session->patience.soft))
		timeout = msecs_to_jiffies(qtfs_session_patience(session));
	left = wait_event_killable_timeout(session->recover_queue, recovered(session), timeout);
	if (left < 0)
		return -EINTR;
	return left ? READ_ONCE(session->error) : -ETIMEDOUT;
}

/* ---- open files ---- */

/* @qf is open, by @file, until qtfs_file_unlist(). */
void qtfs_file_list(struct qtfs_session *session, struct qtfs_file *qf, struct file *file)
{
	qf->file = file;
	qf->inode = file_inode(file);
	qf->dentry = file_dentry(file);
	qf->how = qtfs_open_flags(file);
	if (S_ISDIR(qf->inode->i_mode))
		qf->how |= QTFS_O_DIRECTORY;
	else
		qf->how &= ~QTFS_O_DIRECTORY;
	spin_lock(&session->files_lock);
	list_add_tail(&qf->files, &session->files);
	spin_unlock(&session->files_lock);
}

void qtfs_file_unlist(struct qtfs_session *session, struct qtfs_file *qf)
{
	spin_lock(&session->files_lock);
	list_del_init(&qf->files);
	spin_unlock(&session->files_lock);
}

/* What the work item needs to know to open a file again. */
struct reopening {
	struct qtfs_file *qf;		/* with a reference */
	struct qtfs_find body;
	struct qtfs_open open;
	char *buf;
	char *path;			/* in it, or an ERR_PTR() */
	bool fifo;
};

/* Finds an open file that isn't of @epoch.  False: there is none. */
static bool next_file(struct qtfs_session *session, u64 epoch, struct reopening *re)
{
	struct qtfs_file *qf;

	re->qf = NULL;
	spin_lock(&session->files_lock);
	list_for_each_entry(qf, &session->files, files) {
		if (qf->epoch == epoch)
			continue;
		refcount_inc(&qf->ref);
		re->qf = qf;
		fill_find(&re->body, qf->inode);
		re->open.flags = cpu_to_le32(qf->how);
		re->open.mode = 0;
		re->fifo = S_ISFIFO(qf->inode->i_mode) || S_ISCHR(qf->inode->i_mode);
		re->path = qtfs_path_below(qf->dentry, re->buf, PATH_MAX);
		/* So that what is left is found at the beginning. */
		list_move_tail(&qf->files, &session->files);
		break;
	}
	spin_unlock(&session->files_lock);
	return re->qf;
}

/* Makes @qf the open @number of @epoch, or one that gives @error. */
static void file_renew(struct qtfs_session *session, struct qtfs_file *qf, u64 number, u64 epoch,
		       int error)
{
	qtfs_poll_renumber(session, qf, number);
	WRITE_ONCE(qf->error, error);
	smp_store_release(&qf->epoch, epoch);	/* pairs with resolve_file() */
}

static int open_again(struct qtfs_session *session, const struct reopening *re, u64 node,
		      struct qtfs_age *age, u64 *number)
{
	struct qtfs_open_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_OPEN,
		.node = node,
		.of_epoch = age->epoch,
		.body = &re->open,
		.reply = &rep,
		.cred = re->qf->cred,
		.recovery = true,
		.timeout = RECOVER_TIMEOUT,
	};
	int error = qtfs_rpc_call(session, &rpc);

	*age = rpc.age;
	*number = error ? 0 : le64_to_cpu(rep.open);
	return error;
}

/* @node, which @re was found by, becomes that of its dentry, if the file is still open. */
static void give_node(struct qtfs_session *session, const struct reopening *re, u64 node,
		      const struct qtfs_age *age)
{
	spin_lock(&session->files_lock);
	if (!list_empty(&re->qf->files))
		node = qtfs_dentry_exchange(re->qf->dentry, node, age, true);
	spin_unlock(&session->files_lock);
	qtfs_forget(session, node);
}

static int find_and_open(struct super_block *sb, const struct reopening *re, struct qtfs_age *age,
			 u64 *number)
{
	struct qtfs_session *session = qtfs_session_of(sb);
	struct qtfs_age found;
	struct qtfs_entry_rep rep;
	u64 node;
	int error;

	if (re->fifo)
		return -EIO;
	if (IS_ERR(re->path))
		return -ESTALE;
	error = find(sb, re->path, &re->body, RECOVER_TIMEOUT, &rep, age);
	if (error)
		return error;
	node = le64_to_cpu(rep.node);
	found = *age;
	error = open_again(session, re, node, age, number);
	give_node(session, re, node, &found);
	if (error)
		return error;
	error = qtfs_locks_reclaim(session, re->qf, *number, age->epoch, RECOVER_TIMEOUT);
	if (error)
		qtfs_release_open(session, *number);
	if (error && error != -QTFS_RESTARTED) {
		qtfs_log(WARN, "%s: a lock on %s is lost (%d)", qtfs_session_text(session),
			 re->path, error);
		error = -EIO;
	}
	return error;
}

/* Whether after @error it's worth trying again at once. */
static bool passes(int error)
{
	return error == -ETIMEDOUT || error == -EINTR || error == -ENOMEM || error == -EAGAIN;
}

/* Opens a file again.  An error is why to stop; that it can't be opened is none. */
static int reopen(struct super_block *sb, struct reopening *re, u64 epoch)
{
	struct qtfs_session *session = qtfs_session_of(sb);
	struct qtfs_age age = {};
	u64 number = 0;
	int error;

	do {
		error = find_and_open(sb, re, &age, &number);
		if (error == -QTFS_RESTARTED)
			return error;
		if (READ_ONCE(session->error) || READ_ONCE(session->quiet))
			return -ESHUTDOWN;
		if (error == -ENOMEM)
			schedule_timeout_idle(HZ / 50);
	} while (passes(error));

	if (error) {
		age.epoch = epoch;
		qtfs_log(WARN, "%s: %s can't be opened again (%d)", qtfs_session_text(session),
			 IS_ERR(re->path) ? "a file" : re->path, error);
	}
	if (age.epoch != epoch)
		return -QTFS_RESTARTED;
	file_renew(session, re->qf, number, epoch, error);
	return 0;
}

/* Makes all that is open what it is in @epoch. */
static int files_renew(struct super_block *sb, u64 epoch, char *buf)
{
	struct qtfs_session *session = qtfs_session_of(sb);
	struct reopening re = { .buf = buf };
	int error = 0;

	/* Whatever happened meanwhile, nobody has told. */
	qtfs_expire_all(sb);

	while (!error && next_file(session, epoch, &re)) {
		error = reopen(sb, &re, epoch);
		/* If it has been closed meanwhile, this gives it back. */
		qtfs_file_put(session, re.qf);
	}
	return error;
}

/* ---- the work item ---- */

/* Lets requests be sent again, unless the server has gone once more. */
static bool recover_end(struct qtfs_session *session, u64 epoch)
{
	bool end;

	spin_lock(&session->lock);
	end = session->epoch == epoch;
	if (end)
		WRITE_ONCE(session->recovering, false);
	spin_unlock(&session->lock);
	if (end)
		wake_up_all(&session->recover_queue);
	return end;
}

static char *get_buffer(void)
{
	char *buf;

	while (!(buf = kmalloc(PATH_MAX, GFP_KERNEL)))
		schedule_timeout_idle(HZ / 50);
	return buf;
}

static void recover_work(struct work_struct *work)
{
	struct qtfs_session *session = container_of(work, struct qtfs_session, recover_work);
	/* Pairs with qtfs_fill_super().  Without a root nothing has been opened. */
	struct super_block *sb = smp_load_acquire(&session->sb);
	/* Write-back, and who waits for it, may be waiting for this. */
	unsigned int nofs = memalloc_nofs_save();
	char *buf = get_buffer();
	int error = 0;
	u64 epoch;

	do {
		epoch = smp_load_acquire(&session->epoch);	/* as in qtfs_rpc_resolve() */
		if (sb && sb->s_root)
			error = files_renew(sb, epoch, buf);
		if (error && error != -QTFS_RESTARTED)
			goto out;
	} while (error || !recover_end(session, epoch));

	qtfs_requests_unpark(session);
	if (sb)
		queue_work(qtfs_wq, &session->unstable_work);
	/* What is waited for by events is asked for again. */
	qtfs_wait_event(session, 0);
	qtfs_log(WARN, "%s: what was open there is open again", qtfs_session_text(session));
out:
	kfree(buf);
	memalloc_nofs_restore(nofs);
}

void qtfs_recover_init(struct qtfs_session *session)
{
	INIT_WORK(&session->recover_work, recover_work);
	init_waitqueue_head(&session->recover_queue);
	spin_lock_init(&session->files_lock);
	INIT_LIST_HEAD(&session->files);
	INIT_LIST_HEAD(&session->parked);
}

/* Begins to open what is open again; a link is in use, or will be. */
void qtfs_recover_start(struct qtfs_session *session)
{
	spin_lock(&session->lock);
	if (!session->error && !session->quiet) {
		WRITE_ONCE(session->recovering, true);
		/* Under the lock: who sets one of these cancels it then. */
		queue_work(qtfs_recover_wq, &session->recover_work);
	}
	spin_unlock(&session->lock);
}

/* Nothing is opened again from here on: the super block, or the session, goes. */
void qtfs_recover_stop(struct qtfs_session *session)
{
	cancel_work_sync(&session->recover_work);
	spin_lock(&session->lock);
	WRITE_ONCE(session->recovering, false);
	spin_unlock(&session->lock);
	wake_up_all(&session->recover_queue);
}

/*
 * The server has forgotten the session as it was in @epoch.  In a lane's work item; no
 * link carries anything.
 */
void qtfs_session_restart(struct qtfs_session *session, u64 epoch)
{
	if (!qtfs_requests_restart(session, epoch))
		return;
	qtfs_log(WARN, "%s: the server has forgotten this client, what was open is opened again",
		 qtfs_session_text(session));
}
