// SPDX-License-Identifier: GPL-2.0
/*
 * O_DIRECT: between the caller's memory and the server, past the page cache.
 *
 * A read(2) or write(2) is cut into pieces, a READ or WRITE of the agreed size each,
 * and all of them are started before any is waited for.  The result is what lies
 * before the first piece that failed or came short; what lies behind may have been
 * read or written as well.
 *
 * The caller's pages are pinned, and go to and come from the transport as they are.
 * Where frames have a checksum they go through pages of ours: a caller who changes
 * its memory meanwhile would make the sum wrong, and that costs everybody's connection.
 *
 * Owners of a struct direct: who waits for its end, with one reference, and each piece
 * under way.  The waiter is the caller, killable, or for asynchronous I/O (io_uring,
 * libaio) a worker.  It alone touches the file, the inode and, where there is a checksum,
 * the caller's memory: the waiter has the file, while a piece may outlive a caller who
 * was killed.  Then all that remains of it is pinned pages.
 *
 * What is written here lies inside the file as far as we know, under the inode's lock,
 * shared; a caller who waits keeps that until the end.  Asynchronous WRITEs are counted
 * in qtfs_inode.direct instead, and who truncates or moves data, under the exclusive lock,
 * waits for those first (qtfs_direct_drain()).
 */
#include "qtfs.h"

#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>

/* So much is under way for one caller at a time.  What is larger is waited for. */
#define WINDOW	(16 << 20)

struct direct {
	refcount_t ref;
	atomic_t pending;		/* pieces under way, and one while they are started */
	struct kiocb *iocb;
	bool write;
	bool async;
	bool bounce;
	u32 flags;			/* of WRITEs */
	loff_t pos;
	size_t asked;			/* bytes in pieces */
	spinlock_t lock;		/* for the next two */
	loff_t stop;			/* where the first piece that wasn't done whole ended */
	int error;			/* why; 0: there was no more */
	struct list_head pieces;
	struct completion done;
	struct work_struct work;
};

struct piece {
	struct list_head list;		/* direct->pieces */
	struct direct *direct;
	loff_t pos;
	size_t len;
	size_t done;			/* result: so many bytes */
	struct qtfs_buf *user;		/* the caller's pages; NULL: were copied from */
	struct qtfs_buf *wire;		/* what the transport has; may be the same */
	struct qtfs_attr attr;		/* WRITE's result, if done */
	struct qtfs_age age;
};

static struct inode *direct_inode(const struct direct *direct)
{
	return file_inode(direct->iocb->ki_filp);
}

static void piece_free(struct piece *piece)
{
	qtfs_buf_put(piece->user);
	qtfs_buf_put(piece->wire);
	kfree(piece);
}

static void direct_put(struct direct *direct)
{
	struct piece *piece, *next;

	if (!refcount_dec_and_test(&direct->ref))
		return;
	list_for_each_entry_safe(piece, next, &direct->pieces, list)
		piece_free(piece);
	kfree(direct);
}

static void direct_stop(struct direct *direct, loff_t at, int error)
{
	spin_lock(&direct->lock);
	if (at < direct->stop) {
		direct->stop = at;
		direct->error = error;
	}
	spin_unlock(&direct->lock);
}

/* A piece has ended, or they have all been started. */
static void direct_ended(struct direct *direct)
{
	if (!atomic_dec_and_test(&direct->pending))
		return;
	if (direct->async)
		queue_work(qtfs_wq, &direct->work);
	else
		complete(&direct->done);
}

/* In a link's thread. */
static void piece_done(struct qtfs_request *req)
{
	const struct qtfs_write_rep *rep = (const void *)req->reply;
	struct piece *piece = req->private;
	struct direct *direct = piece->direct;
	size_t done = direct->write ? le32_to_cpu(rep->count) : req->in_len;
	int error = req->error;

	if (!error && done > piece->len)
		error = -EIO;
	if (error) {
		direct_stop(direct, piece->pos, error);
	} else {
		if (done < piece->len)
			direct_stop(direct, piece->pos + done, 0);
		piece->done = done;
		piece->age = req->age;
		if (direct->write)
			piece->attr = rep->attr;
	}
	direct_ended(direct);
	direct_put(direct);
}

