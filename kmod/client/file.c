// SPDX-License-Identifier: GPL-2.0
/*
 * Reading and writing files.
 *
 * Ordinary files are read from and written to the page cache.  What is appended,
 * what is written with O_DIRECT or cache=strict, goes straight through to the
 * server and drops the pages it made stale; direct.c has what is read so, and what is
 * written with O_DIRECT into what there is.  For files whose size means nothing
 * (proc, sysfs, cgroup ...) there is no cache at all: one read(2) is one READ and
 * one write(2) one WRITE.
 *
 * What isn't direct.c's goes through buffers of the request's own, since a killed
 * caller's memory must not be received into.
 */
#include "qtfs.h"

#include <linux/falloc.h>
#include <linux/poll.h>
#include <linux/splice.h>
#include <linux/uio.h>

/* One READ at most.  Returns how much came. */
ssize_t qtfs_read_once(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct qtfs_session *session = qtfs_session_of(file_inode(file)->i_sb);
	size_t size = min_t(size_t, iov_iter_count(to), session->max_data);
	struct qtfs_read body = {
		.offset = cpu_to_le64(iocb->ki_pos),
		.size = cpu_to_le32(size),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_READ,
		.file = qtfs_file(file),
		.body = &body,
		.in_max = size,
	};
	ssize_t n;

	rpc.in = qtfs_buf_alloc_pages(size, GFP_KERNEL);
	if (!rpc.in)
		return -ENOMEM;
	n = qtfs_rpc_call(session, &rpc);
	if (!n && rpc.in_len)
		n = qtfs_buf_copy_to(rpc.in, rpc.in_len, to) ?: -EFAULT;
	qtfs_buf_put(rpc.in);
	if (n > 0)
		iocb->ki_pos += n;
	return n;
}

/* Reads until @to is full or the file ends. */
static ssize_t read_direct(struct kiocb *iocb, struct iov_iter *to)
{
	ssize_t done = 0, n;
	size_t wanted;

	while (iov_iter_count(to)) {
		wanted = min_t(size_t, iov_iter_count(to),
			       qtfs_session_of(file_inode(iocb->ki_filp)->i_sb)->max_data);
		n = qtfs_read_once(iocb, to);
		if (n < 0)
			return done ?: n;
		done += n;
		if (n < wanted)
			break;
	}
	return done;
}

static bool bypasses(const struct kiocb *iocb)
{
	return (iocb->ki_flags & IOCB_DIRECT) ||
	       qtfs_sb(file_inode(iocb->ki_filp)->i_sb)->cache == QTFS_CACHE_NONE;
}

/* Whether @file can still be used: an errno if not. */
static int usable(const struct file *file)
{
	int error = READ_ONCE(qtfs_file(file)->error);

	if (!error)
		qtfs_unstable_settle(file_inode(file));
	return error;
}

/* Lets what is cached of @file be no older than it may be. */
static int freshen(struct file *file, bool nowait)
{
	if (!qtfs_attr_expired(file_inode(file)))
		return 0;
	return nowait ? -EAGAIN : qtfs_refresh_dentry(file_dentry(file));
}

static ssize_t qtfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t n;
	int error;

	error = usable(iocb->ki_filp);
	if (error)
		return error;
	if (bypasses(iocb)) {
		if (iocb->ki_flags & IOCB_NOWAIT)
			return -EAGAIN;
		error = qtfs_clean(inode);
		if (error)
			return error;
		return user_backed_iter(to) ? qtfs_direct_read(iocb, to) : read_direct(iocb, to);
	}
	error = freshen(iocb->ki_filp, iocb->ki_flags & IOCB_NOWAIT);
	if (error)
		return error;
	n = generic_file_read_iter(iocb, to);
	/* All that a page knows is that it couldn't be read; the server knows why. */
	return n == -EIO ? read_direct(iocb, to) : n;
}

/* The server never lets its engine wait: where there's nothing to be had yet, we do. */
static ssize_t qtfs_uncached_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	ssize_t n;
	int error;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	if (!iov_iter_count(to))
		return 0;
	for (;;) {
		n = qtfs_read_once(iocb, to);
		if (n != -EAGAIN || (file->f_flags & O_NONBLOCK) ||
		    !(qtfs_file(file)->flags & QTFS_OPENED_POLL))
			return n;
		error = qtfs_poll_wait(file, EPOLLIN);
		if (error)
			return error;
	}
}

/* Like a read: what is not to come from the page cache doesn't. */
static ssize_t qtfs_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
				size_t len, unsigned int flags)
{
	int error;

	if (qtfs_sb(file_inode(in)->i_sb)->cache == QTFS_CACHE_NONE)
		return copy_splice_read(in, pos, pipe, len, flags);
	error = usable(in) ?: freshen(in, false);
	return error ?: filemap_splice_read(in, pos, pipe, len, flags);
}

