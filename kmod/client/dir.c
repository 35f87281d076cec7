// SPDX-License-Identifier: GPL-2.0
/*
 * Reading directories.
 *
 * A position is the server's cookie, so telldir() and seekdir() mean on this
 * side what they mean there.  Entries come in batches; what the caller's buffer
 * could not take is kept with the open file for the next call, unless it asks
 * from another position.  The VFS serialises readers of one open file
 * (f_pos_lock), and holds the directory's lock, shared, while a batch is fetched.
 *
 * A batch may bring nodes and attributes of its entries (QTFS_READDIR_ENTRIES):
 * then `ls -l` costs no request for each.  They are made dentries at once
 * ("primed").  That costs the server a lookup each, so it is asked for only where
 * they are likely to be used:
 *
 *	- names of this very directory have been used, or looked up one by one,
 *	  since its last batch (QTFS_DIR_USED);
 *	- at the beginning of a directory, if of all that were primed on this mount
 *	  lately not less than an eighth was used.  A name that had to be looked up
 *	  in a directory which was listed without counts as such a use.
 *
 * Who looks names up one right after the other without having listed the directory, as
 * git does, is helped likewise: after some of them all that are there are fetched.  The
 * larger the directory, the more it takes; what is large isn't fetched.  Who has looked up
 * one in the meantime waits for the end of that: several that go through a directory
 * together would ask for most of it otherwise.
 */
#include "qtfs.h"

#include <linux/sched/signal.h>
#include <linux/wait_bit.h>

#include "frame.h"

#define BATCH_MIN	(32 * 1024)
#define BATCH_MAX	(256 * 1024)

/* The counters' memory, and what is primed before anything is known. */
#define PRIMED_MEMORY	4096
#define PRIMED_FIRST	512

/* A name in @dir was used: one that READDIR brought, or (@primed 0) one that it didn't. */
void qtfs_dir_used(struct inode *dir, unsigned int primed)
{
	struct qtfs_inode *qi = qtfs_i(dir);

	if (!test_bit(QTFS_DIR_USED, &qi->dir_state))
		set_bit(QTFS_DIR_USED, &qi->dir_state);
	if (!primed)
		qtfs_listing_drop(dir);
	if (primed || test_bit(QTFS_DIR_LISTED, &qi->dir_state))
		atomic_inc(&qtfs_sb(dir->i_sb)->primed_used);
}

/* Counts @nr primed names.  The counters are a guess: no lock for them. */
static void count_primed(struct qtfs_sb *sbi, unsigned int nr)
{
	if (atomic_add_return(nr, &sbi->primed) < PRIMED_MEMORY)
		return;
	atomic_set(&sbi->primed, atomic_read(&sbi->primed) / 2);
	atomic_set(&sbi->primed_used, atomic_read(&sbi->primed_used) / 2);
}

static bool wants_entries(struct inode *dir, u64 cookie)
{
	struct qtfs_sb *sbi = qtfs_sb(dir->i_sb);
	bool used = test_and_clear_bit(QTFS_DIR_USED, &qtfs_i(dir)->dir_state);

	if (qtfs_uncached(dir) || !sbi->entry_ttl || !sbi->attr_ttl)
		return false;
	return used || (!cookie && atomic_read(&sbi->primed) <
				   PRIMED_FIRST + 8 * atomic_read(&sbi->primed_used));
}

/* A directory's size says something of how much there is to be had. */
static u32 batch_size(struct inode *dir)
{
	u64 size = clamp_t(u64, i_size_read(dir), BATCH_MIN / 8, BATCH_MAX / 8) * 8;

	return min_t(u64, size, qtfs_session_of(dir->i_sb)->max_data);
}

static void entries_drop(struct qtfs_file *qf)
{
	qtfs_buf_put(qf->entries);
	qf->entries = NULL;
	qf->entries_end = false;
}

/* From so many lookups on, and by so many bytes of the directory one more. */
#define LOOKUPS_MIN	4
#define LOOKUPS_BYTES	512
#define LOOKUPS_SIZE	(64 * 1024)
/* What is no larger than that is in so many batches, if the server is honest. */
#define FETCH_BATCHES	4
/* What comes later than so many jiffies after the last one has nothing to do with it. */
#define LOOKUPS_PAUSE	(HZ / 10)

