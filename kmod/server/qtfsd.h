/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server module's structures, and what its files offer to each other.
 *
 * Who is who
 *
 *	qtfsd		the module: everything hangs off this one instance
 *	qtfsd_peer	a connection, from accept to its last reference
 *	qtfsd_session	a client: its objects, its slots, its connections
 *	qtfsd_node	a pinned path of a session
 *	qtfsd_open	an open file of a session
 *	qtfsd_call	a request, from its header to the end of its reply
 *	qtfsd_cslot	a slot of the channel, and the engine's thread behind it
 *
 * Who holds whom (counted): call -> peer -> session, call -> session, call ->
 * nodes and open.  A session's tables hold its nodes and opens until the
 * session ends (session.c), whatever calls are still under way.
 *
 * Locks: qtfsd.lock (mutex: which sessions and peers there are) is outermost.
 * session->lock and channel->lock (spinlocks) are leaves, as are the locks of
 * the tables.  None is held across a send, a receive, or a call into a file
 * system.
 */
#ifndef QTFSD_H
#define QTFSD_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "channel.h"
#include "transport/opstat.h"
#include "transport/transport.h"

struct fsnotify_group;
struct qtfs_key;
struct qtfsd_away;
struct qtfsd_mark;
struct qtfsd_call;
struct qtfsd_peer;
struct qtfsd_poll;
struct qtfsd_wait;

/* Counters, an instance for each processor. */
struct qtfsd_stats {
	struct qtfs_opstat ops[QTFS_OP_END];	/* answered */
	u64 in_module[QTFS_OP_END];	/* of these without the engine */
	u64 bad[QTFS_FRAME_ERRORS];	/* frames that were refused, by reason */
	u64 dropped;			/* answers whose connection was gone */
	u64 forgot_unknown;		/* numbers in FORGET that named nothing */
	u64 resent;			/* calls that outlived an engine */
	u64 repeated;			/* requests that came again, and were not run again */
	u64 not_allowed;		/* connections from elsewhere than allow= says */
};

/* By what the client knows a file: as attributes say it. */
struct qtfsd_file_id {
	u64 ino;
	u32 dev;
	u32 gen;
};

struct qtfsd_node {
	struct kref ref;
	u64 number;
	struct qtfsd_session *session;	/* outlives its nodes */
	struct qtfsd_mark *mark;	/* NULL: nothing is told of it */
	struct file *file;		/* O_PATH: pins mount and dentry; NULL: it is away */
	struct qtfsd_away *away;	/* then: how to find it again, see away.c */
	unsigned long used;		/* jiffies, the last time */
	bool attach_root;		/* ATTACH led to it */
	struct rcu_head rcu;
};

/* Nodes in session->nodes that are held, and on another mount than the root. */
#define QTFSD_ELSEWHERE		XA_MARK_1

struct qtfsd_open {
	struct kref ref;
	u64 number;
	struct file *file;
	u32 flags;			/* QTFS_O_* that it was opened with */
	bool fast_read;			/* what the file allows, see fastpath.c */
	bool fast_write;
	u64 read_grant;			/* the policy's epoch that allowed it, or 0 */
	u64 write_grant;
	bool locked;			/* POSIX locks were set through it */
	struct qtfsd_poll *poll;	/* NULL: nobody watches it, see poll.c */
	struct rcu_head rcu;
};

/* A slot of the wire protocol; see session.c. */
struct qtfsd_slot {
	u64 seq;			/* of the last request */
	struct qtfsd_call *call;	/* the request in it, NULL if free */
	struct {
		struct qtfs_hdr hdr;	/* magic 0: there is none */
		u8 body[QTFS_SLOT_BODY_MAX];
	} kept;				/* the reply to the last request */
	struct qtfsd_data *data;	/* and its data, if reading it took it away, or NULL */
	struct qtfsd_listed *listed;	/* nodes that it brought as data, or NULL */
};

