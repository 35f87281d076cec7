// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache: dirtying it and writing it back.
 *
 * A dirty folio knows which of its bytes are (range.c).  So a write needs no read
 * before it, and what is written back is what was written.  A folio that is not up
 * to date holds nothing but that; a write to it that would leave a gap makes the
 * rest be read first.
 *
 * Write-back merges neighbouring ranges into WRITEs of the agreed size and
 * starts them all before it waits for any.  It borrows an open file of the
 * inode's that may write (qtfs_inode.writers): there is one as long as there are
 * dirty pages, since close and the end of a mapping flush before they give up
 * theirs.
 *
 * fsync(2) of what one WRITE takes is that WRITE: the server syncs the file after it,
 * see qtfs_start_synced().
 *
 * Errors are recorded in the mapping (errseq), so that each open file that wrote
 * hears of them once, at fsync or close.
 *
 * Lock order: folio lock > writers_lock.  Write-back starts requests, and so may
 * wait for a slot, with folios under write-back but none locked.
 */
#include "qtfs.h"

#include <linux/backing-dev.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/writeback.h>

/* An open file through which @inode may be written; put it. */
static struct qtfs_file *writer_get(struct inode *inode)
{
	struct qtfs_inode *qi = qtfs_i(inode);
	struct qtfs_file *qf;

	spin_lock(&qi->writers_lock);
	qf = list_first_entry_or_null(&qi->writers, struct qtfs_file, writer);
	if (qf)
		refcount_inc(&qf->ref);
	spin_unlock(&qi->writers_lock);
	return qf;
}

void qtfs_writer_add(struct inode *inode, struct qtfs_file *qf, bool append)
{
	struct qtfs_inode *qi = qtfs_i(inode);

	spin_lock(&qi->writers_lock);
	/* One that only appends is the last choice: its WRITEs need the fast path. */
	if (append)
		list_add_tail(&qf->writer, &qi->writers);
	else
		list_add(&qf->writer, &qi->writers);
	spin_unlock(&qi->writers_lock);
}

void qtfs_writer_del(struct inode *inode, struct qtfs_file *qf)
{
	struct qtfs_inode *qi = qtfs_i(inode);

	spin_lock(&qi->writers_lock);
	list_del_init(&qf->writer);
	spin_unlock(&qi->writers_lock);
}

/* A WRITE being put together, and under way. */
struct write_run {
	refcount_t ref;			/* its request's, and that of who syncs by it */
	struct inode *inode;
	struct qtfs_file *writer;
	struct qtfs_buf *buf;
	loff_t pos;
	u32 sync;			/* QTFS_WRITE_F*SYNC, or 0 */
	bool synced;			/* it has done that */
};

static void run_put(struct write_run *run)
{
	if (refcount_dec_and_test(&run->ref))
		kfree(run);
}

/* Ends write-back of the run's folios; after @error they are lost or, if @retry, dirty again. */
static void run_end(struct write_run *run, int error, bool retry)
{
	struct inode *inode = run->inode;
	unsigned int i;

	/* Before anybody who waits for the folios looks for it. */
	if (error && !retry)
		mapping_set_error(inode->i_mapping, error);
	for (i = 0; i < run->buf->nr_bvecs; i++) {
		const struct bio_vec *bvec = &run->buf->bvecs[i];
		struct folio *folio = page_folio(bvec->bv_page);
		size_t from = qtfs_offset_of_page(folio, bvec->bv_page) + bvec->bv_offset;

		if (error && retry) {
			/* Nobody can have dirtied it again: write_begin() waits. */
			qtfs_range_add(folio, from, from + bvec->bv_len);
			filemap_dirty_folio(inode->i_mapping, folio);
		}
		qtfs_range_written(folio);
	}
}

