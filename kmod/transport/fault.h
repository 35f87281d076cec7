/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection, for tests: see fault.c.  Without QTFS_FAULT nothing of it is
 * compiled.
 */
#ifndef QTFS_FAULT_H
#define QTFS_FAULT_H

#include <linux/types.h>
#include <linux/uio.h>

struct dentry;

enum qtfs_fault {
	QTFS_FAULT_TX_DROP,		/* a frame is not sent, and nobody is told */
	QTFS_FAULT_DELAY,		/* ms= before a frame is sent */
	QTFS_FAULT_DUP,			/* a frame is sent twice */
	QTFS_FAULT_SHORT_SEND,		/* a frame goes out in pieces of bytes= */
	QTFS_FAULT_DISCONNECT,		/* the connection breaks after bytes= of a frame */
	QTFS_FAULT_CORRUPT,		/* a bit of a frame is another one */
	QTFS_FAULT_DROP_REPLY,		/* server: executed, and the connection breaks */
	QTFS_FAULT_FORGET,		/* server: executed, and no reply is kept */
	QTFS_FAULT_FAIL,		/* error= instead of the operation */
	QTFS_FAULT_EVENT,		/* server: ms= before an event is queued */
	QTFS_FAULTS
};

struct qtfs_frame;

#ifdef QTFS_FAULT
/* What befalls a frame on its way out. */
struct qtfs_frame_fault {
	bool begun;
	bool dup;
	bool cut;
	bool corrupt;
	size_t cut_at;			/* bytes that still go out, if @cut */
	size_t piece;			/* 0: any size */
	struct iov_iter data;		/* for @dup */
};

/* Whether @fault befalls operation @op now; *@value is its argument. */
bool qtfs_fault(enum qtfs_fault fault, unsigned int op, unsigned int *value);
/* Makes the file "fault" in @dir. */
void qtfs_fault_init(struct dentry *dir);

/* For conn.c.  Whether @frame, which is about to be sent, shall be. */
bool qtfs_fault_begin(struct qtfs_frame *frame);
/* Whether @frame, which has been sent, shall be sent once more. */
bool qtfs_fault_again(struct qtfs_frame *frame);
/* How many of the next @len bytes may be sent at once; 0: the connection breaks. */
size_t qtfs_fault_limit(struct qtfs_frame *frame, size_t len);
void qtfs_fault_sent(struct qtfs_frame *frame, ssize_t n);
/* Makes a bit of the head another one, and right again. */
void qtfs_fault_flip(struct qtfs_frame *frame);
#else
struct qtfs_frame_fault {};

static inline bool qtfs_fault(enum qtfs_fault fault, unsigned int op, unsigned int *value)
{
	return false;
}

static inline void qtfs_fault_init(struct dentry *dir)
{
}

static inline bool qtfs_fault_begin(struct qtfs_frame *frame)
{
	return true;
}

static inline bool qtfs_fault_again(struct qtfs_frame *frame)
{
	return false;
}

static inline size_t qtfs_fault_limit(struct qtfs_frame *frame, size_t len)
{
	return len;
}

static inline void qtfs_fault_sent(struct qtfs_frame *frame, ssize_t n)
{
}

static inline void qtfs_fault_flip(struct qtfs_frame *frame)
{
}
#endif

#endif /* QTFS_FAULT_H */
