// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache: filling it; writeback.c has the other direction.
 *
 * READs are asynchronous: the connection's thread marks the folios up to date
 * and unlocks them.  A folio stays locked while its READ is under way, whatever
 * becomes of the reader, so nothing is ever received into a folio that somebody
 * uses already, and invalidation waits for it.  One READ is for several folios, or,
 * of a folio that is larger than what a frame may have, for a part of it.
 */
#include "qtfs.h"

#include <linux/slab.h>

/* Whether @req brought data.  The server's may lack what it has lost, see unstable.c. */
static bool brought(const struct qtfs_request *req, const struct inode *inode)
{
	return !req->error && !qtfs_unstable_old(inode);
}

static void fill_done(struct qtfs_request *req)
{
	size_t left = req->in_len;
	unsigned int i;

	for (i = 0; i < req->in->nr_bvecs; i++) {
		struct folio *folio = page_folio(req->in->bvecs[i].bv_page);
		size_t size = folio_size(folio);
		size_t valid = min(left, size);

		if (brought(req, folio_inode(folio))) {
			/* Behind the end of the file. */
			if (valid < size)
				folio_zero_segment(folio, valid, size);
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
		left -= valid;
	}
}

/* Starts a READ into @buf, which begins at @pos. */
static int start_read(struct file *file, struct qtfs_buf *buf, loff_t pos,
		      void (*done)(struct qtfs_request *req), void *private)
{
	struct qtfs_read body = {
		.offset = cpu_to_le64(pos),
		.size = cpu_to_le32(buf->size),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_READ,
		.file = qtfs_file(file),
		.body = &body,
		.in = buf,
		.in_max = buf->size,
		.cred = file->f_cred,
	};

	return qtfs_rpc_start(qtfs_session_of(file_inode(file)->i_sb), &rpc, true, done, private);
}

/* Starts to fill the locked folios in @buf, which begin at @pos; takes @buf over. */
static int fill(struct file *file, struct qtfs_buf *buf, loff_t pos)
{
	unsigned int i;
	int error;

	error = start_read(file, buf, pos, fill_done, NULL);
	if (error)
		for (i = 0; i < buf->nr_bvecs; i++)
			folio_unlock(page_folio(buf->bvecs[i].bv_page));
	qtfs_buf_put(buf);
	return error;
}

/* A locked folio that takes several READs. */
struct large_fill {
	atomic_t reads;			/* under way, and who starts them */
	bool failed;
	struct folio *folio;
};

static void large_fill_put(struct large_fill *large)
{
	if (!atomic_dec_and_test(&large->reads))
		return;
	folio_end_read(large->folio, !READ_ONCE(large->failed));
	kfree(large);
}

static void large_fill_done(struct qtfs_request *req)
{
	struct large_fill *large = req->private;
	const struct bio_vec *bvec = req->in->bvecs;
	size_t from = qtfs_offset_of_page(large->folio, bvec->bv_page);

	if (!brought(req, folio_inode(large->folio)))
		WRITE_ONCE(large->failed, true);
	else if (req->in_len < bvec->bv_len)
		folio_zero_segment(large->folio, from + req->in_len, from + bvec->bv_len);
	large_fill_put(large);
}

static int fill_large(struct file *file, struct folio *folio)
{
	size_t part = round_down(qtfs_session_of(file_inode(file)->i_sb)->max_data, PAGE_SIZE);
	size_t at, size = folio_size(folio);
	struct large_fill *large = kmalloc(sizeof(*large), GFP_NOFS);
	int error = 0;

	if (!large) {
		folio_unlock(folio);
		return -ENOMEM;
	}
	*large = (struct large_fill){ .reads = ATOMIC_INIT(1), .folio = folio };
	for (at = 0; at < size && !error; at += part) {
		struct page *page = folio_page(folio, at >> PAGE_SHIFT);
		struct qtfs_buf *buf = qtfs_buf_alloc_empty(1, GFP_NOFS);

		if (!buf) {
			error = -ENOMEM;
			break;
		}
		qtfs_buf_add_page(buf, page, min(part, size - at), 0);
		atomic_inc(&large->reads);
		error = start_read(file, buf, folio_pos(folio) + at, large_fill_done, large);
		if (error)
			atomic_dec(&large->reads);
		qtfs_buf_put(buf);
	}
	if (error)
		WRITE_ONCE(large->failed, true);
	large_fill_put(large);
	return error;
}

static void buf_add_folio(struct qtfs_buf *buf, struct folio *folio)
{
	qtfs_buf_add_page(buf, folio_page(folio, 0), folio_size(folio), 0);
}

/* One alone, which is locked. */
static int fill_folio(struct file *file, struct folio *folio)
{
	struct qtfs_buf *buf;

	if (folio_size(folio) > qtfs_session_of(file_inode(file)->i_sb)->max_data)
		return fill_large(file, folio);
	buf = qtfs_buf_alloc_empty(1, GFP_NOFS);
	if (!buf) {
		folio_unlock(folio);
		return -ENOMEM;
	}
	buf_add_folio(buf, folio);
	return fill(file, buf, folio_pos(folio));
}

/* ->read_folio */
int qtfs_read_folio(struct file *file, struct folio *folio)
{
	int error;

	/* What is being written may not have come to the server yet. */
	if (folio_wait_writeback_killable(folio)) {
		folio_unlock(folio);
		return -EINTR;
	}
	if (qtfs_range_known(folio)) {
		/* Some of it was written before anything was read. */
		error = qtfs_fill_around(file, folio);
		folio_unlock(folio);
		return error;
	}
	return fill_folio(file, folio);
}

/* ->readahead */
void qtfs_readahead(struct readahead_control *rac)
{
	u32 max_data = qtfs_session_of(rac->mapping->host->i_sb)->max_data;
	struct qtfs_buf *buf = NULL;
	struct folio *folio;
	loff_t pos = 0;

	/* Each folio that was taken is ours to unlock, the VFS unlocks the rest. */
	while ((folio = readahead_folio(rac))) {
		if (buf && buf->size + folio_size(folio) > max_data) {
			fill(rac->file, buf, pos);
			buf = NULL;
		}
		if (folio_size(folio) > max_data) {
			fill_large(rac->file, folio);
			continue;
		}
		if (!buf) {
			buf = qtfs_buf_alloc_empty(max_data >> PAGE_SHIFT, GFP_NOFS);
			if (!buf) {
				folio_unlock(folio);
				return;
			}
			pos = folio_pos(folio);
		}
		buf_add_folio(buf, folio);
	}
	if (buf)
		fill(rac->file, buf, pos);
}

/*
 * Puts the @len bytes at @data, which are all of the file, into the cache: they came
 * with the attributes @attr and are as old.  What is there already stays.
 */
void qtfs_cache_small(struct inode *inode, const struct qtfs_attr *attr, const void *data,
		      size_t len, const struct qtfs_age *age)
{
	struct address_space *mapping = inode->i_mapping;
	size_t at, size;

	if (!S_ISREG(inode->i_mode) || !len || len != le64_to_cpu(attr->size) ||
	    qtfs_uncached(inode) || qtfs_dirty(inode))
		return;
	for (at = 0; at < len; at += PAGE_SIZE) {
		struct folio *folio = __filemap_get_folio(mapping, at >> PAGE_SHIFT,
							  FGP_LOCK | FGP_CREAT | FGP_ACCESSED,
							  mapping_gfp_mask(mapping));

		if (IS_ERR(folio))
			break;
		size = min_t(size_t, len - at, PAGE_SIZE);
		if (!folio_test_uptodate(folio) && !folio_test_private(folio) &&
		    folio_size(folio) == PAGE_SIZE) {
			memcpy_to_folio(folio, 0, data + at, size);
			folio_zero_segment(folio, size, PAGE_SIZE);
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
		folio_put(folio);
	}
	/* As when attributes are believed: whoever changes it now finds the pages. */
	if (qtfs_overtaken(qtfs_session_of(inode->i_sb), age) ||
	    READ_ONCE(qtfs_i(inode)->version) > age->version)
		qtfs_drop_data(inode);
}
