/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The client's objects and what its files offer each other.
 */
#ifndef QTFS_QTFS_H
#define QTFS_QTFS_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/hash.h>
#include <linux/kobject.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <linux/xattr.h>

#include "session.h"

/* recover.c */
void qtfs_recover_init(struct qtfs_session *session);
void qtfs_recover_start(struct qtfs_session *session);
void qtfs_recover_stop(struct qtfs_session *session);
int qtfs_recover_wait(struct qtfs_session *session);
int qtfs_rpc_resolve(struct qtfs_session *session, struct qtfs_rpc *rpc);
void qtfs_session_restart(struct qtfs_session *session, u64 epoch);
void qtfs_handle_keep(struct inode *inode, const struct qtfs_handle *handle);
void qtfs_file_list(struct qtfs_session *session, struct qtfs_file *qf, struct file *file);
void qtfs_file_unlist(struct qtfs_session *session, struct qtfs_file *qf);

/* unstable.c */
struct qtfs_unstable_mark {
	u64 seq;
	unsigned int boots;
};

void qtfs_unstable_init(struct qtfs_session *session);
void qtfs_unstable_add(struct inode *inode, loff_t from, loff_t to);
void qtfs_unstable_add_elsewhere(struct inode *inode);
struct qtfs_unstable_mark qtfs_unstable_mark(struct qtfs_session *session);
bool qtfs_unstable_commit(struct inode *inode, struct qtfs_unstable_mark mark);
bool qtfs_unstable_any(const struct inode *inode);
void qtfs_unstable_commit_all(struct qtfs_session *session, u32 dev,
			      struct qtfs_unstable_mark mark);
bool qtfs_unstable_old(const struct inode *inode);
void qtfs_unstable_resend(struct inode *inode);
void qtfs_unstable_write_again(struct inode *inode);
void qtfs_unstable_drop(struct inode *inode);

/* Before data of @inode is read from the server. */
static inline void qtfs_unstable_settle(struct inode *inode)
{
	if (unlikely(qtfs_unstable_old(inode)))
		qtfs_unstable_write_again(inode);
}

/* replay.c */
int qtfs_replay_begin(struct qtfs_session *session, struct qtfs_rpc *rpc);
int qtfs_replay_result(struct qtfs_session *session, struct qtfs_rpc *rpc, int error);

/* watch.c */
void qtfs_watch_init(struct qtfs_session *session);
void qtfs_watch_start(struct qtfs_session *session);
void qtfs_watch_stop(struct qtfs_session *session);

/* link.c */
void qtfs_lane_init(struct qtfs_lane *lane, struct qtfs_session *session, unsigned int index);
void qtfs_lane_start(struct qtfs_lane *lane);
void qtfs_lane_end(struct qtfs_lane *lane);
int qtfs_link_open(struct qtfs_lane *lane, struct fs_context *fc);
bool qtfs_link_use(struct qtfs_lane *lane);
/* For auth.c, while the link is opened: waits for an answer.  Killable. */
int qtfs_link_greeting(struct qtfs_link *link);
/* bench.c */
void qtfs_bench_expose(struct qtfs_session *session);
/* route.c */
int qtfs_route_parse(struct qtfs_route *route, struct net *net, const char *text);
const struct qtfs_route *qtfs_link_route(const struct qtfs_link *link);
/* By which the session goes, for people. */
const char *qtfs_session_text(const struct qtfs_session *session);
/* auth.c */
int qtfs_auth_link(struct qtfs_link *link);
int qtfs_auth_receive(struct qtfs_link *link, const struct qtfs_hdr *hdr);
struct qtfs_link *qtfs_link_get(struct qtfs_session *session, unsigned int lane);

/* cache= */
enum qtfs_cache_mode {
	QTFS_CACHE_COHERENT,		/* write-back, flushed at close */
	QTFS_CACHE_STRICT,		/* attributes asked for at each open, write-through */
	QTFS_CACHE_NONE,		/* every read and write goes to the server */
};

/* local_lock= */
#define QTFS_LOCAL_FLOCK	0x1
#define QTFS_LOCAL_POSIX	0x2

/*
 * A super block's own part, s_fs_info.  A mount has one, and another one for each mount of
 * the server that somebody has walked into: submount.c.
 */
