/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: one remote procedure call each.  A caller describes what it wants
 * in a struct qtfs_rpc on its stack and gets the answer in the same.
 */
#ifndef QTFS_REQUEST_H
#define QTFS_REQUEST_H

#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/ktime.h>
#include <linux/refcount.h>
#include <linux/sched.h>

#include "ops.h"
#include "transport/transport.h"

struct qtfs_file;
struct qtfs_link;
struct qtfs_session;

/*
 * Memory for the data part of a frame, shared by the caller and the request,
 * so that a caller that was killed can leave while the frame is under way.
 */
struct qtfs_buf {
	refcount_t ref;
	size_t size;
	void *linear;			/* kvmalloc()ed, or NULL: pages */
	struct kvec kvec;		/* of linear, for iterators */
	bool pinned;			/* pages are a process's */
	bool pooled;			/* pages are from qtfs_pool_get() */
	unsigned int nr_bvecs;
	struct bio_vec bvecs[];		/* each has its page, holds a reference to it, or a pin */
};

/* Contiguous memory of @size bytes. */
struct qtfs_buf *qtfs_buf_alloc(size_t size, gfp_t gfp);
/* Memory for @size bytes, in pages of any size, with anything in it but with __GFP_ZERO. */
struct qtfs_buf *qtfs_buf_alloc_pages(size_t size, gfp_t gfp);
/* Room for @nr pages of somebody's, to be added by qtfs_buf_add_page(). */
struct qtfs_buf *qtfs_buf_alloc_empty(unsigned int nr, gfp_t gfp);
/* Takes a reference to @page. */
void qtfs_buf_add_page(struct qtfs_buf *buf, struct page *page, size_t len, size_t offset);
/*
 * Pins the memory of a process that @iter begins with, up to @max bytes, by which
 * @iter advances; less where a part can't be had.  Returns an ERR_PTR() if nothing can.
 */
struct qtfs_buf *qtfs_buf_pin(struct iov_iter *iter, size_t max);
/*
 * For one of qtfs_buf_alloc_pages(): fills it from @from, or @to with its first @len bytes.
 * Return how much was copied, less where the other side's memory can't be had.
 */
size_t qtfs_buf_copy_from(struct qtfs_buf *buf, struct iov_iter *from);
size_t qtfs_buf_copy_to(const struct qtfs_buf *buf, size_t len, struct iov_iter *to);
/* Doesn't sleep, and leaves it to others to mark what was received into as dirty. */
void qtfs_buf_put(struct qtfs_buf *buf);
/* An iterator over the first @len bytes; @dir is ITER_SOURCE or ITER_DEST. */
void qtfs_buf_iter(struct qtfs_buf *buf, unsigned int dir, size_t len, struct iov_iter *iter);

/*
 * How old an answer is.  Something may have changed since: the server says so
 * by events (stamp), and this client changes things itself (version); see attr.c
 * and notify.c.
 */
struct qtfs_age {
	u64 epoch;			/* of the session: what its numbers belong to */
	u64 stamp;			/* events counted when the operation began */
	u64 version;			/* session->version when it was asked for */
};

struct qtfs_name {
	const char *name;
	unsigned int len;
};

struct qtfs_rpc {
	enum qtfs_op op;
	struct dentry *dentry;		/* what it's done to or in */
	struct dentry *dentry2;		/* the second one, where there are two */
	struct dentry *known;		/* LOOKUP: the dentry of that name here, or NULL */
	struct qtfs_file *file;
	struct qtfs_file *from;		/* COPY */
	u64 node;			/* the server's numbers for these */
	u64 node2;
	u64 open;
	u64 from_open;
	u64 epoch;			/* of the session that these are of */
	u64 of_epoch;			/* must be: else -ESTALE; 0: any */
	struct inode *inode;		/* RENAME: what is renamed; WRITE: the file */
	const void *body;		/* as large as the operation's in ops.h */
	void *reply;			/* likewise; may be NULL */
	struct qtfs_name name[2];
	struct qtfs_buf *out;		/* data to send; borrowed */
	size_t out_len;
	struct qtfs_buf *in;		/* where data goes; borrowed */
	size_t in_max;
	size_t in_len;			/* result: how much came */
	struct qtfs_age age;		/* result: how old the answer is */
	const struct cred *cred;	/* on whose behalf; NULL: current's */
	unsigned long timeout;		/* jiffies, then -ETIMEDOUT; 0: none */
	/*
	 * Part of recover.c: sent while others wait, by somebody who may read and
	 * write everything, and not repeated but answered with -QTFS_RESTARTED.
	 */
	bool recovery;
	bool sent;			/* result: the server may have seen it */
};