/* Makes dentries of what the batch says of its names. */
static void entries_prime(struct dentry *parent, const void *rows, u32 len,
			  const struct qtfs_age *age)
{
	const struct qtfs_dirent *entry;
	unsigned int nr = 0;
	u32 at = 0;

	while ((entry = qtfs_dirent_next_entry(rows, len, &at))) {
		qtfs_dentry_prime(parent, (const char *)(entry + 1), le16_to_cpu(entry->name_len),
				  qtfs_dirent_entry(entry), age);
		nr++;
	}
	count_primed(qtfs_sb(parent->d_sb), nr);
}

/* Takes over what @rpc brought of @parent, from its start or not, with @entries or without. */
static void batch_came(struct dentry *parent, const struct qtfs_rpc *rpc, bool entries, bool start)
{
	struct inode *dir = d_inode(parent);

	if (entries)
		entries_prime(parent, rpc->in->linear, rpc->in_len, &rpc->age);
	else
		set_bit(QTFS_DIR_LISTED, &qtfs_i(dir)->dir_state);
	if (start)
		qtfs_listing_keep(dir, rpc->in->linear, rpc->in_len, &rpc->age);
}

/* Gives back the nodes in a batch that nobody waits for. */
void qtfs_dirents_forget(struct qtfs_session *session, const void *rows, u32 len)
{
	const struct qtfs_dirent *entry;
	u32 at = 0;

	while ((entry = qtfs_dirent_next_entry(rows, len, &at)))
		qtfs_forget(session, le64_to_cpu(qtfs_dirent_entry(entry)->node));
}

static void entries_set(struct qtfs_file *qf, struct qtfs_buf *rows, size_t len, u64 cookie)
{
	qf->entries = rows;
	qf->entries_len = len;
	qf->entries_pos = 0;
	qf->entries_cookie = cookie;
}

/* Whether the directory has been read before and is still the same. */
static bool entries_known(struct inode *dir, struct qtfs_file *qf)
{
	struct qtfs_buf *listing = qtfs_listing_get(dir);

	if (!listing)
		return false;
	entries_drop(qf);
	entries_set(qf, listing, listing->size, 0);
	return true;
}

/* From which size on a directory is likely to be longer than what comes along with its open. */
#define SMALL_DIR	(16 * 1024)
/* How much a byte of it is on the wire, with the attributes of all. */
#define SMALL_DIR_ROWS	16

/*
 * Whether all that is in the directory @file is wanted when it is opened: opendir(3) and its
 * kin say O_NONBLOCK, who only wants the descriptor doesn't.
 */
static bool opens_to_read(struct inode *dir, const struct file *file)
{
	const struct qtfs_sb *sbi = qtfs_sb(dir->i_sb);
	struct qtfs_buf *known;

	if (!(file->f_flags & O_NONBLOCK) || sbi->cache != QTFS_CACHE_COHERENT ||
	    !sbi->entry_ttl || qtfs_uncached(dir) || i_size_read(dir) > SMALL_DIR)
		return false;
	known = qtfs_listing_get(dir);
	qtfs_buf_put(known);
	return !known;
}

/* Opens a directory and reads it, if it's small.  It is kept for who reads it next. */
static int open_and_read(struct inode *dir, struct file *file)
{
	u32 size = min_t(u32, max_t(u32, i_size_read(dir) * SMALL_DIR_ROWS, BATCH_MIN),
			 qtfs_session_of(dir->i_sb)->max_data);
	bool entries = wants_entries(dir, 0);
	struct qtfs_open_dir body = {
		.flags = cpu_to_le32(qtfs_open_flags(file) | QTFS_O_DIRECTORY),
		.size = cpu_to_le32(size),
		.list = cpu_to_le32(entries ? QTFS_READDIR_ENTRIES : 0),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_OPEN_DIR,
		.body = &body,
		.in = qtfs_buf_alloc(size, GFP_KERNEL),
		.in_max = size,
	};
	int error = rpc.in ? 0 : -ENOMEM;

	/* No change of our own comes between question and answer. */
	if (!error)
		error = down_read_killable(&dir->i_rwsem);
	if (!error) {
		error = qtfs_open_with(dir, file, &rpc);
		if (!error && rpc.in_len)
			batch_came(file_dentry(file), &rpc, entries, true);
		inode_unlock_shared(dir);
	}
	qtfs_buf_put(rpc.in);
	return error;
}