struct qtfs_super {
	struct qtfs_sb *sbi;		/* of the whole mount */
	struct super_block *sb;
	struct list_head list;		/* sbi->supers */
	u32 root_dev;			/* the server's, of the root */
	u64 mountpoint;			/* number of the inode that it's mounted on; 0: the first */
	const char *below;		/* the root's path below that of the first; it has "" */
	dev_t dev;			/* st_dev of the root */
	dev_t own_dev;			/* what s_dev has been at first */
};

/* What all super blocks of a mount have in common. */
struct qtfs_sb {
	struct qtfs_super first;
	struct rw_semaphore supers_lock; /* supers; who reads it may use their inodes */
	struct list_head supers;
	spinlock_t mountpoints_lock;	/* mountpoints */
	struct list_head mountpoints;	/* inodes */
	struct mutex mountpoints_mutex;	/* one is looked at */
	struct work_struct mountpoints_work;
	unsigned int twins;		/* super blocks that show another one's file system */
	struct llist_head twin_changes;	/* of ours, that the others don't know of */
	struct work_struct twins_work;
	bool submounts;			/* wanted */
	struct qtfs_session *session;
	struct xarray devs;		/* server device -> anonymous dev_t; devs.c */
	char *path;			/* mounted path on the server */
	char *host;			/* the server as it was named */
	char *alt;			/* the second address, as it was written, or NULL */
	char *key;			/* description of the key, or NULL */
	struct list_head links;		/* symbolic links that lead here: special.c */
	unsigned int port;
	unsigned int entry_ms;		/* as the options say */
	unsigned int attr_ms;
	unsigned int negative_ms;
	unsigned long entry_ttl;	/* the same in jiffies */
	unsigned long attr_ttl;
	unsigned long negative_ttl;
	enum qtfs_cache_mode cache;
	unsigned int local_lock;	/* QTFS_LOCAL_* */
	atomic_t primed;		/* names that READDIR brought, and those of them */
	atomic_t primed_used;		/* that were used; both halved at times: dir.c */
	atomic_t expiry;		/* what was cached under another one is expired */

	/* Closed here and still open on the server: defer.c. */
	spinlock_t deferred_lock;
	struct list_head deferred;	/* oldest first */
	unsigned int nr_deferred;
	u64 deferred_version;		/* session->version: older ones are of no use */
	struct delayed_work deferred_work;

	atomic_t closing;		/* files that killed tasks left to be closed: open.c */
};

