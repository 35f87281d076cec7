/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The session with a server, its connections, and the ways to it.
 */
#ifndef QTFS_SESSION_H
#define QTFS_SESSION_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/kobject.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "request.h"
#include "transport/opstat.h"

/*
 * A session with a server: connections and slots.  Held by every super block that
 * uses it.
 */
enum qtfs_session_state {
	QTFS_SESSION_CONNECTING,	/* never was connected */
	QTFS_SESSION_CONNECTED,
	QTFS_SESSION_SUSPECT,		/* connected, but the server says nothing */
	QTFS_SESSION_DOWN,
};

struct qtfs_key;

/* A connection of a session; see link.c. */
struct qtfs_link {
	struct qtfs_conn conn;
	struct qtfs_lane *lane;		/* in a session that it has a reference to */
	unsigned int route;		/* of the session's, by which it goes */
	bool usable;			/* to send requests on; under session->lock */
	bool broken;			/* likewise */
	bool leaving;			/* likewise: another one takes its place */
	unsigned long used;		/* jiffies, since when */
	unsigned long answers;		/* that have come; its thread's */
	unsigned long heard;		/* jiffies, the last frame */

	/* Keep-alive, see watch.c; under session->lock. */
	bool pinging;			/* no answer yet */
	bool ping_sending;		/* the frame is the connection's */
	bool suspect;
	unsigned long pinged;		/* jiffies */
	struct qtfs_frame ping;
	struct {
		struct qtfs_hdr hdr;
		struct qtfs_req req;
	} __packed ping_wire;

	/* Beginning, see qtfs_link_greeting(). */
	struct qtfs_auth_step {
		struct qtfs_frame frame;
		struct {
			struct qtfs_hdr hdr;
			struct qtfs_req req;
			struct qtfs_auth body;
		} __packed wire;
	} auth[2];
	struct qtfs_auth_rep auth_rep;
	bool proven;			/* the server has our key */
	bool greeted;			/* its thread's: HELLO was answered */
	int error;			/* of the last answer */
	unsigned long deadline;		/* for all answers, in jiffies */
	struct completion greeting;
	struct qtfs_hello_rep rep;
	struct qtfs_frame frame;
	struct {
		struct qtfs_hdr hdr;
		struct qtfs_req req;
		struct qtfs_hello body;
		char label[QTFS_LABEL_MAX];
	} __packed wire;
};

/* A place for a connection in a session. */
struct qtfs_lane {
	struct qtfs_session *session;
	unsigned int index;
	struct qtfs_link *link;		/* at the moment; under session->lock */
	struct qtfs_link *next;		/* that is being opened; likewise */
	unsigned int failures;		/* attempts in a row that were of no use */
	bool silent;			/* the first route was: the other is tried first */
	unsigned int relapses;		/* links of the first route in a row that didn't last */
	struct delayed_work work;
};

#define QTFS_LANES_MAX	8

/* A way to the server: an address by a transport.  A mount may name two. */
struct qtfs_route {
	const struct qtfs_transport *transport;
	struct qtfs_addr addr;
	bool crc;			/* wanted */
	bool told;			/* that another server is there */
};

#define QTFS_ROUTES_MAX	2

/* How long to wait for the server: mount options. */
struct qtfs_patience {
	bool soft;			/* requests time out */
	unsigned int timeo;		/* ms */
	unsigned int retrans;
};

#define QTFS_TIMEO_MS	15000
#define QTFS_RETRANS	3
#define QTFS_SLOW_MS	15000

/* What a session is made of. */
struct qtfs_session_config {
	struct qtfs_route routes[QTFS_ROUTES_MAX];
	unsigned int nr_routes;
	struct qtfs_patience patience;
	unsigned int nr_lanes;
	struct qtfs_key *key;		/* the session's from then on, or NULL */
};

struct qtfs_session {
	struct kref ref;		/* of the memory */
	struct qtfs_route routes[QTFS_ROUTES_MAX];
	unsigned int nr_routes;
	unsigned int route;		/* that the last link to be used goes by */
	struct net *net;
	u8 client[16];
	const struct cred *cred;	/* who has mounted it */

	/* Agreed by HELLO.  max_data is constant, the next two change with the epoch. */
	u32 max_data;
	u8 boot[16];
	u64 id;				/* the server's number for it */
	u32 nr_slots;			/* that new requests may use; under lock */
	u32 slots_top;			/* as many as ever could be used; likewise */

