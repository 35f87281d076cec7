// SPDX-License-Identifier: GPL-2.0
/*
 * READ, WRITE, FSYNC, FALLOCATE, LSEEK and COPY without the engine.
 *
 * Which opens: regular files whose size means something, that is, which a
 * client may cache (attr.c), and FIFOs, which don't let anybody wait (fifo.c).
 * A grant says by which epoch of the policy reading
 * or writing was allowed: the one in force when an engine's thread fetched the
 * call that it then answered with success.  A grant of any other epoch is void,
 * so that QTFS_CHANNEL_READY takes them all back at once.  The epoch is compared
 * when the call is dispatched and again when a worker begins with it; I/O that
 * was begun before READY may end after it.  FSYNC and LSEEK need no decision.
 *
 * Everything runs in a worker of io_wq, under the credentials that the file was
 * opened with, at the position that the request names: files have no position
 * here that two requests could fight for.  Workers take no signals, so a call
 * ends when its I/O does; a session that has ended doesn't wait for it.
 *
 * The client may be in this kernel, with pages that only our writing cleans.  So
 * memory is taken and writing is throttled here as by a loop device: without
 * waiting for I/O, and by the load of the file's own device.
 *
 * Buffers are kernel memory, large ones pages.  Direct I/O gets small ones as pages
 * (ITER_BVEC), too, since not every kernel takes ITER_KVEC there.
 *
 * vfs_iocb_iter_write() guards against freezing by itself (in older kernels its
 * caller did: see compat/), the rest of what write(2) does, it does as well.
 */
#include "server/qtfsd.h"

#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

/* One COPY, so that it ends within reason. */
#define COPY_MAX	(64 << 20)

/* Finds out what @open's file allows.  Before anybody else knows @open. */
void qtfsd_fast_init(struct qtfsd_open *open)
{
	const struct file *file = open->file;
	const struct inode *inode = file_inode(file);

	if (S_ISREG(inode->i_mode) ? qtfsd_uncached(inode) : !S_ISFIFO(inode->i_mode))
		return;
	open->fast_read = (file->f_mode & FMODE_READ) && file->f_op->read_iter;
	open->fast_write = (file->f_mode & FMODE_WRITE) && file->f_op->write_iter;
}

/* Whether @call, one of those above, needs no engine. */
bool qtfsd_fast_may(const struct qtfsd_call *call)
{
	const struct qtfsd_open *open = call->open;
	u64 policy = READ_ONCE(qtfsd.channel.policy);

	switch (qtfsd_call_op(call)) {
	case QTFS_OP_READ:
		return open->fast_read && READ_ONCE(open->read_grant) == policy;
	case QTFS_OP_WRITE:
	case QTFS_OP_FALLOCATE:
	case QTFS_OP_COPY:
		return open->fast_write && READ_ONCE(open->write_grant) == policy;
	default:
		return open->fast_read || open->fast_write;
	}
}

/* A buffer as the file system gets it. */
struct fast_buffer {
	struct kvec kvec;
	struct bio_vec *bvecs;		/* direct I/O only */
};

static struct page *buffer_page(const void *p)
{
	return is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);
}

/* @buffer must outlive @iter; free its bvecs with kvfree(). */
static int buffer_iter(struct fast_buffer *buffer, struct iov_iter *iter, const struct kiocb *iocb,
		       unsigned int direction, void *data, size_t len)
{
	unsigned int nr = DIV_ROUND_UP(offset_in_page(data) + len, PAGE_SIZE), i;
	size_t left = len;

	buffer->bvecs = NULL;
	if (!(iocb->ki_flags & IOCB_DIRECT) || !len) {
		buffer->kvec.iov_base = data;
		buffer->kvec.iov_len = len;
		iov_iter_kvec(iter, direction, &buffer->kvec, 1, len);
		return 0;
	}

	buffer->bvecs = kvmalloc_array(nr, sizeof(*buffer->bvecs), GFP_KERNEL);
	if (!buffer->bvecs)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct bio_vec *bvec = &buffer->bvecs[i];

		bvec->bv_page = buffer_page(data);
		bvec->bv_offset = offset_in_page(data);
		bvec->bv_len = min_t(size_t, left, PAGE_SIZE - bvec->bv_offset);
		data += bvec->bv_len;
		left -= bvec->bv_len;
	}
	iov_iter_bvec(iter, direction, buffer->bvecs, nr, len);
	return 0;
}

/* Reads into the reply's data. */
static int read_reply(struct qtfsd_call *call, struct file *file, u64 offset, u32 size)
{
	struct fast_buffer buffer;
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n;

	if (size && !qtfsd_call_alloc_data(call, size))
		return -ENOMEM;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = offset;
	n = buffer_iter(&buffer, &iter, &iocb, ITER_DEST, call->reply_data, size);
	if (!n)
		n = vfs_iocb_iter_read(file, &iocb, &iter);
	kvfree(buffer.bvecs);
	call->reply_len = max_t(ssize_t, n, 0);
	return min_t(ssize_t, n, 0);
}