/* Takes the caller's next bytes as they are. */
static int piece_pin(struct piece *piece, struct iov_iter *iter, size_t max)
{
	struct qtfs_buf *user = qtfs_buf_pin(iter, max);

	if (IS_ERR(user))
		return PTR_ERR(user);
	piece->user = user;
	piece->len = piece->user->size;
	if (!piece->direct->bounce) {
		refcount_inc(&piece->user->ref);
		piece->wire = piece->user;
		return 0;
	}
	piece->wire = qtfs_buf_alloc_pages(piece->len, GFP_KERNEL);
	return piece->wire ? 0 : -ENOMEM;
}

/* Copies the caller's next bytes, which are to be written. */
static int piece_copy(struct piece *piece, struct iov_iter *iter, size_t max)
{
	piece->wire = qtfs_buf_alloc_pages(min(max, iov_iter_count(iter)), GFP_KERNEL);
	if (!piece->wire)
		return -ENOMEM;
	piece->len = qtfs_buf_copy_from(piece->wire, iter);
	return piece->len ? 0 : -EFAULT;
}

static int piece_send(struct piece *piece)
{
	struct direct *direct = piece->direct;
	struct qtfs_read read = {
		.offset = cpu_to_le64(piece->pos),
		.size = cpu_to_le32(piece->len),
	};
	struct qtfs_write write = {
		.offset = cpu_to_le64(piece->pos),
		.flags = cpu_to_le32(direct->flags),
	};
	struct qtfs_rpc rpc = { .file = qtfs_file(direct->iocb->ki_filp) };
	int error;

	if (direct->write) {
		rpc.op = QTFS_OP_WRITE;
		rpc.body = &write;
		rpc.out = piece->wire;
		rpc.out_len = piece->len;
	} else {
		rpc.op = QTFS_OP_READ;
		rpc.body = &read;
		rpc.in = piece->wire;
		rpc.in_max = piece->len;
	}
	refcount_inc(&direct->ref);
	atomic_inc(&direct->pending);
	error = qtfs_rpc_start(qtfs_session_of(direct_inode(direct)->i_sb), &rpc, true, piece_done,
			       piece);
	if (error) {
		atomic_dec(&direct->pending);	/* the last one is direct_run()'s */
		direct_put(direct);
	}
	return error;
}

static int piece_start(struct direct *direct, struct iov_iter *iter)
{
	u32 max = qtfs_session_of(direct_inode(direct)->i_sb)->max_data;
	struct piece *piece = kzalloc(sizeof(*piece), GFP_KERNEL);
	int error;

	if (!piece)
		return -ENOMEM;
	piece->direct = direct;
	piece->pos = direct->pos + direct->asked;
	if (direct->write && direct->bounce)
		error = piece_copy(piece, iter, max);
	else
		error = piece_pin(piece, iter, max);
	if (error) {
		piece_free(piece);
		return error;
	}
	list_add_tail(&piece->list, &direct->pieces);
	error = piece_send(piece);
	if (!error)
		direct->asked += piece->len;
	return error;
}

/* Gives the caller what was read. */
static void piece_deliver(struct piece *piece)
{
	struct iov_iter to;
	unsigned int i;

	if (piece->wire != piece->user) {
		qtfs_buf_iter(piece->user, ITER_DEST, piece->done, &to);
		qtfs_buf_copy_to(piece->wire, piece->done, &to);
	}
	for (i = 0; i < piece->user->nr_bvecs; i++)
		set_page_dirty_lock(piece->user->bvecs[i].bv_page);
}

/* All pieces have ended.  Returns what the caller is told. */
static ssize_t direct_finish(struct direct *direct)
{
	loff_t end = min_t(loff_t, direct->stop, direct->pos + direct->asked);
	struct inode *inode = direct_inode(direct);
	bool written = false;
	struct piece *piece;

	list_for_each_entry(piece, &direct->pieces, list) {
		if (!piece->done)
			continue;
		if (!direct->write) {
			piece_deliver(piece);
			continue;
		}
		written = true;
		qtfs_update_inode_changed(inode, &piece->attr, &piece->age, true);
	}
	if (written && !(direct->flags & (QTFS_WRITE_SYNC | QTFS_WRITE_DSYNC)))
		qtfs_unstable_add_elsewhere(inode);
	/* Others may have read into the page cache what was written over meanwhile. */
	if (direct->write)
		qtfs_drop_written(inode, direct->pos, direct->asked);
	if (end > direct->pos) {
		direct->iocb->ki_pos = end;
		return end - direct->pos;
	}
	return direct->error;
}

