// SPDX-License-Identifier: GPL-2.0
/*
 * FIFOs are the server's: who writes here is read there.
 *
 * An open that has to wait for the other end waits as for a lock (wait.c).  The
 * server's open file never waits: what it answers with EAGAIN is waited for here,
 * by POLL, unless the file is O_NONBLOCK.  So nothing of the server is held by who
 * waits.  What one write(2) of PIPE_BUF bytes or less sends goes in one WRITE, which
 * the server's pipe takes whole or not at all.
 */
#include "qtfs.h"

#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uio.h>

/* As much as a pipe holds if nobody has asked for more. */
#define WRITE_BYTES	(64 << 10)

static int fifo_rpc(struct file *file, u64 number, u32 step, struct qtfs_open_rep *rep,
		    struct qtfs_age *age)
{
	struct qtfs_open_fifo body = {
		.wait = cpu_to_le64(number),
		.flags = cpu_to_le32(qtfs_open_flags(file) & (QTFS_O_ACCMODE | QTFS_O_NONBLOCK)),
		.step = cpu_to_le32(step),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_OPEN_FIFO,
		.dentry = file_dentry(file),
		.body = &body,
		.reply = rep,
	};
	int error;

	error = qtfs_rpc_call(qtfs_session_of(file_inode(file)->i_sb), &rpc);
	*age = rpc.age;
	return error;
}

/* Asks until the other end is there. */
static int open_waiting(struct file *file, struct qtfs_open_rep *rep, struct qtfs_age *age)
{
	struct qtfs_session *session = qtfs_session_of(file_inode(file)->i_sb);
	struct qtfs_wait wait;
	int error;

	qtfs_wait_begin(session, &wait);
	do {
		error = fifo_rpc(file, wait.number, QTFS_FIFO_BEGIN, rep, age);
		while (!error && (rep->flags & cpu_to_le32(QTFS_OPENED_WAITING))) {
			error = qtfs_wait_for_event(session, &wait);
			if (!error)
				error = fifo_rpc(file, wait.number, QTFS_FIFO_ASK, rep, age);
			/* A server that was restarted knows nothing of it. */
			if (error == -ENOENT)
				error = fifo_rpc(file, wait.number, QTFS_FIFO_BEGIN, rep, age);
		}
		/* Who was interrupted on the server is nobody here. */
	} while (error == -EINTR && !signal_pending(current));
	if (error == -EINTR || error == -ERESTARTSYS) {
		fifo_rpc(file, wait.number, QTFS_FIFO_CANCEL, rep, age);
		error = -ERESTARTSYS;
	}
	qtfs_wait_end(session, &wait);
	return error;
}

static int fifo_open(struct inode *inode, struct file *file)
{
	struct qtfs_open_rep rep;
	struct qtfs_age age;
	int error;

	error = open_waiting(file, &rep, &age);
	if (error)
		return error;
	qtfs_update_inode(inode, &rep.attr, &age);
	return qtfs_open_attach(file, &rep, &age);
}

/*
 * Who is at the other end sees this one go before close(2) returns.  If it can't be
 * waited for, it's sent once more, and the server refuses what it has had.
 */
int qtfs_fifo_release(struct inode *inode, struct file *file)
{
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	struct qtfs_file *qf = qtfs_file(file);
	struct qtfs_rpc rpc = { .op = QTFS_OP_RELEASE, .file = qf };
	int error;

	if (!qf)
		return 0;
	qtfs_poll_end(session, qf);
	qtfs_file_unlist(session, qf);
	error = qtfs_rpc_call(session, &rpc);
	if (!error)
		WRITE_ONCE(qf->error, -ESTALE);
	qtfs_file_put(session, qf);
	return 0;
}

static bool waits(const struct kiocb *iocb)
{
	return !(iocb->ki_filp->f_flags & O_NONBLOCK) && !(iocb->ki_flags & IOCB_NOWAIT);
}

ssize_t qtfs_fifo_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	ssize_t n;
	int error;

	if (!iov_iter_count(to))
		return 0;
	for (;;) {
		iocb->ki_pos = 0;
		n = qtfs_read_once(iocb, to);
		if (n != -EAGAIN || !waits(iocb))
			return n;
		error = qtfs_poll_wait(iocb->ki_filp, EPOLLIN);
		if (error)
			return error;
	}
}

ssize_t qtfs_fifo_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t done = 0, n = 0;
	size_t left;

	while ((left = iov_iter_count(from))) {
		/* What the pipe has no room for would come back only to be sent again. */
		iov_iter_truncate(from, WRITE_BYTES);
		iocb->ki_pos = 0;
		n = qtfs_write_once(iocb, from);
		iov_iter_reexpand(from, left - max_t(ssize_t, n, 0));
		if (n > 0)
			done += n;
		else if (n == -EAGAIN && waits(iocb))
			n = qtfs_poll_wait(iocb->ki_filp, EPOLLOUT);
		else if (!n)
			n = -EIO;	/* no pipe takes nothing and says so */
		if (n < 0)
			break;
	}
	if (n == -EPIPE)
		send_sig(SIGPIPE, current, 0);
	return done ?: n;
}

const struct file_operations qtfs_fifo_ops = {
	.open = fifo_open,
	.release = qtfs_fifo_release,
	.read_iter = qtfs_fifo_read_iter,
	.write_iter = qtfs_fifo_write_iter,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
	.poll = qtfs_poll,
	.setlease = QTFS_NOSETLEASE,
};