static void run_free(struct write_run *run, struct qtfs_session *session)
{
	struct qtfs_inode *qi = qtfs_i(run->inode);
	struct qtfs_file *writer = run->writer;

	qtfs_buf_put(run->buf);
	run_put(run);
	/* The inode may go as soon as nothing of it is under way. */
	if (atomic_dec_and_test(&qi->runs))
		wake_up_var(&qi->runs);
	qtfs_file_put(session, writer);
}

/* What keeps the inode once its folios are clean is that qtfs_evict_inode() waits for runs. */
static void run_done(struct qtfs_request *req)
{
	const struct qtfs_write_rep *rep = (const void *)req->reply;
	struct write_run *run = req->private;
	int error = req->error;
	u64 answer;

	if (!error && le32_to_cpu(rep->count) != run->buf->size)
		error = -EIO;
	/* Before the folios are clean. */
	answer = qtfs_write_answered(run->inode, req->age.version);
	run->synced = !error && run->sync;
	if (!error && !run->synced)
		qtfs_unstable_add(run->inode, run->pos, run->pos + run->buf->size);
	run_end(run, error, false);
	if (!error)
		qtfs_update_inode_written(run->inode, &rep->attr, &req->age, answer);
	run_free(run, req->session);
}

/* Sends the run.  Takes it over. */
static int run_start(struct write_run *run)
{
	struct qtfs_session *session = qtfs_session_of(run->inode->i_sb);
	struct qtfs_write body = {
		.offset = cpu_to_le64(run->pos),
		.flags = cpu_to_le32(QTFS_WRITE_WHOLE | run->sync),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_WRITE,
		.file = run->writer,
		.body = &body,
		.out = run->buf,
		.out_len = run->buf->size,
		.cred = run->writer->cred,
	};
	int error;

	error = qtfs_rpc_start(session, &rpc, true, run_done, run);
	if (error) {
		run_end(run, error, error == -EINTR || error == -ENOMEM);
		run_free(run, session);
	}
	return error;
}

/* @writer: through which open file, NULL: any that there is. */
static struct write_run *run_alloc(struct inode *inode, struct qtfs_file *writer, loff_t pos)
{
	u32 max_data = qtfs_session_of(inode->i_sb)->max_data;
	struct write_run *run = kzalloc(sizeof(*run), GFP_NOFS);

	if (!run)
		return NULL;
	refcount_set(&run->ref, 1);
	run->inode = inode;
	run->pos = pos;
	run->buf = qtfs_buf_alloc_empty(max_data >> PAGE_SHIFT, GFP_NOFS);
	if (!run->buf) {
		kfree(run);
		return NULL;
	}
	if (writer)
		refcount_inc(&writer->ref);
	run->writer = writer ?: writer_get(inode);
	if (!run->writer) {
		qtfs_buf_put(run->buf);
		kfree(run);
		return NULL;
	}
	atomic_inc(&qtfs_i(inode)->runs);
	return run;
}

/*
 * How many of the @len bytes at @pos @run takes: all that are left of a page, as a page has
 * one range and is in one WRITE.
 */
static size_t run_takes(const struct write_run *run, loff_t pos, size_t len, u32 max_data)
{
	size_t room = max_data - run->buf->size;
	loff_t end;

	if (run->pos + run->buf->size != pos || run->buf->nr_bvecs >= max_data >> PAGE_SHIFT)
		return 0;
	if (len <= room)
		return len;
	end = round_down(pos + room, PAGE_SIZE);
	return end > pos ? end - pos : 0;
}

struct write_ctx {
	struct inode *inode;
	struct write_run *run;
	unsigned int started;		/* runs */
	int error;

	/* Who wants to sync, and how; see qtfs_start_synced(). */
	struct qtfs_file *syncer;
	u32 sync;
	struct write_run *synced;	/* result, with a reference */
};