static u32 write_flags(const struct kiocb *iocb)
{
	u32 flags = 0;

	if (iocb->ki_flags & IOCB_APPEND)
		flags |= QTFS_WRITE_APPEND;
	if (iocb->ki_flags & IOCB_SYNC)
		flags |= QTFS_WRITE_SYNC;
	else if (iocb->ki_flags & IOCB_DSYNC)
		flags |= QTFS_WRITE_DSYNC;
	return flags;
}

/*
 * One WRITE at most.  Returns how much was written, by which @from has advanced, and
 * sets ki_pos behind it.
 */
ssize_t qtfs_write_once(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	size_t size = min_t(size_t, iov_iter_count(from), session->max_data);
	struct qtfs_write body = {
		.offset = cpu_to_le64(iocb->ki_pos),
		.flags = cpu_to_le32(write_flags(iocb)),
	};
	struct qtfs_write_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_WRITE,
		.file = qtfs_file(file),
		.inode = inode,
		.body = &body,
		.reply = &rep,
	};
	u32 count;
	int error;

	rpc.out = qtfs_buf_alloc_pages(size, GFP_KERNEL);
	if (!rpc.out)
		return -ENOMEM;
	rpc.out_len = qtfs_buf_copy_from(rpc.out, from);
	error = -EFAULT;
	if (rpc.out_len)
		error = qtfs_rpc_call(session, &rpc);
	qtfs_buf_put(rpc.out);
	if (error) {
		iov_iter_revert(from, rpc.out_len);
		return error;
	}

	count = le32_to_cpu(rep.count);
	if (count > rpc.out_len || le64_to_cpu(rep.end) > LLONG_MAX)
		return -EIO;
	iov_iter_revert(from, rpc.out_len - count);
	if (qtfs_file(file)->flags & QTFS_OPENED_UNCACHED)
		qtfs_expire_attr(inode);
	else
		qtfs_update_inode_changed(inode, &rep.attr, &rpc.age, true);
	if (S_ISREG(inode->i_mode) && !qtfs_uncached(inode) &&
	    !(body.flags & cpu_to_le32(QTFS_WRITE_SYNC | QTFS_WRITE_DSYNC)))
		qtfs_unstable_add_elsewhere(inode);
	iocb->ki_pos = le64_to_cpu(rep.end);
	return count;
}

static ssize_t write_through(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t done = 0, n;
	int error;

	error = qtfs_clean(inode);
	if (error)
		return error;
	while (iov_iter_count(from)) {
		n = qtfs_write_once(iocb, from);
		if (n < 0) {
			done = done ?: n;
			break;
		}
		/* Also when it was appended elsewhere than we thought. */
		qtfs_drop_written(inode, iocb->ki_pos - n, n);
		done += n;
		if (!n)
			break;
	}
	return done;
}

/* Behind this the server's file system may have its limit (EFBIG), and says so at once. */
#define WRITE_BACK_MAX	BIT_ULL(40)

/* Where the end is, when appending, only the server knows. */
static bool writes_back(const struct kiocb *iocb, size_t len)
{
	return !(iocb->ki_flags & (IOCB_DIRECT | IOCB_APPEND)) &&
	       iocb->ki_pos + len <= WRITE_BACK_MAX &&
	       qtfs_sb(file_inode(iocb->ki_filp)->i_sb)->cache == QTFS_CACHE_COHERENT;
}

/* Overwrites what is there already, past the page cache: nobody need wait for it. */
static bool overwrites(const struct kiocb *iocb, const struct iov_iter *from)
{
	loff_t behind = i_size_read(file_inode(iocb->ki_filp)) - iocb->ki_pos;

	return (iocb->ki_flags & (IOCB_DIRECT | IOCB_APPEND)) == IOCB_DIRECT &&
	       behind > 0 && iov_iter_count(from) <= behind;
}

/* Returns whether the lock that it takes is shared. */
static bool lock_to_write(const struct kiocb *iocb, const struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (overwrites(iocb, from)) {
		inode_lock_shared(inode);
		if (overwrites(iocb, from))
			return true;
		inode_unlock_shared(inode);
	}
	inode_lock(inode);
	return false;
}

static ssize_t overwrite(struct kiocb *iocb, struct iov_iter *from)
{
	int error = qtfs_clean(file_inode(iocb->ki_filp));

	return error ?: qtfs_direct_write(iocb, from, write_flags(iocb));
}

