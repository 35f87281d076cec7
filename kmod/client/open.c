// SPDX-License-Identifier: GPL-2.0
/*
 * Opening, syncing and releasing files and directories.
 */
#include "qtfs.h"

#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

/* What the server must know of how @file is opened, by the wire's numbers. */
u32 qtfs_open_flags(const struct file *file)
{
	static const struct {
		unsigned int local;
		u32 wire;
	} map[] = {
		{ O_APPEND, QTFS_O_APPEND },
		{ O_NONBLOCK, QTFS_O_NONBLOCK },
		{ O_DIRECTORY, QTFS_O_DIRECTORY },
		{ O_NOATIME, QTFS_O_NOATIME },
		{ O_DSYNC, QTFS_O_DSYNC },
	};
	u32 flags = file->f_flags & O_ACCMODE;
	size_t i;

	BUILD_BUG_ON(O_ACCMODE != QTFS_O_ACCMODE);
	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (file->f_flags & map[i].local)
			flags |= map[i].wire;
	if ((file->f_flags & O_SYNC) == O_SYNC)
		flags |= QTFS_O_SYNC;
	return flags;
}

static struct qtfs_file *file_alloc(const struct cred *cred, const struct qtfs_open_rep *rep,
				    const struct qtfs_age *age)
{
	struct qtfs_file *qf = kzalloc(sizeof(*qf), GFP_KERNEL);

	if (!qf)
		return NULL;
	refcount_set(&qf->ref, 1);
	qf->open = le64_to_cpu(rep->open);
	qf->epoch = age->epoch;
	qf->flags = le32_to_cpu(rep->flags);
	qf->cred = get_cred(cred);
	INIT_LIST_HEAD(&qf->files);
	INIT_LIST_HEAD(&qf->writer);
	RB_CLEAR_NODE(&qf->polled);
	init_waitqueue_head(&qf->poll_queue);
	return qf;
}

static void file_free(struct qtfs_file *qf)
{
	put_cred(qf->cred);
	qtfs_buf_put(qf->entries);
	kfree(qf);
}

/* Drops a reference; the last one gives the open back to the server. */
void qtfs_file_put(struct qtfs_session *session, struct qtfs_file *qf)
{
	struct qtfs_rpc rpc = { .op = QTFS_OP_RELEASE, .file = qf };
	int error;

	if (!refcount_dec_and_test(&qf->ref))
		return;
	error = qtfs_rpc_start(session, &rpc, false, NULL, NULL);
	if (error == -EAGAIN || error == -ENOMEM)
		qtfs_release_later(session, &qf->list);
	else
		file_free(qf);
}

/* Likewise, but never by a request of the caller's own. */
void qtfs_file_put_later(struct qtfs_session *session, struct qtfs_file *qf)
{
	if (refcount_dec_and_test(&qf->ref))
		qtfs_release_later(session, &qf->list);
}

/* Frees one that the server has got back, or that qtfs_release_later() was given. */
void qtfs_file_free(struct llist_node *entry)
{
	file_free(llist_entry(entry, struct qtfs_file, list));
}

static void file_ready(struct file *file, struct qtfs_file *qf, const struct qtfs_handle *handle)
{
	struct inode *inode = file_inode(file);

	qtfs_handle_keep(inode, handle);
	if (qf->flags & QTFS_OPENED_STREAM)
		stream_open(inode, file);
	if ((qf->flags & QTFS_OPENED_POLL) && file->f_op == &qtfs_uncached_file_ops)
		file->f_op = &qtfs_uncached_poll_ops;	/* neither has an owner */
	if ((file->f_mode & FMODE_WRITE) && S_ISREG(inode->i_mode))
		qtfs_writer_add(inode, qf, file->f_flags & O_APPEND);
	qtfs_file_list(qtfs_session_of(inode->i_sb), qf, file);
}

/* Makes @file stand for the open that @rep, of @age, tells of, and takes it over. */
int qtfs_open_attach(struct file *file, const struct qtfs_open_rep *rep,
		     const struct qtfs_age *age)
{
	struct qtfs_file *qf = file_alloc(file->f_cred, rep, age);

	if (!qf) {
		qtfs_release_open(qtfs_session_of(file_inode(file)->i_sb),
				  le64_to_cpu(rep->open));
		return -ENOMEM;
	}
	file->private_data = qf;
	file_ready(file, qf, &rep->handle);
	return 0;
}

static void may_defer(struct file *file, u64 node, const struct qtfs_age *age)
{
	qtfs_file(file)->node = qtfs_defer_node(file, node);
	qtfs_file(file)->version = age->version;
}

/* Whether @file needs no request, as it was closed a moment ago. */
bool qtfs_open_again(struct inode *inode, struct file *file)
{
	u64 number, epoch;

	number = qtfs_dentry_node(file_dentry(file), &epoch);
	file->private_data = qtfs_deferred_take(file, number);
	if (!file->private_data)
		return false;
	qtfs_file_list(qtfs_session_of(inode->i_sb), qtfs_file(file), file);
	return true;
}