static void ctx_flush(struct write_ctx *ctx, bool last)
{
	int error;

	if (!ctx->run)
		return;
	if (last && ctx->syncer && !ctx->started && !ctx->error) {
		ctx->run->sync = ctx->sync;
		refcount_inc(&ctx->run->ref);
		ctx->synced = ctx->run;
	}
	ctx->started++;
	error = run_start(ctx->run);
	if (error && !ctx->error)
		ctx->error = error;
	ctx->run = NULL;
}

/*
 * Has a run in @ctx that takes bytes from @pos on, and returns how many of @len; 0 if there
 * is none, @ctx->error says why.
 */
static size_t ctx_run(struct write_ctx *ctx, loff_t pos, size_t len)
{
	u32 max_data = qtfs_session_of(ctx->inode->i_sb)->max_data;
	size_t n = ctx->run ? run_takes(ctx->run, pos, len, max_data) : 0;

	if (n)
		return n;
	ctx_flush(ctx, false);
	if (ctx->error)
		return 0;
	ctx->run = run_alloc(ctx->inode, ctx->syncer, pos);
	if (!ctx->run) {
		ctx->error = -ENOMEM;
		return 0;
	}
	return run_takes(ctx->run, pos, len, max_data);
}

/* What is dirty of @folio, which is locked, is in its ranges, and none of it behind the end. */
static void settle_ranges(struct inode *inode, struct folio *folio)
{
	loff_t left = i_size_read(inode) - folio_pos(folio);
	size_t size = folio_size(folio);
	size_t end = clamp_t(loff_t, left, 0, size);

	if (!qtfs_range_known(folio) && folio_test_uptodate(folio) &&
	    !qtfs_range_prepare(folio, GFP_NOFS | __GFP_NOFAIL))
		qtfs_range_add(folio, 0, size);
	/* A truncate is about to take it away. */
	if (end < size)
		qtfs_range_clear(folio, end, size);
	/* A mapping may have written behind the end: nothing, when the file grows. */
	if (offset_in_page(end) && folio_test_uptodate(folio))
		folio_zero_segment(folio, end, round_up(end, PAGE_SIZE));
}

/* Adds a locked dirty folio to the write-back under way, and unlocks it. */
static int write_folio(struct folio *folio, struct writeback_control *wbc, void *data)
{
	struct write_ctx *ctx = data;
	bool begun = false;
	size_t from, to, n;

	settle_ranges(ctx->inode, folio);
	for (to = 0; qtfs_range_next(folio, to, &from, &to); to = from + n) {
		n = ctx->error ? 0 : ctx_run(ctx, folio_pos(folio) + from, to - from);
		if (!n)
			break;
		if (!begun)
			qtfs_range_write_begin(folio);
		begun = true;
		qtfs_buf_add_page(ctx->run->buf, folio_page(folio, from >> PAGE_SHIFT), n,
				  offset_in_page(from));
		qtfs_range_write_part(folio, from, from + n);
	}
	if (ctx->error)
		folio_redirty_for_writepage(wbc, folio);
	if (begun)
		qtfs_range_write_end(folio, !ctx->error);
	else if (!ctx->error)
		qtfs_range_drop(folio);
	folio_unlock(folio);
	return ctx->error;
}

static int write_folios(struct address_space *mapping, struct writeback_control *wbc,
			struct write_ctx *ctx)
{
	unsigned int nofs = memalloc_nofs_save();
	int error;

	error = qtfs_write_folios(mapping, wbc, write_folio, ctx);
	ctx_flush(ctx, true);
	memalloc_nofs_restore(nofs);
	return error ?: ctx->error;
}

static int qtfs_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct write_ctx ctx = { .inode = mapping->host };

	return write_folios(mapping, wbc, &ctx);
}

/*
 * Begins to write what is dirty of @file in [@start, @end].  If that is one WRITE, it has
 * the server sync the file as well, as @sync (QTFS_WRITE_FSYNC or _FDATASYNC) says, and
 * *@run is for qtfs_run_synced(); else that's NULL.
 *
 * By @file itself, since an open file hears of the server's errors from when it was
 * opened; and only while no other WRITE of the inode is under way: one that the server
 * carries out later would not be synced.  Those that begin meanwhile are noticed by the
 * caller: see unstable.c.
 */