static int qtfs_dir_open(struct inode *inode, struct file *file)
{
	struct qtfs_open body = { .flags = cpu_to_le32(qtfs_open_flags(file) | QTFS_O_DIRECTORY) };
	struct qtfs_rpc rpc = { .op = QTFS_OP_OPEN, .body = &body };

	if (qtfs_open_again(inode, file))
		return 0;
	if (opens_to_read(inode, file))
		return open_and_read(inode, file);
	return qtfs_open_with(inode, file, &rpc);
}

/*
 * Fetches what comes after @cookie in @parent, @entries: with what the names lead to.  *@rows
 * becomes *@len bytes of it, for the caller to put; NULL at the end.
 */
static int batch_fetch(struct dentry *parent, struct qtfs_file *qf, u64 cookie, bool entries,
		       struct qtfs_buf **rows, u32 *len)
{
	struct inode *dir = d_inode(parent);
	u32 size = batch_size(dir);
	struct qtfs_readdir body = {
		.cookie = cpu_to_le64(cookie),
		.size = cpu_to_le32(size),
		.flags = cpu_to_le32(entries ? QTFS_READDIR_ENTRIES : 0),
	};
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_READDIR,
		.file = qf,
		.body = &body,
		.in = qtfs_buf_alloc(size, GFP_KERNEL),
		.in_max = size,
	};
	int error;

	*rows = NULL;
	if (!rpc.in)
		return -ENOMEM;
	error = qtfs_rpc_call(qtfs_session_of(dir->i_sb), &rpc);
	if (error || !rpc.in_len) {
		qtfs_buf_put(rpc.in);
		return error;
	}
	batch_came(parent, &rpc, entries, !cookie);
	*rows = rpc.in;
	*len = rpc.in_len;
	return 0;
}

/* Fetches the entries from @cookie on.  1: there are some, 0: the end. */
static int entries_fetch(struct file *file, u64 cookie)
{
	struct qtfs_file *qf = qtfs_file(file);
	struct qtfs_buf *rows;
	u32 len;
	int error;

	entries_drop(qf);
	error = batch_fetch(file_dentry(file), qf, cookie, wants_entries(file_inode(file), cookie),
			    &rows, &len);
	if (error || !rows)
		return error;
	entries_set(qf, rows, len, cookie);
	return 1;
}

/* Sets *@cookie to where the batch ends.  Returns whether there is more. */
static bool entries_end(const void *rows, u32 len, u64 *cookie)
{
	const struct qtfs_dirent *entry = NULL;
	u32 at, size;

	for (at = 0; (size = qtfs_dirent_size(rows + at, len - at)); at += size)
		entry = rows + at;
	if (!entry || at < len)
		return false;
	*cookie = le64_to_cpu(entry->cookie);
	return !(entry->flags & QTFS_DIRENT_LAST);
}

/* Fetches a batch of @parent from *@cookie on, and primes it.  Returns whether there is more. */
static int names_fetch_batch(struct dentry *parent, struct qtfs_file *qf, u64 *cookie)
{
	struct qtfs_buf *rows;
	u32 len;
	int more;

	more = batch_fetch(parent, qf, *cookie, true, &rows, &len);
	if (more || !rows)
		return more;
	more = entries_end(rows->linear, len, cookie);
	qtfs_buf_put(rows);
	return more;
}

/* Fetches what is in @parent, which isn't large, and primes it. */
static int names_fetch(struct dentry *parent)
{
	struct qtfs_file *qf = qtfs_open_quietly(parent);
	unsigned int i;
	u64 cookie = 0;
	int more = 1;

	if (IS_ERR(qf))
		return PTR_ERR(qf);
	for (i = 0; i < FETCH_BATCHES && more > 0; i++)
		more = names_fetch_batch(parent, qf, &cookie);
	qtfs_file_put(qtfs_session_of(parent->d_sb), qf);
	return min(more, 0);
}

/*
 * A name in @parent had to be looked up.  The caller holds the directory's lock, and no
 * name that is being looked up.
 */