/* What was read from a stream: can't be read again, so that slot and reply share it. */
struct qtfsd_data {
	refcount_t ref;
	u8 bytes[];
};

/* Numbers of nodes in the data of a reply to READDIR or OPEN_DIR. */
struct qtfsd_listed {
	unsigned int nr;
	u64 nodes[];
};

/* What qtfsd_session_claim() finds. */
enum qtfsd_claim {
	QTFSD_CLAIM_BAD,
	QTFSD_CLAIM_NEW,		/* to be carried out */
	QTFSD_CLAIM_RUNS,		/* a repeat of one that is under way: free it */
	QTFSD_CLAIM_KEPT,		/* a repeat, whose reply is there */
	QTFSD_CLAIM_OLD,		/* it was answered long ago: free it */
};

struct qtfsd_session {
	struct kref ref;
	u64 id;
	struct list_head list;		/* qtfsd.sessions, under qtfsd.lock */
	guid_t client;			/* 16 random bytes, no more meaning */
	u64 epoch;
	u32 max_data;
	u32 slots_max;			/* that the client can use at most */
	u32 slots_granted;		/* that it may use now; changes under qtfsd.lock */
	char label[QTFS_LABEL_MAX + 1];
	bool dead;			/* it has ended */
	bool said_bye;			/* and ends with its last connection */

	spinlock_t lock;		/* the next five; peers: qtfsd.lock, too */
	struct qtfsd_slot *slots;	/* [nr_slots] */
	u32 nr_slots;			/* as many as were ever granted */
	struct list_head peers;
	unsigned int nr_peers;
	unsigned long idle_since;	/* jiffies, without a connection */
	struct delayed_work lease_work;	/* has a reference while it's queued */

	struct xarray nodes;		/* index -> struct qtfsd_node */
	struct vfsmount *root_mnt;	/* of what ATTACH led to; only compared */
	struct xarray opens;
	atomic_t nr_nodes;
	atomic_t nr_opens;
	atomic_t generation;		/* of the last number handed out */

	struct list_head lock_owners;	/* see lock.c */
	struct list_head waits;		/* see wait.c; with nr_waits under lock */
	unsigned int nr_waits;

	/* Events for the client, see notify.c. */
	struct fsnotify_group *notify_group;
	struct mutex marks_lock;	/* which marks there are, and their users */
	spinlock_t notify_lock;		/* the next six */
	struct list_head notify_marks;
	struct list_head notify_names;
	unsigned int notify_nr_names;
	bool notify_all;
	u64 notify_count;		/* events so far: the stamp */
	u64 mounts_stamp;		/* what it was when mounts changed, see place.c */
	bool notify_busy;		/* a frame is under way */
	struct work_struct notify_work;
	unsigned long notify_queued;	/* bit 0: notify_work is due */

	struct qtfsd_stats __percpu *stats;
	struct kobject kobj;
	struct completion kobj_gone;
	struct dentry *debugfs;
};

struct qtfsd_peer {
	struct qtfs_conn conn;
	struct list_head list;		/* qtfsd.peers, under qtfsd.lock */
	struct list_head in_session;	/* session->peers */
	struct qtfsd_session *session;	/* set once by HELLO */
	u16 index;			/* which of the session's connections */
	bool replaced;			/* by a newer one of that index */
	bool rejoined;			/* the session was there before */
	bool greeted;			/* HELLO was answered */
	bool challenged;		/* by server_nonce; its thread's, as those below */
	bool proven;			/* it has the key */
	u8 client_nonce[QTFS_AUTH_NONCE];
	u8 server_nonce[QTFS_AUTH_NONCE];
	unsigned long stopping;		/* bit 0: close_work was queued */
	struct work_struct close_work;
	struct delayed_work hello_work;
	refcount_t senders;		/* who may be in qtfs_conn_send(), and 1 */
	struct completion senders_gone;
	atomic_t replies;		/* handed to the connection, not yet done */
	wait_queue_head_t replies_wait;
};