static inline struct qtfs_super *qtfs_super(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct qtfs_sb *qtfs_sb(const struct super_block *sb)
{
	return qtfs_super(sb)->sbi;
}

static inline struct qtfs_session *qtfs_session_of(const struct super_block *sb)
{
	return qtfs_sb(sb)->session;
}

/*
 * An inode is identified by the server's device, inode number and generation;
 * i_ino is the server's inode number.
 */
struct qtfs_inode {
	struct inode vfs_inode;
	u32 server_dev;
	u32 gen;
	dev_t dev;			/* st_dev */
	/* Under vfs_inode.i_lock: */
	unsigned long attr_expires;	/* jiffies; 0 = expired */
	int expiry;			/* of the super block's at that time */
	struct qtfs_handle handle;	/* see recover.c; len 0: none */
	u64 version;			/* of our last change to it, see attr.c */
	bool times_stale;		/* a directory's size, times and links: ours */
	u32 flags;			/* QTFS_ATTR_* */
	u32 blksize;
	u64 attributes;
	u64 attributes_mask;
	u64 change;
	struct timespec64 btime;
	struct list_head unstable;	/* ranges, see unstable.c; under unstable_lock */
	struct list_head unstable_inodes; /* session->unstable; likewise */
	unsigned int nr_unstable;	/* likewise */
	unsigned int unstable_boots;	/* likewise */
	u64 unstable_elsewhere;		/* likewise */
	atomic_t runs;			/* WRITEs of write-back under way */
	atomic_t direct;		/* asynchronous writes under way, see direct.c */
	spinlock_t writers_lock;	/* writers */
	struct list_head writers;	/* open files that may write */
	struct timespec64 data_mtime;	/* what the cached pages belong to */
	struct timespec64 data_ctime;
	loff_t data_size;
	unsigned long dir_state;	/* bits QTFS_DIR_*, see dir.c */
	unsigned int dir_lookups;	/* names looked up one by one; likewise */
	unsigned long dir_looked_up;	/* when, in jiffies */
	unsigned int place;		/* counts the paths that a directory had; namei.c */
	u64 mountpoint;			/* number, if the server has a mount there: submount.c */
	struct list_head mountpoints;	/* sbi->mountpoints */
	bool mountpoint_doubtful;	/* under sbi->mountpoints_lock */
	struct qtfs_buf *listing;	/* a directory's names, see listing.c; and their age */
	u64 listing_version;
	unsigned long listing_expires;
	int listing_expiry;
	struct qtfs_file *deferred;	/* see defer.c; under deferred_lock */
	atomic_t uds_names;		/* of a socket that udsproxyd is bound to, see uds.c */
	struct list_head uds_made;	/* of a socket that was made here, see uds.c; uds.lock */
	u64 uds_id;			/* likewise: what udsproxyd calls it */
};

#define QTFS_DIR_USED		0	/* names in it have been used since its last READDIR */
#define QTFS_DIR_LISTED		1	/* it was listed without entries */
#define QTFS_DIR_UNLISTED	2	/* to list it unasked has failed */
#define QTFS_DIR_FETCHING	3	/* somebody lists it unasked */

static inline struct qtfs_inode *qtfs_i(const struct inode *inode)
{
	return container_of(inode, struct qtfs_inode, vfs_inode);
}

static inline bool qtfs_same_file(const struct inode *inode, const struct qtfs_attr *attr)
{
	return inode->i_ino == le64_to_cpu(attr->ino) &&
	       qtfs_i(inode)->server_dev == le32_to_cpu(attr->dev) &&
	       qtfs_i(inode)->gen == le32_to_cpu(attr->gen) &&
	       !((inode->i_mode ^ le32_to_cpu(attr->mode)) & S_IFMT);
}

/* Whether @attr is of a directory that is the root of a mount inside ours, and to be one here. */
static inline bool qtfs_is_mounted(const struct qtfs_sb *sbi, const struct qtfs_attr *attr)
{
	return sbi->submounts && S_ISDIR(le32_to_cpu(attr->mode)) &&
	       (le32_to_cpu(attr->flags) & QTFS_ATTR_MOUNT_ROOT);
}

/* Whether the inode that a name has is what the server says by @attr. */
static inline bool qtfs_same_entry(const struct inode *inode, const struct qtfs_attr *attr)
{
	return qtfs_same_file(inode, attr) &&
	       !qtfs_i(inode)->mountpoint == !qtfs_is_mounted(qtfs_sb(inode->i_sb), attr);
}

static inline bool qtfs_uncached(const struct inode *inode)
{
	return READ_ONCE(qtfs_i(inode)->flags) & QTFS_ATTR_UNCACHED;
}

/* A node: the server's number for the path that a dentry stands for. */
struct qtfs_node {
	u64 number;			/* READ_ONCE(); may be replaced, see node.c */
	u64 epoch;			/* of the session that it is of */
	struct llist_node list;
	struct rcu_head rcu;
};

/* node.c */
u64 qtfs_dentry_node(const struct dentry *dentry, u64 *epoch);
struct dentry *qtfs_find_alias(struct inode *inode);
int qtfs_dentry_prepare(struct dentry *dentry, u64 number, const struct qtfs_age *age);
void qtfs_dentry_adopt(struct dentry *dentry, u64 number, const struct qtfs_age *age);
void qtfs_dentry_renew(struct dentry *dentry, u64 number, const struct qtfs_age *age);
u64 qtfs_dentry_exchange(struct dentry *dentry, u64 number, const struct qtfs_age *age,
			 bool renew);
void qtfs_forget(struct qtfs_session *session, u64 number);
void qtfs_give_back_work(struct work_struct *work);
void qtfs_give_back_drop(struct qtfs_session *session);
void qtfs_release_later(struct qtfs_session *session, struct llist_node *entry);
void qtfs_d_iput(struct dentry *dentry, struct inode *inode);
void qtfs_d_release(struct dentry *dentry);

/* An open file, file->private_data; write-back borrows it. */
struct qtfs_file {
	refcount_t ref;
	u64 open;			/* of epoch; these three change in recover.c */
	u64 epoch;
	int error;			/* why it couldn't be opened again, or 0 */
	u32 flags;			/* QTFS_OPENED_* */
	u32 how;			/* QTFS_O_* */
	struct list_head files;		/* session->files: the next three are there */
	struct file *file;
	struct inode *inode;		/* also while it's deferred */
	struct dentry *dentry;
	const struct cred *cred;	/* the opener's */
	struct list_head writer;	/* qtfs_inode.writers, if it may write */
	struct work_struct close_work;	/* has references to inode and dentry */
	struct llist_node list;		/* session->releases, when it's given up */
	struct rb_node polled;		/* session->polled, if it's watched */
	wait_queue_head_t poll_queue;
	unsigned int poll_events;	/* counts what came for it */
	/* Whether it may serve another open when it's closed: defer.c. */
	u64 node;			/* it was opened by; 0: no */
	u64 version;			/* the age of the server's answer */
	unsigned long defer_until;	/* jiffies */
	struct list_head deferred;	/* sbi->deferred */
	/* Entries of a directory that were received and not emitted yet; dir.c. */
	struct qtfs_buf *entries;
	size_t entries_len;
	size_t entries_pos;
	u64 entries_cookie;		/* the position of the next one */
	bool entries_end;		/* behind them there is nothing */
};

static inline struct qtfs_file *qtfs_file(const struct file *file)
{
	return file->private_data;
}

/* attr.c */
void qtfs_fill_time(struct qtfs_time *to, struct timespec64 from);
void qtfs_update_inode(struct inode *inode, const struct qtfs_attr *attr,
		       const struct qtfs_age *age);
bool qtfs_dirty(const struct inode *inode);
void qtfs_drop_data(struct inode *inode);
void qtfs_drop_written(struct inode *inode, loff_t pos, size_t len);
void qtfs_update_inode_changed(struct inode *inode, const struct qtfs_attr *attr,
			       const struct qtfs_age *age, bool data);
u64 qtfs_write_answered(struct inode *inode, u64 version);
void qtfs_update_inode_written(struct inode *inode, const struct qtfs_attr *attr,
			       const struct qtfs_age *age, u64 answer);
void qtfs_expire_attr(struct inode *inode);
void qtfs_expire_times(struct inode *dir);
void qtfs_expire_changed(struct inode *inode);
void qtfs_expire_all(struct super_block *sb);
bool qtfs_attr_expired(const struct inode *inode);
int qtfs_ask_attr(struct dentry *dentry, struct qtfs_attr *attr, struct qtfs_age *age);
int qtfs_refresh_dentry(struct dentry *dentry);
int qtfs_refresh_inode(struct inode *inode);
int qtfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		 u32 mask, unsigned int flags);
int qtfs_newsize_ok(struct dentry *dentry, loff_t size);
int qtfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *iattr);
int qtfs_permission(struct mnt_idmap *idmap, struct inode *inode, int mask);
int qtfs_statfs(struct dentry *dentry, struct kstatfs *st);