/* Reads into pages of the reply that the transport need not copy. */
static int read_pages(struct qtfsd_call *call, struct file *file, u64 offset, u32 size)
{
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n;

	if (!qtfsd_pages_alloc(&call->reply_pages, size))
		return -ENOMEM;
	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = offset;
	qtfsd_pages_iter(&call->reply_pages, ITER_DEST, size, &iter);
	n = vfs_iocb_iter_read(file, &iocb, &iter);
	call->reply_len = max_t(ssize_t, n, 0);
	return min_t(ssize_t, n, 0);
}

static int do_read(struct qtfsd_call *call)
{
	const struct qtfs_read *args = call->args;
	struct file *file = call->open->file;
	u64 offset = le64_to_cpu(args->offset);
	u32 size = le32_to_cpu(args->size);

	if (offset > LLONG_MAX)
		return -EINVAL;
	if (size >= QTFSD_PAGES_MIN && !qtfsd_call_consumes(call))
		return read_pages(call, file, offset, size);
	return read_reply(call, file, offset, size);
}

/*
 * Adds what is in the file of @open, which OPEN_NAME has just opened, to the reply
 * if that is all of it.  In the engine's thread, as the caller.  If it fails, the
 * client will read and hear why.
 */
void qtfsd_fast_read_small(struct qtfsd_call *call, struct qtfsd_open *open, u64 file_size)
{
	const struct qtfs_open_name *args = call->args;

	if (!open->fast_read || !file_size || file_size > le32_to_cpu(args->size))
		return;
	if (read_reply(call, open->file, 0, file_size) || call->reply_len != file_size)
		call->reply_len = 0;
}

/* Writes from @iter; if @whole, goes on until it's empty or nothing can be written. */
static ssize_t write_some(struct file *file, struct kiocb *iocb, struct iov_iter *iter, bool whole)
{
	ssize_t done = 0, n;

	do {
		n = vfs_iocb_iter_write(file, iocb, iter);
		if (n > 0)
			done += n;
	} while (whole && n > 0 && iov_iter_count(iter));
	if (n < 0)
		return n;
	return whole && iov_iter_count(iter) ? -EIO : done;
}

/* The data that came with @call; as buffer_iter(). */
static int data_iter(struct qtfsd_call *call, struct fast_buffer *buffer, struct iov_iter *iter,
		     const struct kiocb *iocb)
{
	if (!call->data_pages.nr)
		return buffer_iter(buffer, iter, iocb, ITER_SOURCE, call->data, call->data_len);
	buffer->bvecs = NULL;
	qtfsd_pages_iter(&call->data_pages, ITER_SOURCE, call->data_len, iter);
	return 0;
}

static int do_write(struct qtfsd_call *call)
{
	const struct qtfs_write *args = call->args;
	struct qtfs_write_rep *rep = &call->reply.write;
	struct file *file = call->open->file;
	u64 offset = le64_to_cpu(args->offset);
	u32 flags = le32_to_cpu(args->flags);
	struct fast_buffer buffer;
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n;

	if (flags & QTFS_WRITE_APPEND)
		offset = 0;
	if (offset > LLONG_MAX)
		return -EINVAL;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = offset;
	/*
	 * The request says where it goes, however the file was opened: the client
	 * writes back what another open file of the same inode has dirtied.
	 */
	if (!(flags & QTFS_WRITE_APPEND) && IS_APPEND(file_inode(file)))
		return -EPERM;
	iocb.ki_flags &= ~IOCB_APPEND;
	if (flags & QTFS_WRITE_APPEND)
		iocb.ki_flags |= IOCB_APPEND;
	if (flags & QTFS_WRITE_SYNC)
		iocb.ki_flags |= IOCB_DSYNC | IOCB_SYNC;
	if (flags & QTFS_WRITE_DSYNC)
		iocb.ki_flags |= IOCB_DSYNC;
	n = data_iter(call, &buffer, &iter, &iocb);
	if (!n)
		n = write_some(file, &iocb, &iter, flags & QTFS_WRITE_WHOLE);
	kvfree(buffer.bvecs);
	if (n >= 0 && (flags & (QTFS_WRITE_FSYNC | QTFS_WRITE_FDATASYNC)))
		n = vfs_fsync(file, !(flags & QTFS_WRITE_FSYNC)) ?: n;
	if (n < 0)
		return n;

	memset(rep, 0, sizeof(*rep));
	rep->end = cpu_to_le64(iocb.ki_pos);
	rep->count = cpu_to_le32(n);
	return qtfsd_attr_fill(&rep->attr, &file->f_path, false);
}