/* Between two attempts to get memory that can't be done without. */
#define QTFSD_NO_MEMORY_PAUSE	(HZ / 50)

enum qtfsd_call_state {
	QTFSD_RECEIVED,
	QTFSD_WORKING,			/* in the module */
	QTFSD_QUEUED,			/* waits for an engine's thread */
	QTFSD_FETCHED,			/* an engine's thread has it */
	QTFSD_REPLIED,
};

/* What one READ takes out of a stream at most: as much as a pipe holds by default. */
#define QTFSD_STREAM_MAX	65536u

#define QTFSD_INLINE_ARGS	192
/* Buffers are multiples of this: kvmalloc() then aligns them to it as well. */
#define QTFSD_IO_ALIGN		512u

/* Memory from qtfs_pool_get() for a call's data. */
struct qtfsd_pages {
	struct bio_vec *bvecs;		/* kvmalloc()ed; NULL: there is none */
	unsigned int nr;
};

/*
 * A call has one owner at a time: the connection's thread, the channel's queue,
 * a worker, a slot of the channel, the connection while the reply is sent.
 */
struct qtfsd_call {
	struct list_head list;		/* channel->queue */
	struct work_struct work;
	struct qtfsd_session *session;	/* NULL: HELLO */
	struct qtfsd_peer *peer;	/* where the reply goes; see session.c */

	struct qtfs_hdr hdr;
	struct qtfs_req req;
	const struct qtfs_op_info *info;
	void *args;			/* body, groups, names */
	u32 args_len;
	void *data;			/* kvmalloc()ed, or NULL: data_pages */
	struct qtfsd_pages data_pages;
	u32 data_len;
	u8 inline_args[QTFSD_INLINE_ARGS] __aligned(8);

	struct qtfsd_node *node[2];
	struct qtfsd_open *open;

	struct {
		struct hlist_node hash;
		struct task_struct *task;	/* who carries it out, see notify.c */
	} actor;

	enum qtfsd_call_state state;
	ktime_t start;
	u64 stamp;			/* the session's events before it began */
	u64 policy;			/* the policy's epoch when it was fetched */
	struct qtfs_event victim;	/* whose name RENAME took, see notify.c */
	u8 *note;			/* of an engine that died, or NULL */
	bool resent;
	bool in_module;
	unsigned int attempts;		/* how often it was fetched */
	unsigned int crashes;		/* engines that it has killed */

	struct qtfs_frame frame;
	struct kvec reply_vec;
	void *reply_data;
	struct qtfsd_pages reply_pages;	/* the data instead, if there are any */
	u32 reply_len;
	struct qtfsd_data *kept;	/* what reply_data is in, or NULL: it's the call's own */
	struct qtfsd_listed *listed;	/* of this reply; of the last one while it's received */
	struct {
		struct qtfs_hdr hdr;
		union {
			u8 body[QTFS_SLOT_BODY_MAX];
			struct qtfs_hello_rep hello;
			struct qtfs_auth_rep auth;
			struct qtfs_entry_rep entry;
			struct qtfs_attr_rep attr;
			struct qtfs_open_rep open;
			struct qtfs_write_rep write;
			struct qtfs_getxattr_rep xattr;
			struct qtfs_statfs_rep statfs;
			struct qtfs_lseek_rep lseek;
			struct qtfs_lock_rep lock;
			struct qtfs_fileattr fileattr;
			struct qtfs_copy_rep copy;
			struct qtfs_poll_rep poll;
			struct qtfs_event event;
			struct qtfs_process_rep process;
			struct qtfs_terminal terminal;
		};
	} reply;
};

/* A slot of the channel.  Lives as long as the engine has the device open. */
struct qtfsd_cslot {
	struct qtfs_slot *mem;		/* shared with the engine: believe nothing */
	unsigned long busy;		/* bit 0: its thread is in NEXT */
	struct qtfsd_call *call;	/* the thread's in NEXT, else channel->lock */
	char *path;			/* for d_path() */
	u8 *note;			/* for the call, should the engine die */
};