/* inode.c */
int qtfs_inode_cache_init(void);
void qtfs_inode_cache_exit(void);
struct inode *qtfs_alloc_inode(struct super_block *sb);
void qtfs_free_inode(struct inode *inode);
void qtfs_evict_inode(struct inode *inode);
struct inode *qtfs_iget(struct super_block *sb, const struct qtfs_attr *attr,
			const struct qtfs_age *age);
struct inode *qtfs_iget_mountpoint(struct super_block *sb, const struct qtfs_attr *attr,
				   const struct qtfs_age *age);

/* The key of the inode table, beside the generation. */
static inline unsigned long qtfs_inode_hash(u64 ino, u32 dev)
{
	return hash_64(ino + dev, 32);
}

/* devs.c */
int qtfs_dev_get(struct qtfs_sb *sbi, u32 server_dev, dev_t *dev);
void qtfs_devs_free(struct qtfs_sb *sbi);

/* open.c */
u32 qtfs_open_flags(const struct file *file);
int qtfs_open(struct inode *inode, struct file *file);
bool qtfs_open_again(struct inode *inode, struct file *file);
int qtfs_open_with(struct inode *inode, struct file *file, struct qtfs_rpc *rpc);
int qtfs_open_attach(struct file *file, const struct qtfs_open_rep *rep,
		     const struct qtfs_age *age);
int qtfs_open_finish(struct file *file, struct dentry *dentry, const struct qtfs_open_rep *rep,
		     const struct qtfs_age *age);