static int do_fsync(struct qtfsd_call *call)
{
	const struct qtfs_fsync *args = call->args;

	return vfs_fsync(call->open->file, le32_to_cpu(args->flags) & QTFS_FSYNC_DATA);
}

static int do_fallocate(struct qtfsd_call *call)
{
	const struct qtfs_fallocate *args = call->args;
	struct file *file = call->open->file;
	int error;

	if (le64_to_cpu(args->offset) > LLONG_MAX || le64_to_cpu(args->len) > LLONG_MAX)
		return -EINVAL;
	error = vfs_fallocate(file, le32_to_cpu(args->mode), le64_to_cpu(args->offset),
			      le64_to_cpu(args->len));
	return error ?: qtfsd_attr_fill(&call->reply.attr.attr, &file->f_path, false);
}

/* The file's own position, which this moves, means nothing to anybody. */
static int do_lseek(struct qtfsd_call *call)
{
	const struct qtfs_lseek *args = call->args;
	u32 whence = le32_to_cpu(args->whence);
	loff_t pos;

	if ((whence != SEEK_DATA && whence != SEEK_HOLE) || le64_to_cpu(args->offset) > LLONG_MAX)
		return -EINVAL;
	pos = vfs_llseek(call->open->file, le64_to_cpu(args->offset), whence);
	if (pos < 0)
		return pos;
	call->reply.lseek.offset = cpu_to_le64(pos);
	return 0;
}

/* Copies as the flags say; a range that can't be shared may be copied through memory. */
static loff_t copy_range(struct file *in, loff_t from, struct file *out, loff_t to, u64 len,
			 u32 flags)
{
	ssize_t n;

	if (flags & QTFS_COPY_CLONE)
		return vfs_clone_file_range(in, from, out, to, len, 0);
	if (flags & QTFS_COPY_DEDUPE)
		return vfs_dedupe_file_range_one(in, from, out, to, len, 0);
	len = min_t(u64, len, COPY_MAX);
	n = vfs_copy_file_range(in, from, out, to, len, 0);
#ifdef COPY_FILE_SPLICE
	if (n == -EOPNOTSUPP || n == -EXDEV)
		n = vfs_copy_file_range(in, from, out, to, len, COPY_FILE_SPLICE);
#endif
	return n;
}

/*
 * The policy must have allowed both opens.  Where it is to be asked again, that is
 * done by the reads and writes that the client falls back on.
 */
static int do_copy(struct qtfsd_call *call)
{
	const struct qtfs_copy *args = call->args;
	struct qtfs_copy_rep *rep = &call->reply.copy;
	struct qtfsd_open *from;
	loff_t n = -EOPNOTSUPP;

	if (le64_to_cpu(args->from_offset) > LLONG_MAX || le64_to_cpu(args->offset) > LLONG_MAX ||
	    le64_to_cpu(args->len) > LLONG_MAX)
		return -EINVAL;
	from = qtfsd_open_get(call->session, le64_to_cpu(args->from));
	if (!from)
		return -ESTALE;
	if (from->fast_read && READ_ONCE(from->read_grant) == READ_ONCE(qtfsd.channel.policy))
		n = copy_range(from->file, le64_to_cpu(args->from_offset), call->open->file,
			       le64_to_cpu(args->offset), le64_to_cpu(args->len),
			       le32_to_cpu(args->flags));
	qtfsd_open_put(from);
	if (n < 0)
		return n;
	rep->count = cpu_to_le64(n);
	return qtfsd_attr_fill(&rep->attr, &call->open->file->f_path, false);
}

/* Carries @call out and answers it. */
void qtfsd_fast_run(struct qtfsd_call *call)
{
	const struct cred *cred = override_creds(call->open->file->f_cred);
	unsigned int throttle = current->flags & PF_LOCAL_THROTTLE;
	unsigned int noio = memalloc_noio_save();
	int error;

	current->flags |= PF_LOCAL_THROTTLE;
	qtfsd_actor_enter(call);
	switch (qtfsd_call_op(call)) {
	case QTFS_OP_READ:
		error = do_read(call);
		break;
	case QTFS_OP_WRITE:
		error = do_write(call);
		break;
	case QTFS_OP_FALLOCATE:
		error = do_fallocate(call);
		break;
	case QTFS_OP_LSEEK:
		error = do_lseek(call);
		break;
	case QTFS_OP_COPY:
		error = do_copy(call);
		break;
	default:
		error = do_fsync(call);
		break;
	}
	current_restore_flags(throttle, PF_LOCAL_THROTTLE);
	memalloc_noio_restore(noio);
	revert_creds(cred);
	qtfsd_actor_leave(call);
	qtfsd_reply(call, error);
}