static void direct_work(struct work_struct *work)
{
	struct direct *direct = container_of(work, struct direct, work);
	struct qtfs_inode *qi = qtfs_i(direct_inode(direct));
	struct kiocb *iocb = direct->iocb;
	ssize_t n = direct_finish(direct);

	if (direct->write && atomic_dec_and_test(&qi->direct))
		wake_up_var(&qi->direct);
	direct_put(direct);
	/* The caller's file, and with it the inode, may go in here. */
	qtfs_ki_complete(iocb, n);
}

static bool seals(const struct qtfs_session *session)
{
	unsigned int i;

	for (i = 0; i < session->nr_routes; i++)
		if (session->routes[i].crc)
			return qtfs_crc_available();
	return false;
}

static struct direct *direct_alloc(struct kiocb *iocb, bool write, bool async, u32 flags)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct direct *direct = kzalloc(sizeof(*direct), GFP_KERNEL);

	if (!direct)
		return NULL;
	refcount_set(&direct->ref, 1);
	atomic_set(&direct->pending, 1);
	direct->iocb = iocb;
	direct->write = write;
	direct->async = async;
	direct->bounce = seals(qtfs_session_of(inode->i_sb));
	direct->flags = flags;
	direct->pos = iocb->ki_pos;
	direct->stop = LLONG_MAX;
	spin_lock_init(&direct->lock);
	INIT_LIST_HEAD(&direct->pieces);
	init_completion(&direct->done);
	INIT_WORK(&direct->work, direct_work);
	if (async && write)
		atomic_inc(&qtfs_i(inode)->direct);
	return direct;
}

static ssize_t direct_wait(struct direct *direct)
{
	struct inode *inode = direct_inode(direct);
	ssize_t n = -EINTR;

	if (!wait_for_completion_killable(&direct->done))
		n = direct_finish(direct);
	else if (direct->write)
		qtfs_expire_attr(inode);
	direct_put(direct);
	return n;
}

/* Begins to read or write up to a window's bytes, and waits if it isn't @async. */
static ssize_t direct_run(struct kiocb *iocb, struct iov_iter *iter, bool write, bool async,
			  u32 flags)
{
	struct direct *direct = direct_alloc(iocb, write, async, flags);
	int error = 0;

	if (!direct)
		return -ENOMEM;
	while (!error && iov_iter_count(iter) && direct->asked < WINDOW)
		error = piece_start(direct, iter);
	if (error)
		direct_stop(direct, direct->pos + direct->asked, error);
	direct_ended(direct);
	return async ? -EIOCBQUEUED : direct_wait(direct);
}

static ssize_t direct_rw(struct kiocb *iocb, struct iov_iter *iter, bool write, u32 flags)
{
	bool async = !is_sync_kiocb(iocb) && iov_iter_count(iter) <= WINDOW;
	ssize_t done = 0, n;
	size_t before;

	do {
		before = iov_iter_count(iter);
		n = direct_run(iocb, iter, write, async, flags);
		if (n > 0)
			done += n;
	} while (n > 0 && iov_iter_count(iter) && n == before - iov_iter_count(iter));
	return done ?: n;
}

/* Reads into the memory of a process.  The page cache has nothing that the server hasn't. */
ssize_t qtfs_direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	return direct_rw(iocb, to, false, 0);
}

/*
 * Writes from the memory of a process into what is inside the file.  Under the inode's
 * lock, shared; @flags: QTFS_WRITE_*.
 */
ssize_t qtfs_direct_write(struct kiocb *iocb, struct iov_iter *from, u32 flags)
{
	return direct_rw(iocb, from, true, flags);
}

/* Waits, killable, for asynchronous writes; none begins while the inode's lock is held. */
int qtfs_direct_drain(struct inode *inode)
{
	struct qtfs_inode *qi = qtfs_i(inode);

	return wait_var_event_killable(&qi->direct, !atomic_read(&qi->direct)) ? -EINTR : 0;
}