int qtfs_release(struct inode *inode, struct file *file);
int qtfs_flush(struct file *file, fl_owner_t owner);
int qtfs_fsync(struct file *file, loff_t start, loff_t end, int datasync);
void qtfs_file_put(struct qtfs_session *session, struct qtfs_file *qf);
void qtfs_file_put_later(struct qtfs_session *session, struct qtfs_file *qf);
void qtfs_file_free(struct llist_node *entry);
struct qtfs_file *qtfs_open_writer(struct inode *inode);
struct qtfs_file *qtfs_open_quietly(struct dentry *dir);
void qtfs_release_open(struct qtfs_session *session, u64 number);

/* defer.c */
u64 qtfs_defer_node(const struct file *file, u64 number);
bool qtfs_defer(struct file *file);
struct qtfs_file *qtfs_deferred_take(struct file *file, u64 number);
void qtfs_deferred_drop(struct inode *inode);
void qtfs_deferred_expire(struct qtfs_sb *sbi);
void qtfs_deferred_init(struct qtfs_sb *sbi);
void qtfs_deferred_exit(struct qtfs_sb *sbi);

/* listing.c */
void qtfs_listing_keep(struct inode *dir, const void *rows, u32 len, const struct qtfs_age *age);
struct qtfs_buf *qtfs_listing_get(struct inode *dir);
void qtfs_listing_drop(struct inode *dir);

/* submount.c */
void qtfs_supers_init(struct qtfs_sb *sbi);
void qtfs_super_add(struct qtfs_super *super);
void qtfs_super_del(struct qtfs_super *super);
void qtfs_submount_free(struct qtfs_super *super);
int qtfs_submount_context(struct fs_context *fc);
char *qtfs_path_below(struct dentry *dentry, char *buf, int size);
void qtfs_twins_changed(struct inode *inode);
void qtfs_supers_stop(struct qtfs_sb *sbi);
void qtfs_mountpoint_add(struct inode *inode);
void qtfs_mountpoint_del(struct inode *inode);
void qtfs_mountpoints_doubt(struct qtfs_sb *sbi, const struct qtfs_event *event);
void qtfs_mountpoints_check(struct qtfs_sb *sbi);
struct vfsmount *qtfs_d_automount(struct path *path);

/* namei.c */
int qtfs_lookup_as(const struct cred *cred, struct dentry *dir, const struct qstr *name,
		   struct dentry *known, struct qtfs_entry_rep *rep, struct qtfs_age *age);
int qtfs_dentry_ask(const struct cred *cred, struct dentry *parent, const struct qstr *name,
		    struct dentry *dentry);
void qtfs_dentry_expire(struct dentry *dentry);
void qtfs_names_expire(struct inode *inode);
void qtfs_dentry_prime(struct dentry *parent, const char *name, unsigned int len,
		       const struct qtfs_entry_rep *rep, const struct qtfs_age *age);

/* direct.c */
ssize_t qtfs_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t qtfs_direct_write(struct kiocb *iocb, struct iov_iter *from, u32 flags);
int qtfs_direct_drain(struct inode *inode);

/* dir.c */
void qtfs_dir_used(struct inode *dir, unsigned int primed);
void qtfs_dir_looked_up(struct dentry *parent);
void qtfs_dirents_forget(struct qtfs_session *session, const void *rows, u32 len);

/* wait.c */

/* Who waits for an event asks so often all the same: it may be lost with a connection. */
#define QTFS_ASK_AGAIN	(10 * HZ)

struct qtfs_wait {
	struct list_head list;		/* session->waits */
	u64 number;			/* the server knows it by this */
	bool woken;
};

void qtfs_wait_begin(struct qtfs_session *session, struct qtfs_wait *wait);
void qtfs_wait_end(struct qtfs_session *session, struct qtfs_wait *wait);
int qtfs_wait_for_event(struct qtfs_session *session, struct qtfs_wait *wait);
void qtfs_wait_event(struct qtfs_session *session, u64 number);

/* poll.c */
__poll_t qtfs_poll(struct file *file, poll_table *table);
int qtfs_poll_wait(struct file *file, __poll_t events);
void qtfs_poll_event(struct qtfs_session *session, u64 number);
void qtfs_poll_end(struct qtfs_session *session, struct qtfs_file *qf);
void qtfs_poll_renumber(struct qtfs_session *session, struct qtfs_file *qf, u64 open);