#define QTFSD_CSLOTS_MAX	256
/* More engines in a row than this that die at once are no accident. */
#define QTFSD_CRASHES_FEW	3

struct qtfsd_channel {
	spinlock_t lock;		/* queue, state, cslots, nr_cslots */
	struct list_head queue;		/* calls that wait, oldest first */
	wait_queue_head_t wait;
	unsigned long opened;		/* bit 0: an engine has the device open */
	const struct cred *cred;	/* of who has it open */
	bool setup;
	bool ready;			/* hands out calls */
	bool stopped;			/* never again until the device is closed */
	bool answered;			/* this engine has: it's of use */
	unsigned int crashes;		/* engines in a row that went without that */
	u64 policy;			/* counts QTFS_CHANNEL_READY since insmod */
	struct mutex slots_lock;	/* ADD_SLOT */
	unsigned int nr_cslots;
	struct qtfsd_cslot *cslots[QTFSD_CSLOTS_MAX];

	size_t args_offset;		/* the layout of a slot, see slot.c */
	size_t path_offset[2];
	size_t data_offset;
	size_t data_size;
	size_t stride;
};

enum qtfsd_log_level {
	QTFSD_LOG_NONE,
	QTFSD_LOG_ERROR,
	QTFSD_LOG_WARN,
	QTFSD_LOG_INFO,
	QTFSD_LOG_DEBUG,
};

/* Module parameters, main.c. */
struct qtfsd_limits {
	unsigned int sessions;
	unsigned int conns;
	unsigned int nodes;		/* of one session */
	unsigned int opens;
	unsigned int slots;
	unsigned int data;
	unsigned int lease;		/* seconds */
	unsigned int grace;		/* seconds */
};

#define QTFSD_LISTENERS	3	/* tcp, vsock, loop */

struct qtfsd {
	struct qtfsd_limits limits;
	int log_level;
	u8 boot[16];			/* see wire.h */
	unsigned long started;		/* jiffies */

	struct mutex lock;		/* sessions, peers, last_session */
	struct list_head sessions;
	struct list_head peers;
	unsigned int nr_sessions;
	u64 last_session;
	bool ending;			/* the module goes: nobody will come back */

	atomic_t nr_peers;		/* that exist, listed or not */
	atomic_t nr_strangers;		/* of these without a session */
	wait_queue_head_t idle;		/* nr_peers reached 0 */

	struct workqueue_struct *io_wq;	/* calls that run in the module */
	struct workqueue_struct *conn_wq; /* ends of connections and sessions */
	struct qtfsd_channel channel;
	struct qtfs_listener listeners[QTFSD_LISTENERS];
	unsigned int nr_listeners;
	bool pcie;			/* and on the windows there are */
	struct net *net;		/* where they listen */
	struct qtfs_key *key;		/* that clients must have, or NULL; constant */

	struct qtfsd_stats __percpu *stats;
	struct kobject *kobj;
	struct dentry *debugfs;
};

extern struct qtfsd qtfsd;

/* log.c */
__printf(2, 3) void qtfsd_log(enum qtfsd_log_level level, const char *fmt, ...);

/* allow.c */
int qtfsd_allow_init(void);
void qtfsd_allow_exit(void);
bool qtfsd_allow_all(void);
bool qtfsd_allowed(const struct qtfs_conn *conn);

/* listen.c */
int qtfsd_listen_start(void);
void qtfsd_listen_stop(void);

/* peer.c */
void qtfsd_listener_init(struct qtfs_listener *listener);
void qtfsd_peer_close(struct qtfsd_peer *peer, int error);
void qtfsd_peers_stop(void);
bool qtfsd_peer_send(struct qtfsd_peer *peer, struct qtfs_frame *frame);
int qtfsd_peer_bad(struct qtfsd_peer *peer, enum qtfs_frame_error bad, const struct qtfs_hdr *hdr);

