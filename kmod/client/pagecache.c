// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache: filling it; writeback.c has the other direction.
 *
 * READs are asynchronous: the connection's thread marks the folios up to date
 * and unlocks them.  A folio stays locked while its READ is under way, whatever
 * becomes of the reader, so nothing is ever received into a folio that somebody
 * uses already, and invalidation waits for it.
 */
#include "qtfs.h"

static void fill_done(struct qtfs_request *req)
{
	size_t left = req->in_len;
	unsigned int i;

	for (i = 0; i < req->in->nr_bvecs; i++) {
		struct folio *folio = page_folio(req->in->bvecs[i].bv_page);
		size_t size = folio_size(folio);
		size_t valid = min(left, size);

		/* The server's data may lack what it has lost, see unstable.c. */
		if (!req->error && !qtfs_unstable_old(folio_inode(folio))) {
			/* Behind the end of the file. */
			if (valid < size)
				folio_zero_segment(folio, valid, size);
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
		left -= valid;
	}
}

/* Starts to fill the locked folios in @buf, which begin at @pos; takes @buf over. */
static int fill(struct file *file, struct qtfs_buf *buf, loff_t pos)
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
	unsigned int i;
	int error;

	error = qtfs_rpc_start(qtfs_session_of(file_inode(file)->i_sb), &rpc, true, fill_done,
			       NULL);
	if (error)
		for (i = 0; i < buf->nr_bvecs; i++)
			folio_unlock(page_folio(buf->bvecs[i].bv_page));
	qtfs_buf_put(buf);
	return error;
}

static void buf_add_folio(struct qtfs_buf *buf, struct folio *folio)
{
	qtfs_buf_add_page(buf, folio_page(folio, 0), folio_size(folio), 0);
}

/* ->read_folio */
int qtfs_read_folio(struct file *file, struct folio *folio)
{
	struct qtfs_buf *buf;
	int error;

	/* What is being written may not have come to the server yet. */
	if (folio_wait_writeback_killable(folio)) {
		folio_unlock(folio);
		return -EINTR;
	}
	if (folio_test_private(folio)) {
		/* Some of it was written before anything was read. */
		error = qtfs_fill_around(file, folio);
		folio_unlock(folio);
		return error;
	}
	buf = qtfs_buf_alloc_empty(1, GFP_KERNEL);
	if (!buf) {
		folio_unlock(folio);
		return -ENOMEM;
	}
	buf_add_folio(buf, folio);
	return fill(file, buf, folio_pos(folio));
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