/* file.c */
ssize_t qtfs_read_once(struct kiocb *iocb, struct iov_iter *to);
ssize_t qtfs_write_once(struct kiocb *iocb, struct iov_iter *from);

/* lock.c */
int qtfs_lock(struct file *file, int cmd, struct file_lock *fl);
int qtfs_flock(struct file *file, int cmd, struct file_lock *fl);
int qtfs_locks_reclaim(struct qtfs_session *session, struct qtfs_file *qf, u64 number, u64 epoch,
		       unsigned long timeout);

/* fifo.c, and for whatever else is a stream */
int qtfs_fifo_release(struct inode *inode, struct file *file);
ssize_t qtfs_fifo_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t qtfs_fifo_write_iter(struct kiocb *iocb, struct iov_iter *from);

/* tty.c */
bool qtfs_is_terminal(const struct inode *inode);

/* fileattr.c */
int qtfs_fileattr_get(struct dentry *dentry, struct file_kattr *fa);
int qtfs_fileattr_set(struct mnt_idmap *idmap, struct dentry *dentry, struct file_kattr *fa);

/* copy.c */
ssize_t qtfs_copy_file_range(struct file *in, loff_t from, struct file *out, loff_t to,
			     size_t len, unsigned int flags);
loff_t qtfs_remap_file_range(struct file *in, loff_t from, struct file *out, loff_t to,
			     loff_t len, unsigned int flags);

/* notify.c */
int qtfs_notify_receive(struct qtfs_session *session, struct qtfs_conn *conn,
			const struct qtfs_hdr *hdr);
void qtfs_notify_work(struct work_struct *work);
void qtfs_notify_drop(struct qtfs_session *session);
void qtfs_notify_victim(struct super_block *sb, const struct qtfs_event *event,
			const struct inode *known);
bool qtfs_event_is_of(const struct qtfs_event *event, const struct inode *inode);
void qtfs_expire_place(struct inode *inode);
void qtfs_notify_twin(struct super_block *sb, const struct qtfs_event *event);
bool qtfs_overtaken(const struct qtfs_session *session, const struct qtfs_age *age);

/* uds.c */
int qtfs_uds_init(void);
void qtfs_uds_exit(void);
int qtfs_uds_connect(struct inode *inode);
void qtfs_uds_name_gone(const struct dentry *dentry, struct inode *inode);
void qtfs_uds_evict(struct inode *inode);
void qtfs_uds_made(struct inode *inode);

/* control.c */
int qtfs_control_init(void);
void qtfs_control_exit(void);

/* ticket.c */
long qtfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* symlink.c */
const char *qtfs_get_link(struct dentry *dentry, struct inode *inode, struct delayed_call *done);

/* main.c */
extern struct workqueue_struct *qtfs_wq;
extern struct workqueue_struct *qtfs_link_wq;
extern struct workqueue_struct *qtfs_recover_wq;
int qtfs_default_addr(const struct qtfs_transport **transport, const char **host,
		      unsigned int *port);

/* pagecache.c */
int qtfs_read_folio(struct file *file, struct folio *folio);
void qtfs_readahead(struct readahead_control *rac);
void qtfs_cache_small(struct inode *inode, const struct qtfs_attr *attr, const void *data,
		      size_t len, const struct qtfs_age *age);

/* special.c */
int qtfs_special_add(struct list_head *links, const char *text);
void qtfs_special_free(struct list_head *links);
bool qtfs_special_known(const struct list_head *links, const struct list_head *of);
void qtfs_special_show(struct seq_file *m, const struct list_head *links);
const char *qtfs_special_target(struct dentry *dentry);
struct inode *qtfs_special_own(struct dentry *parent, const struct qstr *name);
bool qtfs_is_own(const struct inode *inode);

/* range.c; @from and @to are bytes of the folio */
int qtfs_range_prepare(struct folio *folio, gfp_t gfp);
bool qtfs_range_known(struct folio *folio);
bool qtfs_range_joins(struct folio *folio, size_t from, size_t to);
void qtfs_range_add(struct folio *folio, size_t from, size_t to);
bool qtfs_range_next(struct folio *folio, size_t at, size_t *from, size_t *to);
void qtfs_range_clear(struct folio *folio, size_t from, size_t to);
void qtfs_range_drop(struct folio *folio);
size_t qtfs_offset_of_page(struct folio *folio, struct page *page);
void qtfs_range_write_begin(struct folio *folio);
void qtfs_range_write_part(struct folio *folio, size_t from, size_t to);
void qtfs_range_write_end(struct folio *folio, bool all);
void qtfs_range_written(struct folio *folio);