	struct qtfs_lane lanes[QTFS_LANES_MAX];
	unsigned int nr_lanes;		/* in use */
	struct mutex end_lock;		/* qtfs_session_abort() */
	struct delayed_work watch;
	unsigned int slow_ms;		/* what waits longer is told in the log; 0: none */

	struct qtfs_patience patience;	/* may change */
	struct qtfs_key *key;		/* that the server has to have, or NULL */

	/* See recover.c. */
	u64 epoch;			/* changes under lock */
	bool joined;			/* the server has a session of this epoch; likewise */
	bool recovering;		/* what is open is opened again; likewise */
	unsigned int boots;		/* of the server's machine that were noticed; likewise */
	u64 stamp_base;			/* the server's stamps begin here; likewise */
	struct list_head parked;	/* requests without a slot; likewise */
	wait_queue_head_t recover_queue;
	struct work_struct recover_work;
	spinlock_t unstable_lock;	/* the next two, see unstable.c */
	struct list_head unstable;	/* inodes */
	u64 unstable_seq;		/* counts writes */
	struct work_struct unstable_work;
	spinlock_t files_lock;		/* files */
	struct list_head files;		/* all open files */

	spinlock_t lock;		/* all below; a leaf but for nothing */
	enum qtfs_session_state state;
	int error;			/* why it has ended, for ever; 0 while it lives */
	struct qtfs_request **slots;	/* [QTFS_SLOTS_MAX] */
	u64 *seqs;			/* likewise: the last one used */
	unsigned long *free_slots;	/* bitmap */
	wait_queue_head_t slot_wait;

	/* Numbers to give back to the server; see node.c and open.c. */
	struct llist_head forgets;
	struct llist_head releases;
	atomic_t nr_forgets;		/* about so many */
	struct delayed_work give_back;

	/* What others changed, see notify.c. */
	struct super_block *sb;		/* set before and cleared after notify_work may run */
	bool quiet;			/* no more events are worked on */
	unsigned long missed;		/* bit 0: some came without memory for them */
	u64 stamp;			/* the server's events that have come */
	struct llist_head notifications;
	struct work_struct notify_work;
	atomic64_t version;		/* counts our own changes, see attr.c */

	u64 lock_key;			/* see lock.c */
	atomic64_t wait_number;		/* see wait.c */
	struct list_head waits;		/* under lock */
	wait_queue_head_t wait_queue;
	struct rb_root polled;		/* see poll.c; under lock */

	/* sysfs */
	struct kobject kobj;
	struct completion kobj_released;
	unsigned int mount_id;
	atomic64_t requests[QTFS_OP_END];
	atomic64_t errors[QTFS_OP_END];
	struct qtfs_opstat __percpu *opstats;	/* [QTFS_OP_END], see stats.c */
	struct dentry *debugfs;
	atomic64_t slot_waits;
	atomic64_t bad_frames;
	atomic64_t reconnects;
	atomic64_t moves;		/* links that were opened by another route than the last */
	atomic64_t resent;		/* requests that were sent again */
	atomic64_t late;		/* replies that nobody waited for any more */
	atomic64_t bytes_sent;		/* on links that are gone */
	atomic64_t bytes_received;
};

/* session.c */
/*
 * Connects to @addr.  Killable, and ends in less than ten seconds.  Returns the
 * session or an ERR_PTR(), whose reason was written to @fc's log.
 */
struct qtfs_session *qtfs_session_open(struct fs_context *fc,
				       const struct qtfs_session_config *config);
void qtfs_session_set_patience(struct qtfs_session *session, const struct qtfs_patience *patience);
/* Fails every request, now and for ever.  Sleeps. */
void qtfs_session_abort(struct qtfs_session *session);
void qtfs_session_quiesce(struct qtfs_session *session);
/* Ends the session: every request fails.  Sleeps; the memory may live on. */
void qtfs_session_close(struct qtfs_session *session);
struct qtfs_session *qtfs_session_get(struct qtfs_session *session);
void qtfs_session_put(struct qtfs_session *session);
int qtfs_session_begin(struct qtfs_session *session, const struct qtfs_hello_rep *rep);
int qtfs_session_begin_again(struct qtfs_session *session, const struct qtfs_hello_rep *rep);
bool qtfs_session_grant(struct qtfs_session *session, u32 slots);
void qtfs_session_update_state(struct qtfs_session *session);

/* How long a request may take on a soft mount, in ms. */
static inline unsigned int qtfs_session_patience(const struct qtfs_session *session)
{
	return READ_ONCE(session->patience.timeo) * (READ_ONCE(session->patience.retrans) + 1);
}

#endif /* QTFS_SESSION_H */