/* hello.c */
void qtfsd_hello(struct qtfsd_call *call);

/* auth.c */
int qtfsd_auth_init(void);
void qtfsd_auth_exit(void);
void qtfsd_auth(struct qtfsd_call *call);

/* call.c */
struct qtfsd_call *qtfsd_call_alloc(struct qtfsd_peer *peer, const struct qtfs_hdr *hdr,
				    const struct qtfs_req *req);
void qtfsd_call_free(struct qtfsd_call *call);
void qtfsd_call_drop(struct qtfsd_call *call);
void *qtfsd_call_alloc_data(struct qtfsd_call *call, u32 len);

/* Smaller data is in one buffer. */
#define QTFSD_PAGES_MIN		(16 << 10)

bool qtfsd_pages_alloc(struct qtfsd_pages *pages, u32 len);
void qtfsd_pages_free(struct qtfsd_pages *pages);
void qtfsd_pages_iter(const struct qtfsd_pages *pages, unsigned int dir, size_t len,
		      struct iov_iter *iter);
void qtfsd_pages_copy(const struct qtfsd_pages *pages, size_t len, void *to);
void qtfsd_data_put(struct qtfsd_data *data);
void qtfsd_reply(struct qtfsd_call *call, int error);
void qtfsd_reply_again(struct qtfsd_call *call);

static inline unsigned int qtfsd_call_op(const struct qtfsd_call *call)
{
	return le16_to_cpu(call->hdr.op);
}

/* Whether @call takes what it reads away, so that it can't be read again. */
static inline bool qtfsd_call_consumes(const struct qtfsd_call *call)
{
	return qtfsd_call_op(call) == QTFS_OP_READ && call->open &&
	       (S_ISFIFO(file_inode(call->open->file)->i_mode) ||
		!(call->open->file->f_mode & FMODE_LSEEK));
}

/* notify.c */
int qtfsd_notify_init(struct qtfsd_session *session);
void qtfsd_notify_exit(struct qtfsd_session *session);
void qtfsd_notify_all(struct qtfsd_session *session);
struct qtfsd_mark *qtfsd_mark_get(struct qtfsd_session *session, const struct path *path);
void qtfsd_mark_put(struct qtfsd_session *session, struct qtfsd_mark *qm);
void qtfsd_actor_enter(struct qtfsd_call *call);
void qtfsd_actor_leave(struct qtfsd_call *call);
void qtfsd_actor_interrupt(struct qtfsd_call *call);

void qtfsd_notify_number(struct qtfsd_session *session, u16 what, u64 number);
void qtfsd_notify_place(struct qtfsd_session *session, const struct qtfsd_node *node);

/* place.c */
long qtfsd_mounts_changed(void);
void qtfsd_place_check(const struct qtfsd_call *call, const struct qtfsd_node *node);

/* wait.c */
struct qtfsd_wait_ops {
	const char *name;		/* of the thread */
	/* Waits; -ERESTARTSYS after a signal.  In the thread. */
	int (*run)(struct qtfsd_wait *wait);
	void (*free)(struct qtfsd_wait *wait);
};

struct qtfsd_wait {
	const struct qtfsd_wait_ops *ops;
	struct list_head list;		/* session->waits */
	struct qtfsd_session *session;
	struct task_struct *task;
	u64 number;			/* the client's */
	struct completion over;
	int error;			/* what run() returned, once it's over */
};

int qtfsd_wait_start(struct qtfsd_session *session, struct qtfsd_wait *wait,
		     const struct qtfsd_wait_ops *ops, u64 number);
struct qtfsd_wait *qtfsd_wait_take(struct qtfsd_session *session, const struct qtfsd_wait_ops *ops,
				   u64 number, bool over, bool *found);