static ssize_t qtfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	bool shared;
	ssize_t n;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	n = usable(iocb->ki_filp);
	if (n)
		return n;
	shared = lock_to_write(iocb, from);
	n = generic_write_checks(iocb, from);
	if (n > 0 && writes_back(iocb, n)) {
		n = iocb->ki_pos > i_size_read(inode) ? qtfs_zero_tail(inode) : 0;
		n = n ?: generic_perform_write(iocb, from);
	} else if (n > 0 && shared && user_backed_iter(from)) {
		n = overwrite(iocb, from);
	} else if (n > 0) {
		n = write_through(iocb, from);
	}
	if (shared)
		inode_unlock_shared(inode);
	else
		inode_unlock(inode);
	return n > 0 ? generic_write_sync(iocb, n) : n;
}

static ssize_t qtfs_uncached_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	return iov_iter_count(from) ? qtfs_write_once(iocb, from) : 0;
}

/* Where data and holes are, only the server knows. */
static loff_t seek_data(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);
	struct qtfs_lseek body = {
		.offset = cpu_to_le64(offset),
		.whence = cpu_to_le32(whence),
	};
	struct qtfs_lseek_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_LSEEK,
		.file = qtfs_file(file),
		.body = &body,
		.reply = &rep,
	};
	int error;

	if (offset < 0)
		return -ENXIO;
	error = qtfs_clean(inode);
	if (!error)
		error = qtfs_rpc_call(qtfs_session_of(inode->i_sb), &rpc);
	if (error)
		return error;
	return vfs_setpos(file, le64_to_cpu(rep.offset), inode->i_sb->s_maxbytes);
}

static loff_t qtfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);
	int error;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return seek_data(file, offset, whence);
	if (whence == SEEK_END && qtfs_attr_expired(inode)) {
		error = qtfs_refresh_dentry(file_dentry(file));
		if (error)
			return error;
	}
	return generic_file_llseek(file, offset, whence);
}

/* Modes that leave the end of a file where it is, or put it not at offset + len. */
#define ENDS_ELSEWHERE	(FALLOC_FL_KEEP_SIZE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)

static long qtfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct qtfs_fallocate body = {
		.offset = cpu_to_le64(offset),
		.len = cpu_to_le64(len),
		.mode = cpu_to_le32(mode),
	};
	struct qtfs_attr_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_FALLOCATE,
		.file = qtfs_file(file),
		.body = &body,
		.reply = &rep,
	};
	int error = 0;

	inode_lock(inode);
	if (!(mode & ENDS_ELSEWHERE))
		error = qtfs_newsize_ok(file_dentry(file), offset + len);
	if (!error)
		error = qtfs_direct_drain(inode) ?: qtfs_clean(inode);
	if (!error)
		error = qtfs_rpc_call(qtfs_session_of(inode->i_sb), &rpc);
	if (!error) {
		/* Most modes change or move data. */
		if (mode & ~FALLOC_FL_KEEP_SIZE)
			qtfs_drop_data(inode);
		qtfs_update_inode_changed(inode, &rep.attr, &rpc.age, true);
	}
	inode_unlock(inode);
	return error;
}

const struct file_operations qtfs_file_ops = {
	.open = qtfs_open,
	.flush = qtfs_flush,
	.release = qtfs_release,
	.llseek = qtfs_llseek,
	.read_iter = qtfs_read_iter,
	.write_iter = qtfs_write_iter,
	.mmap = qtfs_mmap,
	.splice_read = qtfs_splice_read,
	.splice_write = iter_file_splice_write,
	.fallocate = qtfs_fallocate,
	.copy_file_range = qtfs_copy_file_range,
	.remap_file_range = qtfs_remap_file_range,
	.lock = qtfs_lock,
	.flock = qtfs_flock,
	.fsync = qtfs_fsync,
	.setlease = QTFS_NOSETLEASE,
	.unlocked_ioctl = qtfs_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

#define UNCACHED_OPS				\
	.open = qtfs_open,			\
	.release = qtfs_release,		\
	.llseek = default_llseek,		\
	.read_iter = qtfs_uncached_read_iter,	\
	.write_iter = qtfs_uncached_write_iter,	\
	.splice_read = copy_splice_read,	\
	.splice_write = iter_file_splice_write,	\
	.unlocked_ioctl = qtfs_ioctl,		\
	.compat_ioctl = compat_ptr_ioctl,	\
	.lock = qtfs_lock,			\
	.flock = qtfs_flock,			\
	.fsync = qtfs_fsync,			\
	.setlease = QTFS_NOSETLEASE

const struct file_operations qtfs_uncached_file_ops = {
	UNCACHED_OPS,
};

/* Where the server's file can be polled; epoll(7) refuses what can't. */
const struct file_operations qtfs_uncached_poll_ops = {
	UNCACHED_OPS,
	.poll = qtfs_poll,
};