int qtfs_start_synced(struct file *file, loff_t start, loff_t end, u32 sync,
		      struct write_run **run)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_ALL,
		.nr_to_write = LONG_MAX,
		.range_start = start,
		.range_end = end,
	};
	struct inode *inode = file_inode(file);
	struct write_ctx ctx = { .inode = inode, .sync = sync };
	int error;

	if ((file->f_mode & FMODE_WRITE) && !(file->f_flags & O_APPEND) &&
	    !atomic_read(&qtfs_i(inode)->runs))
		ctx.syncer = qtfs_file(file);
	error = write_folios(inode->i_mapping, &wbc, &ctx);
	*run = ctx.synced;
	return error;
}

/* Whether @run, which may be NULL and has come to its end, synced the file.  Puts it. */
bool qtfs_run_synced(struct write_run *run)
{
	bool synced = run && run->synced;

	if (run)
		run_put(run);
	return synced;
}

/*
 * Whether the calling task must not wait for data of @inode to be written: it has
 * been killed; or it is exiting, so that it can't be killed and nobody will hear
 * what its close(2) returns, and the server isn't there.
 */
bool qtfs_leaves(const struct inode *inode)
{
	if (fatal_signal_pending(current))
		return true;
	if (!(current->flags & PF_EXITING))
		return false;
	return (current->flags & PF_SIGNALED) ||
	       READ_ONCE(qtfs_session_of(inode->i_sb)->state) != QTFS_SESSION_CONNECTED;
}

/*
 * Waits until what is being written back has been.  The VFS's own function can't
 * be killed.  -EINTR: the task leaves without.
 */
int qtfs_wait_written(struct inode *inode)
{
	struct qtfs_inode *qi = qtfs_i(inode);

	if (current->flags & PF_EXITING) {
		while (!wait_var_event_timeout(&qi->runs, !atomic_read(&qi->runs), HZ / 4))
			if (qtfs_leaves(inode))
				return -EINTR;
		return 0;
	}
	return wait_var_event_killable(&qi->runs, !atomic_read(&qi->runs)) ? -EINTR : 0;
}

/*
 * Writes all dirty data of @inode and waits, killable.  Returns an error that
 * comes up now; those who wrote hear of it as well.
 */
int qtfs_clean(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	errseq_t since = filemap_sample_wb_err(mapping);
	int error, killed;

	qtfs_unstable_resend(inode);
	if (!qtfs_dirty(inode))
		return 0;
	error = filemap_fdatawrite(mapping);
	killed = qtfs_wait_written(inode);
	return error ?: killed ?: filemap_check_wb_err(mapping, since);
}

/* @data is what the server has of @folio from @at on: puts it where nothing is dirty. */
static void fill_gaps(struct folio *folio, size_t at, const char *data, size_t len)
{
	size_t end = at + len, from, to;

	while (at < end) {
		if (!qtfs_range_next(folio, at, &from, &to)) {
			from = end;
			to = end;
		}
		from = min(from, end);
		memcpy_to_folio(folio, at, data, from - at);
		to = min(to, end);
		data += to - at;
		at = to;
	}
}