int qtfsd_wait_cancel(struct qtfsd_wait *wait);
void qtfsd_wait_free(struct qtfsd_wait *wait);
void qtfsd_waits_end(struct qtfsd_session *session);

/* fifo.c */
int qtfsd_fifo_begin(struct qtfsd_call *call);
void qtfsd_fifo_run(struct qtfsd_call *call);

/* poll.c */
void qtfsd_poll_run(struct qtfsd_call *call);
void qtfsd_poll_end(struct qtfsd_open *open);
/* lock.c */
void qtfsd_lock_run(struct qtfsd_call *call);
void qtfsd_locks_drop(struct qtfsd_open *open);
void qtfsd_locks_end(struct qtfsd_session *session);
unsigned int qtfsd_locks_count(struct qtfsd_session *session);

/* session.c */
struct qtfsd_session *qtfsd_session_join(struct qtfsd_peer *peer, const struct qtfs_hello *hello,
					 const char *label, size_t label_len);
struct qtfsd_session *qtfsd_session_get(const u8 *client, u64 epoch);
void qtfsd_session_leave(struct qtfsd_peer *peer);
void qtfsd_session_put(struct qtfsd_session *session);
void qtfsd_sessions_expire(void);
struct qtfsd_session *qtfsd_session_next(struct qtfsd_session *session);
int qtfsd_session_grant(struct qtfsd_session *session, u32 slots);
int qtfsd_sessions_grant(u32 slots);
void qtfsd_sessions_end(void);
void qtfsd_session_cancel(struct qtfsd_session *session, u32 slot, u64 seq);
enum qtfsd_claim qtfsd_session_claim(struct qtfsd_session *session, struct qtfsd_call *call);
void qtfsd_session_unclaim(struct qtfsd_session *session, struct qtfsd_call *call, bool replied);

/* node.c */
struct qtfsd_node *qtfsd_node_make(struct qtfsd_call *call, struct file *file,
				   bool attach_root);
struct qtfsd_node *qtfsd_node_loose(struct qtfsd_session *session, struct file *file);
struct qtfsd_node *qtfsd_node_get(struct qtfsd_session *session, u64 number);
struct qtfsd_node *qtfsd_node_next(struct qtfsd_session *session, unsigned long *index,
				   xa_mark_t mark);
void qtfsd_node_put(struct qtfsd_node *node);
void qtfsd_node_forget(struct qtfsd_session *session, u64 number);
void qtfsd_nodes_forget_all(struct qtfsd_session *session);
bool qtfsd_node_erase(struct qtfsd_node *node);

/* away.c */
int qtfsd_let_go(int fd);
int qtfsd_node_recall(struct qtfsd_node **nodep);
int qtfsd_node_id(const struct qtfsd_node *node, struct qtfsd_file_id *id);
void qtfsd_away_free(struct qtfsd_away *away);

/* handle.c */
void qtfsd_handle_make(struct qtfs_handle *handle, const struct path *path);
void qtfsd_handle_find(struct qtfsd_call *call);

/* open.c */
struct qtfsd_open *qtfsd_open_make(struct qtfsd_session *session, struct file *file, u32 flags,
				   u64 policy);
struct qtfsd_open *qtfsd_open_get(struct qtfsd_session *session, u64 number);
void qtfsd_open_put(struct qtfsd_open *open);
bool qtfsd_open_release(struct qtfsd_session *session, u64 number);
u32 qtfsd_opened_flags(const struct file *file, const struct qtfs_attr *attr);
void qtfsd_opens_release_all(struct qtfsd_session *session);

/* dispatch.c */
void qtfsd_dispatch(struct qtfsd_call *call);

/* readdir.c */
void qtfsd_listed_forget(struct qtfsd_call *call);

/* fastpath.c */
void qtfsd_fast_init(struct qtfsd_open *open);
bool qtfsd_fast_may(const struct qtfsd_call *call);
void qtfsd_fast_run(struct qtfsd_call *call);
void qtfsd_fast_read_small(struct qtfsd_call *call, struct qtfsd_open *open, u64 file_size);