/* Opens @file with @rpc, which lacks only its dentry and reply. */
int qtfs_open_with(struct inode *inode, struct file *file, struct qtfs_rpc *rpc)
{
	struct qtfs_open_rep rep;
	int error;

	rpc->dentry = file_dentry(file);
	rpc->reply = &rep;
	error = qtfs_rpc_call(qtfs_session_of(inode->i_sb), rpc);
	if (error)
		return error;
	qtfs_update_inode(inode, &rep.attr, &rpc->age);
	error = qtfs_open_attach(file, &rep, &rpc->age);
	if (!error)
		may_defer(file, rpc->node, &rpc->age);
	return error;
}

/*
 * Who may only execute a file, and not read it, has the kernel read it.  The server can't
 * tell that from a read of the caller's own.  So it's decided here, by what the server says
 * now of the file, and opened on nobody's behalf; its policy has its word as ever.
 */
static int open_to_execute(struct inode *inode, struct file *file, struct qtfs_rpc *rpc)
{
	int error;

	error = qtfs_refresh_dentry(file_dentry(file)) ?:
		qtfs_permission(&nop_mnt_idmap, inode, MAY_EXEC | MAY_OPEN);
	if (error)
		return error;
	rpc->cred = qtfs_session_of(inode->i_sb)->cred;
	return qtfs_open_with(inode, file, rpc);
}

int qtfs_open(struct inode *inode, struct file *file)
{
	struct qtfs_open body = { .flags = cpu_to_le32(qtfs_open_flags(file)) };
	struct qtfs_rpc rpc = { .op = QTFS_OP_OPEN, .body = &body };
	int error;

	if (qtfs_open_again(inode, file))
		return 0;
	error = qtfs_open_with(inode, file, &rpc);
	if (error == -EACCES && (file->f_flags & __FMODE_EXEC))
		error = open_to_execute(inode, file, &rpc);
	return error;
}

/* finish_open() calls it with the file attached already. */
static int opened_already(struct inode *inode, struct file *file)
{
	return 0;
}

/* Ends ->atomic_open: @file was opened by CREATE as @dentry.  Takes the open over. */
int qtfs_open_finish(struct file *file, struct dentry *dentry, const struct qtfs_open_rep *rep,
		     const struct qtfs_age *age)
{
	struct qtfs_session *session = qtfs_session_of(dentry->d_sb);
	struct qtfs_file *qf = file_alloc(file->f_cred, rep, age);
	int error = -ENOMEM;

	if (qf) {
		file->private_data = qf;
		error = finish_open(file, dentry, opened_already);
	}
	if (error) {
		file->private_data = NULL;
		if (qf)
			file_free(qf);
		qtfs_release_open(session, le64_to_cpu(rep->open));
		return error;
	}
	file_ready(file, qf, &rep->handle);
	may_defer(file, le64_to_cpu(rep->node), age);
	return 0;
}

/* Gives the open file @number back to the server, now or soon. */
void qtfs_release_open(struct qtfs_session *session, u64 number)
{
	struct qtfs_rpc rpc = { .op = QTFS_OP_RELEASE, .open = number };
	struct qtfs_file *qf;

	if (qtfs_rpc_start(session, &rpc, false, NULL, NULL) != -EAGAIN)
		return;
	/* Without memory the server keeps it until the session ends. */
	qf = kzalloc(sizeof(*qf), GFP_KERNEL);
	if (!qf)
		return;
	qf->open = number;
	qf->epoch = READ_ONCE(session->epoch);
	qf->cred = get_cred(current_cred());
	qtfs_release_later(session, &qf->list);
}

/* Opens @inode once more, on nobody's behalf, to write it back. */
struct qtfs_file *qtfs_open_writer(struct inode *inode)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_open body = { .flags = cpu_to_le32(O_WRONLY) };
	struct qtfs_open_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_OPEN,
		.dentry = qtfs_find_alias(inode),
		.body = &body,
		.reply = &rep,
		.cred = session->cred,
	};
	struct qtfs_file *qf;
	int error;

	error = rpc.dentry ? qtfs_rpc_call(session, &rpc) : -ESTALE;
	dput(rpc.dentry);
	if (error)
		return ERR_PTR(error);
	qf = file_alloc(session->cred, &rep, &rpc.age);
	if (!qf) {
		qtfs_release_open(session, le64_to_cpu(rep.open));
		return ERR_PTR(-ENOMEM);
	}
	qtfs_writer_add(inode, qf, true);
	return qf;
}

/*
 * Opens the directory @dir, on behalf of who looks for names in it: that doesn't change its
 * time of access, so neither must this.  An error where it can't be had so, -EPERM mostly.
 */