/* Beyond every errno: the server was restarted before it had answered. */
#define QTFS_RESTARTED	(QTFS_ERRNO_MAX + 1)

struct qtfs_request {
	struct qtfs_frame frame;
	refcount_t ref;			/* caller, frame under way, slot table */
	struct qtfs_session *session;
	struct list_head list;		/* session->parked, see epoch.c */
	struct qtfs_file *file;		/* with a reference, if it can be parked */
	struct qtfs_link *link;		/* where it was sent; under session->lock */
	bool sending;			/* the frame is a link's; likewise */
	bool receiving;			/* its reply is coming in; likewise */
	unsigned int attempts;		/* how often it was sent; likewise */
	enum qtfs_op op;
	u32 slot;
	u64 seq;
	u64 known_node;			/* LOOKUP's node2: not new if it comes back */
	ktime_t started;
	unsigned long asked;		/* jiffies */
	unsigned long sent;		/* jiffies, the last time; under session->lock */
	unsigned int retries;		/* on a link that works; likewise */
	pid_t pid;
	char comm[TASK_COMM_LEN];
	bool told_slow;			/* likewise */
	bool abandoned;			/* nobody waits; likewise */
	int error;			/* the result: 0 or negative errno */
	struct qtfs_age age;

	struct qtfs_buf *out;
	struct qtfs_buf *in;
	size_t in_max;
	size_t in_len;
	u64 reply[28];			/* the reply's body */

	struct completion done;
	/*
	 * If set, called instead of completing @done: in a link's thread or a
	 * worker, must not wait for another request.
	 */
	void (*complete)(struct qtfs_request *req);
	void *private;

	size_t head_len;
	u8 head[] __aligned(8);
};

/*
 * Runs @rpc and waits, killable, for its result.  Returns 0, the server's
 * errno, -EINTR after a fatal signal (what became of the request is then
 * unknown, and objects that its reply brings are given back), -EIO when the
 * session has ended, -ETIMEDOUT if a time-out was asked for or the mount is soft,
 * -ENOMEM.  Process context, no spinlocks held.
 */
int qtfs_rpc_call(struct qtfs_session *session, struct qtfs_rpc *rpc);

/*
 * Starts @rpc and returns: @complete(req) is called once if 0 was returned, with
 * req->error, req->in_len and req->private set.  Waits for a slot if @wait, else
 * -EAGAIN.  @complete NULL: nobody cares.
 */
int qtfs_rpc_start(struct qtfs_session *session, struct qtfs_rpc *rpc, bool wait,
		   void (*complete)(struct qtfs_request *req), void *private);

void qtfs_request_put(struct qtfs_request *req);

/*
 * For reply.c and epoch.c.  Gives @req a slot, with a reference: 0, -EAGAIN if none is
 * free and !@wait, -EINTR, -ETIMEDOUT on a soft mount, -QTFS_RESTARTED if @req is of an
 * earlier epoch, or why the session has ended.
 */
int qtfs_slot_get(struct qtfs_session *session, struct qtfs_request *req, bool wait);
/* Takes @req out of its slot: the caller ends it and inherits the slot's reference. */
void qtfs_slot_put_locked(struct qtfs_session *session, struct qtfs_request *req);
/*
 * Sends @req on a link, if there is one and it isn't under way; else it waits for
 * one in its slot.  The caller has a reference.
 */
void qtfs_request_send(struct qtfs_session *session, struct qtfs_request *req);
/* Ends @req, which is in no slot, with @error; takes over the slot's reference. */
void qtfs_request_end(struct qtfs_request *req, int error);

/* reply.c, for link.c: receives one reply. */
int qtfs_request_receive(struct qtfs_link *link);
/* Counts and tells a bad frame.  Returns the error that closes the connection. */
int qtfs_bad_frame(struct qtfs_session *session, unsigned int bad);
/* Gives back objects that the reply to @req brought, for which nobody waits. */
void qtfs_reply_give_back(struct qtfs_request *req);

/* The links' side, for link.c and watch.c. */
void qtfs_request_retry(struct qtfs_request *req, unsigned int timeo);
void qtfs_request_time_out(struct qtfs_request *req);
void qtfs_requests_detach(struct qtfs_session *session, struct qtfs_link *link);
void qtfs_requests_resend(struct qtfs_session *session);

/* epoch.c, for recover.c, watch.c and session.c. */
bool qtfs_requests_restart(struct qtfs_session *session, u64 epoch);
void qtfs_requests_unpark(struct qtfs_session *session);
void qtfs_requests_time_out_parked(struct qtfs_session *session);
void qtfs_requests_fail(struct qtfs_session *session, int error);

#endif /* QTFS_REQUEST_H */