/* channel.c */
void qtfsd_channel_init(void);
int qtfsd_channel_register(void);
void qtfsd_channel_unregister(void);
void qtfsd_channel_queue(struct qtfsd_call *call);
void qtfsd_channel_requeue(struct qtfsd_call *call);
struct qtfsd_call *qtfsd_channel_take(struct qtfsd_session *session, u32 slot, u64 seq);
void qtfsd_channel_forget_session(struct qtfsd_session *session);
bool qtfsd_channel_owns(const struct file *file);

/* ticket.c */
struct qtfs_uds_ticket;
int qtfsd_ticket_open(const struct qtfs_uds_ticket __user *arg);

/* uds.c */
int qtfsd_uds_register(void);
void qtfsd_uds_unregister(void);

/* slot.c */
#define QTFSD_PATH_BUFFER	(QTFS_SLOT_PATH_SIZE + 16)	/* for qtfsd_tell_path() */
const char *qtfsd_tell_path(const struct path *path, char *buf, bool *deleted);
void qtfsd_cslot_layout(struct qtfsd_channel *channel);
struct qtfsd_cslot *qtfsd_cslot_alloc(const struct qtfsd_channel *channel);
void qtfsd_cslot_free(struct qtfsd_cslot *cslot);
int qtfsd_cslot_fill(const struct qtfsd_channel *channel, struct qtfsd_cslot *cslot);
void qtfsd_cslot_abandon(const struct qtfsd_channel *channel, struct qtfsd_cslot *cslot);

/* answer.c */
int qtfsd_answer_commit(struct qtfsd_call *call, const struct qtfsd_channel *channel,
			const struct qtfs_slot *mem, bool engine_alive);

/* readdir.c */
int qtfsd_readdir_reply(struct qtfsd_call *call, const struct path *dir, u32 size,
			const void *row, u32 len, bool engine_alive);

/* process.c */
bool qtfsd_process_signals(const struct qtfs_process *args);
int qtfsd_process_signal(const struct qtfs_process *args,
			 const struct qtfs_process_target *target);

/* fileattr.c */
int qtfsd_fileattr_get(const struct qtfsd_node *node, struct qtfs_fileattr *rep);
int qtfsd_fileattr_set(const struct qtfsd_node *node, const struct qtfs_fileattr *args);

/* attr.c */
bool qtfsd_uncached(const struct inode *inode);
int qtfsd_attr_fill(struct qtfs_attr *attr, const struct path *path, bool attach_root);
int qtfsd_file_id(struct qtfsd_file_id *id, const struct path *path);

/* sysfs.c */
int qtfsd_sysfs_init(void);
void qtfsd_sysfs_exit(void);
int qtfsd_sysfs_add(struct qtfsd_session *session);
void qtfsd_sysfs_del(struct qtfsd_session *session);

/* debugfs.c */
void qtfsd_debugfs_add(struct qtfsd_session *session);
void qtfsd_debugfs_del(struct qtfsd_session *session);
void qtfsd_debugfs_init(void);
void qtfsd_debugfs_exit(void);

/*
 * Drops a reference to a file.  The module's own threads close it on the spot:
 * fput() would leave that to a work item, and a client that has its answer to
 * RELEASE or has gone would still keep things busy.
 */
static inline void qtfsd_fput(struct file *file)
{
	if (current->flags & PF_KTHREAD)
		__fput_sync(file);
	else
		fput(file);
}

/*
 * Numbers of nodes and opens: an index into the session's table, and a
 * generation above it so that a stale number is never another object.
 */
static inline u32 qtfsd_number_index(u64 number)
{
	return lower_32_bits(number);
}

static inline u64 qtfsd_number(struct qtfsd_session *session, u32 index)
{
	return index | (u64)(u32)atomic_inc_return(&session->generation) << 32;
}

#endif /* QTFSD_H */