struct qtfs_file *qtfs_open_quietly(struct dentry *dir)
{
	struct qtfs_session *session = qtfs_session_of(dir->d_sb);
	struct qtfs_open body = {
		.flags = cpu_to_le32(O_RDONLY | QTFS_O_DIRECTORY | QTFS_O_NOATIME),
	};
	struct qtfs_open_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_OPEN,
		.dentry = dir,
		.body = &body,
		.reply = &rep,
	};
	struct qtfs_file *qf;
	int error;

	error = qtfs_rpc_call(session, &rpc);
	if (error)
		return ERR_PTR(error);
	qtfs_update_inode(d_inode(dir), &rep.attr, &rpc.age);
	qf = file_alloc(current_cred(), &rep, &rpc.age);
	if (!qf) {
		qtfs_release_open(session, le64_to_cpu(rep.open));
		return ERR_PTR(-ENOMEM);
	}
	return qf;
}

static void writer_close(struct inode *inode, struct qtfs_file *qf)
{
	qtfs_clean(inode);
	qtfs_writer_del(inode, qf);
	qtfs_file_unlist(qtfs_session_of(inode->i_sb), qf);
	qtfs_file_put(qtfs_session_of(inode->i_sb), qf);
}

static void close_work(struct work_struct *work)
{
	struct qtfs_file *qf = container_of(work, struct qtfs_file, close_work);
	struct inode *inode = qf->inode;
	struct dentry *dentry = qf->dentry;
	struct qtfs_sb *sbi = qtfs_sb(inode->i_sb);

	writer_close(inode, qf);
	dput(dentry);
	iput(inode);
	if (atomic_dec_and_test(&sbi->closing))
		wake_up_var(&sbi->closing);
}

int qtfs_release(struct inode *inode, struct file *file)
{
	struct qtfs_file *qf = qtfs_file(file);

	if (!qf)
		return 0;
	qtfs_poll_end(qtfs_session_of(inode->i_sb), qf);
	if (list_empty(&qf->writer)) {
		qtfs_file_unlist(qtfs_session_of(inode->i_sb), qf);
		if (!qtfs_defer(file))
			qtfs_file_put(qtfs_session_of(inode->i_sb), qf);
	} else if (qtfs_dirty(inode) && qtfs_leaves(inode)) {
		/*
		 * A killed task can't wait for its own data to be written, but
		 * what it wrote must not be lost.  qtfs_kill_sb() waits for this.
		 */
		ihold(inode);
		dget(qf->dentry);
		atomic_inc(&qtfs_sb(inode->i_sb)->closing);
		INIT_WORK(&qf->close_work, close_work);
		queue_work(qtfs_wq, &qf->close_work);
	} else {
		/* Dirty after the last close: through a mapping. */
		writer_close(inode, qf);
	}
	return 0;
}

/*
 * As file_write_and_wait_range(), but killable.  With @sync, QTFS_WRITE_FSYNC or _FDATASYNC,
 * *@synced says whether that has been done along with it.
 */
static int write_and_wait(struct file *file, loff_t start, loff_t end, u32 sync, bool *synced)
{
	struct inode *inode = file_inode(file);
	struct write_run *run = NULL;
	int error = 0, killed, lost;

	if (qtfs_leaves(inode))
		return -EINTR;
	qtfs_unstable_resend(inode);
	if (qtfs_dirty(inode) && sync)
		error = qtfs_start_synced(file, start, end, sync, &run);
	else if (qtfs_dirty(inode))
		error = filemap_fdatawrite_range(inode->i_mapping, start, end);
	killed = qtfs_wait_written(inode);
	lost = file_check_and_advance_wb_err(file);
	if (sync)
		*synced = qtfs_run_synced(run);
	return error ?: killed ?: lost;
}

/* At each close(2): what was written is the server's when it returns. */
int qtfs_flush(struct file *file, fl_owner_t owner)
{
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	return write_and_wait(file, 0, LLONG_MAX, 0, NULL);
}

int qtfs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct qtfs_fsync body = { .flags = cpu_to_le32(datasync ? QTFS_FSYNC_DATA : 0) };
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_FSYNC,
		.file = qtfs_file(file),
		.body = &body,
	};
	struct inode *inode = file_inode(file);
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	u32 sync = datasync ? QTFS_WRITE_FDATASYNC : QTFS_WRITE_FSYNC;
	struct qtfs_unstable_mark mark;
	bool synced;
	int error;

	/* If the server was booted before it had answered, all may have to be written again. */
	do {
		qtfs_unstable_settle(inode);
		mark = qtfs_unstable_mark(session);
		error = write_and_wait(file, start, end, sync, &synced);
		if (error)
			return error;
		/* What others wrote meanwhile may have come after it. */
		if (synced && qtfs_unstable_commit(inode, mark) && !qtfs_unstable_any(inode))
			return 0;
		mark = qtfs_unstable_mark(session);
		error = qtfs_rpc_call(session, &rpc);
		if (error)
			return error;
	} while (!qtfs_unstable_commit(inode, mark));
	return 0;
}