/* Reads what is missing around what is dirty in a locked folio and makes it up to date. */
int qtfs_fill_around(struct file *file, struct folio *folio)
{
	struct inode *inode = file_inode(file);
	struct qtfs_session *session = qtfs_session_of(inode->i_sb);
	size_t size = folio_size(folio), at;
	struct qtfs_read body;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_READ,
		.file = qtfs_file(file),
		.body = &body,
		.in_max = min_t(size_t, size, session->max_data),
	};
	int error = 0;

	rpc.in = qtfs_buf_alloc(rpc.in_max, GFP_NOFS);
	if (!rpc.in)
		return -ENOMEM;
	for (at = 0; at < size; at += rpc.in_max) {
		body = (struct qtfs_read){
			.offset = cpu_to_le64(folio_pos(folio) + at),
			.size = cpu_to_le32(rpc.in_max),
		};
		error = qtfs_rpc_call(session, &rpc);
		/* The server's data may lack what it has lost, see unstable.c. */
		if (!error && qtfs_unstable_old(inode))
			error = -EIO;
		if (error)
			break;
		/* Behind the server's end of the file. */
		memset(rpc.in->linear + rpc.in_len, 0, rpc.in_max - rpc.in_len);
		fill_gaps(folio, at, rpc.in->linear, min_t(size_t, rpc.in_max, size - at));
	}
	if (!error)
		folio_mark_uptodate(folio);
	qtfs_buf_put(rpc.in);
	return error;
}

/*
 * The file will become longer than it is, and what is behind its end, which a mapping may
 * have written to, be read.  Where it's done by a request, write_folio() has seen to that.
 * Called with inode_lock() held.
 */
int qtfs_zero_tail(struct inode *inode)
{
	loff_t size = i_size_read(inode);
	struct folio *folio;
	int error;

	if (!offset_in_page(size))
		return 0;
	folio = filemap_lock_folio(inode->i_mapping, size >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return 0;
	error = folio_wait_writeback_killable(folio);
	if (!error && folio_test_uptodate(folio))
		folio_zero_segment(folio, offset_in_folio(folio, size),
				   round_up(offset_in_folio(folio, size), PAGE_SIZE));
	folio_unlock(folio);
	folio_put(folio);
	return error ? -EINTR : 0;
}

static int cache_write_begin(const struct kiocb *iocb, struct address_space *mapping, loff_t pos,
			     unsigned int len, struct folio **foliop, void **data)
{
	struct inode *inode = mapping->host;
	struct folio *folio;
	size_t from;
	int error;

	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT, FGP_WRITEBEGIN | fgf_set_order(len),
				    mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	error = folio_wait_writeback_killable(folio) ?: qtfs_range_prepare(folio, GFP_NOFS);
	if (error)
		goto out;
	from = offset_in_folio(folio, pos);
	len = min_t(size_t, len, folio_size(folio) - from);

	/* Behind the end there is nothing but zeros. */
	if (len < folio_size(folio) && !folio_test_uptodate(folio) &&
	    !qtfs_range_known(folio) && folio_pos(folio) >= i_size_read(inode)) {
		folio_zero_segment(folio, 0, folio_size(folio));
		folio_mark_uptodate(folio);
	}
	if (!qtfs_range_joins(folio, from, from + len))
		error = qtfs_fill_around(iocb->ki_filp, folio);
	if (!error) {
		*foliop = folio;
		return 0;
	}
out:
	folio_unlock(folio);
	folio_put(folio);
	return error;
}

/* What is behind the end is zeros, so that a folio with all before it has everything. */
static void complete_folio(struct inode *inode, struct folio *folio)
{
	size_t size = folio_size(folio), from, to;

	if (!qtfs_range_next(folio, 0, &from, &to) || from)
		return;
	if (to < size && folio_pos(folio) + to < i_size_read(inode))
		return;
	if (to < size)
		folio_zero_segment(folio, to, size);
	folio_mark_uptodate(folio);
}

static int cache_write_end(const struct kiocb *iocb, struct address_space *mapping, loff_t pos,
			   unsigned int len, unsigned int copied, struct folio *folio, void *data)
{
	struct inode *inode = mapping->host;
	size_t from = offset_in_folio(folio, pos);

	/* What was not copied may lie between what is dirty and this. */
	if (!qtfs_range_joins(folio, from, from + copied))
		copied = 0;
	if (!copied)
		goto out;

	/* Dirty before it's longer: attr.c shortens only what is clean. */
	qtfs_range_add(folio, from, from + copied);
	filemap_dirty_folio(mapping, folio);
	spin_lock(&inode->i_lock);
	if (pos + copied > i_size_read(inode))
		i_size_write(inode, pos + copied);
	spin_unlock(&inode->i_lock);
	if (!folio_test_uptodate(folio))
		complete_folio(inode, folio);
out:
	folio_unlock(folio);
	folio_put(folio);
	return copied;
}

static vm_fault_t cache_fault(struct vm_fault *vmf)
{
	qtfs_unstable_settle(file_inode(vmf->vma->vm_file));
	return filemap_fault(vmf);
}

static vm_fault_t qtfs_page_mkwrite(struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t result = VM_FAULT_LOCKED;
	size_t from = 0, size = folio_size(folio);

	sb_start_pagefault(inode->i_sb);
	folio_lock(folio);
	if (folio->mapping != inode->i_mapping || folio_pos(folio) >= i_size_read(inode)) {
		folio_unlock(folio);
		result = VM_FAULT_NOPAGE;
		goto out;
	}
	if (folio_wait_writeback_killable(folio)) {
		folio_unlock(folio);
		result = VM_FAULT_NOPAGE;	/* it dies before it comes here again */
		goto out;
	}
	if (qtfs_range_prepare(folio, GFP_NOFS)) {
		folio_unlock(folio);
		result = VM_FAULT_OOM;
		goto out;
	}
	/* Where nothing is mapped yet, all of the folio will be, to be written to (in 7.2). */
	if (vmf->pte) {
		from = qtfs_offset_of_page(folio, vmf->page);
		size = PAGE_SIZE;
	}
	qtfs_range_add(folio, from, from + size);
	folio_mark_dirty(folio);
out:
	sb_end_pagefault(inode->i_sb);
	return result;
}

static const struct vm_operations_struct qtfs_vm_ops = {
	.fault = cache_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = qtfs_page_mkwrite,
};

/*
 * What a mapping writes to is known by pages only as long as folios are pages: a large
 * folio, which may be in use still, is taken for written to as a whole.
 */
int qtfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);

	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE) &&
	    mapping_large_folio_support(inode->i_mapping)) {
		qtfs_mapping_clear_large_folios(inode->i_mapping);
		qtfs_drop_data(inode);
	}
	file_accessed(file);
	vma->vm_ops = &qtfs_vm_ops;
	return 0;
}

