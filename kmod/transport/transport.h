/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The seam between the protocol and what carries it.
 *
 * A transport moves bytes, reliably and in order, and knows nothing of frames.
 * A connection (struct qtfs_conn) adds what every transport needs once: a queue
 * of outgoing frames that anybody may append to without waiting for the peer,
 * and a thread that receives.  Both modules use it, the client and the server
 * side of a connection differ only in their qtfs_conn_ops.
 */
#ifndef QTFS_TRANSPORT_H
#define QTFS_TRANSPORT_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "fault.h"
#include "wire.h"

struct net;
struct qtfs_conn;
struct qtfs_listener;

struct qtfs_addr {
	struct net *net;		/* network name space; the owner holds it */
	union {				/* what the transport's parse() made */
		struct sockaddr_storage ss;
		char name[64];
	};
	char text[80];			/* for people: "tcp 10.0.0.1:12345" */
};

/* One outgoing frame.  Its memory belongs to the sender until done() is called. */
struct qtfs_frame {
	struct list_head list;
	struct kvec head;		/* headers, body, groups and names */
	struct iov_iter data;		/* ITER_KVEC or ITER_BVEC, ITER_SOURCE */
	size_t head_sent;
	/* The pages of data don't change while anybody has a reference to them. */
	bool lend;
	struct qtfs_frame_fault fault;
	/*
	 * Called once, in process context and without locks: the frame was
	 * handed to the transport (@error 0) or never will be.  After 0 the
	 * transport needs neither head nor data any more, but may have references
	 * to the pages of data if these were lent.
	 */
	void (*done)(struct qtfs_frame *frame, int error);
};

/* How to send: */
#define QTFS_SEND_MORE	BIT(0)		/* the rest of the frame follows at once */
#define QTFS_SEND_WAIT	BIT(1)		/* wait for room, else -EAGAIN */
#define QTFS_SEND_LENT	BIT(2)		/* pages may be taken by reference */

/*
 * Every function runs in process context and may sleep.  send() and recv() are
 * called by one thread at a time each, shutdown() by anybody at any time.
 */
struct qtfs_transport {
	const char *name;
	const char *option;		/* that names a server when mounting, if any does */
	bool has_port;
	bool nameless;			/* finds a server without being told a name */
	bool single;			/* one connection between two machines */
	bool wants_crc;			/* unless the mount says otherwise */

	/*
	 * Turns what the user wrote into @addr.  -EINVAL if it's no address of
	 * this transport.
	 */
	int (*parse)(struct qtfs_addr *addr, const char *host, unsigned int port);

	/* Killable; -ETIMEDOUT after @timeout jiffies. */
	int (*connect)(struct qtfs_conn *conn, const struct qtfs_addr *addr,
		       unsigned long timeout);

	int (*listen)(struct qtfs_listener *listener, const struct qtfs_addr *addr);
	/* Waits for a peer and gives @conn to it. */
	int (*accept)(struct qtfs_listener *listener, struct qtfs_conn *conn);
	/* Makes accept() fail from now on. */
	void (*shutdown_listener)(struct qtfs_listener *listener);
	/* Frees what listen() made; nobody is in accept(). */
	void (*unlisten)(struct qtfs_listener *listener);

	/* Sends from @from and advances it by what it returns; @how: QTFS_SEND_*. */
	ssize_t (*send)(struct qtfs_conn *conn, struct iov_iter *from, unsigned int how);

	/* Fills all of @to or fails; -EPIPE when the peer closed. */
	int (*recv)(struct qtfs_conn *conn, struct iov_iter *to);
	/*
	 * Waits for at least one byte and takes up to @len of what is there.  Returns how
	 * many, or an error.  NULL where recv() of a few bytes costs next to nothing.
	 */
	ssize_t (*recv_some)(struct qtfs_conn *conn, void *buf, size_t len);

	/*
	 * Makes waiting send() and recv() fail soon.  Any number of times, also
	 * before connect() or accept().
	 */
	void (*shutdown)(struct qtfs_conn *conn);

	/*
	 * Frees what connect() or accept() made, perhaps nothing; nobody is in
	 * another function, nor will be.
	 */
	void (*close)(struct qtfs_conn *conn);
};

struct qtfs_conn_ops {
	/*
	 * Receives one frame with qtfs_conn_recv().  In the connection's
	 * thread.  An error closes the connection.
	 */
	int (*receive)(struct qtfs_conn *conn);

	/*
	 * The last call from the connection's thread, with the first error that
	 * befell the connection; not made if the thread was stopped before it
	 * began.  Somebody must then call qtfs_conn_stop(), but not from here.
	 */
	void (*closed)(struct qtfs_conn *conn, int error);

	/* The last reference is gone: free what contains @conn. */
	void (*release)(struct qtfs_conn *conn);
};