void qtfs_dir_looked_up(struct dentry *parent)
{
	struct inode *dir = d_inode(parent);
	struct qtfs_sb *sbi = qtfs_sb(dir->i_sb);
	struct qtfs_inode *qi = qtfs_i(dir);
	unsigned long last = READ_ONCE(qi->dir_looked_up);
	unsigned int lookups = 1;
	loff_t size = i_size_read(dir);

	if (size > LOOKUPS_SIZE || qtfs_uncached(dir) || !sbi->entry_ttl || !sbi->attr_ttl ||
	    test_bit(QTFS_DIR_UNLISTED, &qi->dir_state))
		return;
	/* What this task asks for next is likely to be on its way. */
	if (wait_on_bit(&qi->dir_state, QTFS_DIR_FETCHING, TASK_KILLABLE))
		return;
	/* Several at once may count less: no harm. */
	if (time_before(jiffies, last + LOOKUPS_PAUSE))
		lookups += READ_ONCE(qi->dir_lookups);
	WRITE_ONCE(qi->dir_looked_up, jiffies);
	if (lookups < LOOKUPS_MIN + size / LOOKUPS_BYTES) {
		WRITE_ONCE(qi->dir_lookups, lookups);
		return;
	}
	WRITE_ONCE(qi->dir_lookups, 0);
	if (test_and_set_bit(QTFS_DIR_FETCHING, &qi->dir_state))
		return;
	/* Whoever may not do it won't be able to a moment later. */
	if (names_fetch(parent) && !fatal_signal_pending(current))
		set_bit(QTFS_DIR_UNLISTED, &qi->dir_state);
	clear_and_wake_up_bit(QTFS_DIR_FETCHING, &qi->dir_state);
}

/* The next entry of the batch, NULL at its end, -EPROTO if the server's row is broken. */
static const struct qtfs_dirent *entry_next(struct qtfs_file *qf, u32 *size)
{
	size_t left = qf->entries_len - qf->entries_pos;

	if (!left)
		return NULL;
	*size = qtfs_dirent_size(qf->entries->linear + qf->entries_pos, left);
	return *size ? qf->entries->linear + qf->entries_pos : ERR_PTR(-EPROTO);
}

static int qtfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct qtfs_file *qf = qtfs_file(file);
	int more;

	for (;;) {
		const struct qtfs_dirent *entry;
		u32 size;

		if ((!qf->entries || qf->entries_cookie != ctx->pos) &&
		    (ctx->pos || !entries_known(file_inode(file), qf))) {
			more = entries_fetch(file, ctx->pos);
			if (more <= 0)
				return more;
		}
		entry = entry_next(qf, &size);
		if (IS_ERR(entry))
			return PTR_ERR(entry);
		if (!entry) {
			if (qf->entries_end)
				return 0;
			entries_drop(qf);
			continue;
		}
		if (!dir_emit(ctx, (const char *)(entry + 1), le16_to_cpu(entry->name_len),
			      le64_to_cpu(entry->ino), entry->type))
			return 0;
		qf->entries_pos += size;
		qf->entries_end = entry->flags & QTFS_DIRENT_LAST;
		qf->entries_cookie = le64_to_cpu(entry->cookie);
		ctx->pos = qf->entries_cookie;
	}
}

/* A cookie is any number; the end can't be sought. */
static loff_t qtfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	switch (whence) {
	case SEEK_CUR:
		offset += file->f_pos;
		break;
	case SEEK_SET:
		break;
	default:
		return -EINVAL;
	}
	if (offset < 0)
		return -EINVAL;
	/* From the start again means: as the directory is now. */
	inode_lock(file_inode(file));
	if (!offset || offset != file->f_pos)
		entries_drop(qtfs_file(file));
	file->f_pos = offset;
	inode_unlock(file_inode(file));
	return offset;
}

const struct file_operations qtfs_dir_ops = {
	.open = qtfs_dir_open,
	.release = qtfs_release,
	.read = generic_read_dir,
	.iterate_shared = qtfs_iterate,
	.llseek = qtfs_dir_llseek,
	.lock = qtfs_lock,
	.flock = qtfs_flock,
	.fsync = qtfs_fsync,
	.setlease = QTFS_NOSETLEASE,
};