/* What was dirty of the bytes goes with them. */
static void cache_invalidate(struct folio *folio, size_t offset, size_t length)
{
	folio_wait_writeback(folio);
	if (!offset && length >= folio_size(folio))
		qtfs_range_drop(folio);
	else
		qtfs_range_clear(folio, offset, min(offset + length, folio_size(folio)));
}

/* A clean folio of several pages may have memory for ranges still. */
static bool cache_release(struct folio *folio, gfp_t gfp)
{
	if (folio_test_dirty(folio) || folio_test_writeback(folio))
		return false;
	qtfs_range_drop(folio);
	return true;
}

QTFS_DEFINE_READ_FOLIO(qtfs_read_folio);
QTFS_DEFINE_WRITE_BEGIN(cache_write_begin);
QTFS_DEFINE_WRITE_END(cache_write_end);
QTFS_DEFINE_INVALIDATE_FOLIO(cache_invalidate);
QTFS_DEFINE_RELEASE_FOLIO(cache_release);

const struct address_space_operations qtfs_aops = {
	.read_folio = QTFS_OP(qtfs_read_folio),
	.readahead = qtfs_readahead,
	.writepages = qtfs_writepages,
	.dirty_folio = QTFS_OP(filemap_dirty_folio),
	.write_begin = QTFS_OP(cache_write_begin),
	.write_end = QTFS_OP(cache_write_end),
	.invalidate_folio = QTFS_OP(cache_invalidate),
	.release_folio = QTFS_OP(cache_release),
	.direct_IO = noop_direct_IO,
};