/* writeback.c */
void qtfs_writer_add(struct inode *inode, struct qtfs_file *qf, bool append);
void qtfs_writer_del(struct inode *inode, struct qtfs_file *qf);
int qtfs_zero_tail(struct inode *inode);
int qtfs_fill_around(struct file *file, struct folio *folio);
int qtfs_mmap(struct file *file, struct vm_area_struct *vma);
int qtfs_clean(struct inode *inode);
int qtfs_wait_written(struct inode *inode);
bool qtfs_leaves(const struct inode *inode);
struct write_run;
int qtfs_start_synced(struct file *file, loff_t start, loff_t end, u32 sync,
		      struct write_run **run);
bool qtfs_run_synced(struct write_run *run);

/* the VFS's tables */
extern const struct inode_operations qtfs_dir_inode_ops;	/* namei.c */
extern const struct dentry_operations qtfs_dentry_ops;		/* namei.c */
extern const struct file_operations qtfs_dir_ops;		/* dir.c */
extern const struct file_operations qtfs_file_ops;		/* file.c */
extern const struct file_operations qtfs_uncached_file_ops;	/* file.c */
extern const struct file_operations qtfs_uncached_poll_ops;	/* file.c */
extern const struct file_operations qtfs_fifo_ops;		/* fifo.c */
extern const struct file_operations qtfs_tty_ops;		/* tty.c */
extern const struct address_space_operations qtfs_aops;		/* writeback.c */
extern const struct xattr_handler *QTFS_XATTR_CONST qtfs_xattr_handlers[];	/* xattr.c */
bool qtfs_no_xattr(const struct inode *inode);
ssize_t qtfs_listxattr(struct dentry *dentry, char *buf, size_t size);	/* xattr.c */

ssize_t qtfs_xattr_fetch(struct dentry *dentry, enum qtfs_op op, const char *name, void *value,
			 size_t size);
int qtfs_xattr_store(struct dentry *dentry, const char *name, const void *value, size_t size,
		     int flags);

/* acl.c */
struct posix_acl *qtfs_get_inode_acl(struct inode *inode, int type, bool rcu);
int qtfs_set_acl_entry(struct mnt_idmap *idmap, struct dentry *dentry, struct posix_acl *acl,
		       int type);

/* super.c */
int qtfs_init_fs_context(struct fs_context *fc);
void qtfs_super_setup(struct super_block *sb);
int qtfs_super_bdi(struct super_block *sb);
int qtfs_super_root(struct super_block *sb, const struct qtfs_entry_rep *rep,
		    const struct qtfs_age *age);
void qtfs_kill_sb(struct super_block *sb);

/* sysfs.c */
int qtfs_sysfs_init(void);
void qtfs_sysfs_exit(void);
int qtfs_sysfs_add(struct qtfs_session *session);
void qtfs_sysfs_del(struct qtfs_session *session);

/* stats.c */
int qtfs_stats_init(struct qtfs_session *session);
void qtfs_stats_exit(struct qtfs_session *session);
void qtfs_stats_count(const struct qtfs_request *req);
void qtfs_stats_show(struct seq_file *m, struct qtfs_session *session);
void qtfs_stats_expose(struct qtfs_session *session);
void qtfs_stats_hide(struct qtfs_session *session);
void qtfs_debugfs_init(void);
void qtfs_debugfs_exit(void);

/* main.c */
enum qtfs_log_level { QTFS_LOG_NONE, QTFS_LOG_ERROR, QTFS_LOG_WARN, QTFS_LOG_INFO, QTFS_LOG_DEBUG };
extern int qtfs_log_level;

#define qtfs_log(level, fmt, ...)					\
do {									\
	if (qtfs_log_level >= QTFS_LOG_##level)				\
		qtfs_printk_##level(fmt "\n", ##__VA_ARGS__);	\
} while (0)
#define qtfs_printk_ERROR	pr_err_ratelimited
#define qtfs_printk_WARN	pr_warn_ratelimited
#define qtfs_printk_INFO	pr_info_ratelimited
#define qtfs_printk_DEBUG	pr_info_ratelimited

#endif /* QTFS_QTFS_H */