struct qtfs_conn {
	const struct qtfs_transport *transport;
	const struct qtfs_conn_ops *ops;
	struct kref ref;
	void *priv;			/* the transport's: a struct socket ... */
	char peer[80];			/* the other end's address, for people */
	struct sockaddr_storage from;	/* and where it connected from, by a network */

	/*
	 * Frames have a sum: from the time when both sides have agreed to it,
	 * and none but the thread that receives is using the connection.
	 */
	bool crc;
	u32 rx_crc;			/* of the frame that is coming in */
	__le32 rx_crc_said;

	/* What came along with what was asked for: the receiving thread's. */
	u8 *rx_buf;
	size_t rx_pos;
	size_t rx_end;

	struct task_struct *rx_task;
	int error;			/* the first one, 0 while it works */

	struct mutex down_lock;		/* closed; orders shutdown() and close() */
	bool closed;

	spinlock_t tx_lock;		/* tx_queue, tx_busy, error; a leaf lock */
	struct list_head tx_queue;
	bool tx_busy;			/* somebody is sending from tx_queue */
	struct work_struct tx_work;

	atomic64_t bytes_sent;
	atomic64_t bytes_received;
};

struct qtfs_listener {
	const struct qtfs_transport *transport;
	void *priv;
	struct task_struct *task;
	struct qtfs_addr addr;
	/*
	 * Makes an initialised connection to accept into, NULL if there is no
	 * room for one.  In the listener's thread.
	 */
	struct qtfs_conn *(*alloc)(struct qtfs_listener *listener);
	/* The peer has connected: qtfs_conn_start() it, or stop and put it. */
	void (*accepted)(struct qtfs_listener *listener, struct qtfs_conn *conn);
};

/* conn.c */
int qtfs_transport_init(const char *name);
void qtfs_transport_exit(void);
const struct qtfs_transport *qtfs_transport_find(const char *name);
/* The transport whose servers the mount option @option names. */
const struct qtfs_transport *qtfs_transport_of_option(const char *option);

void qtfs_conn_init(struct qtfs_conn *conn, const struct qtfs_transport *transport,
		    const struct qtfs_conn_ops *ops);
/*
 * Starts the thread that receives.  After an error (-ENOMEM, -EINTR) nothing
 * runs and closed() is not called; qtfs_conn_stop() is still due.
 */
int qtfs_conn_start(struct qtfs_conn *conn, const char *thread_name);
/* Appends @frame.  Always takes it: done() is called, perhaps before return. */
void qtfs_conn_send(struct qtfs_conn *conn, struct qtfs_frame *frame);
/* Only from receive().  Fills the buffer or fails. */
int qtfs_conn_recv(struct qtfs_conn *conn, void *buf, size_t len);
int qtfs_conn_recv_iter(struct qtfs_conn *conn, struct iov_iter *to);
/* Likewise, a frame's header, where it begins. */
int qtfs_conn_recv_hdr(struct qtfs_conn *conn, struct qtfs_hdr *hdr);
/* Whether the frame that has come in since then is what was sent. */
bool qtfs_conn_crc_good(const struct qtfs_conn *conn);
/* Reads and drops @len bytes. */
int qtfs_conn_discard(struct qtfs_conn *conn, size_t len);
/* Breaks the connection for the reason @error; at once, from anywhere. */
void qtfs_conn_shutdown(struct qtfs_conn *conn, int error);
/*
 * Breaks it and waits until its thread and its sender are gone and every frame
 * is done.  Exactly once for each connection; not from its own callbacks.
 */
void qtfs_conn_stop(struct qtfs_conn *conn);
void qtfs_conn_get(struct qtfs_conn *conn);
void qtfs_conn_put(struct qtfs_conn *conn);

/* pool.c: memory for the data of frames */
struct page *qtfs_pool_get(size_t want, gfp_t gfp, size_t *len);
void qtfs_pool_put(struct page *page);
void qtfs_pool_exit(void);

/* crc.c */
void qtfs_crc_init(void);
void qtfs_crc_exit(void);
bool qtfs_crc_available(void);
u32 qtfs_crc(u32 crc, const void *p, size_t len);
u32 qtfs_crc_iter(u32 crc, const struct iov_iter *iter);
void qtfs_crc_seal(struct qtfs_frame *frame);

/* listener.c */
int qtfs_listener_start(struct qtfs_listener *listener, const struct qtfs_transport *transport,
			const struct qtfs_addr *addr);
void qtfs_listener_stop(struct qtfs_listener *listener);

/* The transports */
extern const struct qtfs_transport qtfs_transport_tcp;
extern const struct qtfs_transport qtfs_transport_vsock;
extern const struct qtfs_transport qtfs_transport_pcie;
extern const struct qtfs_transport qtfs_transport_loop;

#endif /* QTFS_TRANSPORT_H */
