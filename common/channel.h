/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The channel between qtfs_server.ko and the engine: /dev/qtfs_server.
 *
 * The module holds every object; the engine decides and calls.  One process
 * has the device open (a second open is EBUSY).  It adds a slot for each of its
 * threads and maps the slot's memory at offset index * stride; the thread runs
 *
 *	for (;;)
 *		ioctl(fd, QTFS_CHANNEL_NEXT, index);
 *
 * where one call commits the answer found in the slot, if its state is DONE,
 * and waits for the next request, which it leaves there in state FETCHED:
 * headers as they came over the wire (checked), the arguments, the request's
 * data, a descriptor for each object that the request names, and the path of
 * each node at this moment.  The engine owns those descriptors and closes them.
 * The descriptor of an answer is the other way round: NEXT takes it out of the
 * engine's table, whatever it returns, because a thread that waits for its next
 * request must not keep a file open that the client closes meanwhile.
 *
 * Slot memory belongs to the module and outlives the engine.  When the device
 * is closed, however that came about, a slot in state FETCHED is queued again,
 * DONE is committed as far as it needs no descriptors, and EXECUTING is queued
 * again with QTFS_SLOT_RESENT and with the engine's note as it was left.  A
 * thread that is killed by a fault of its own (SIGSEGV, SIGABRT ...) says so in
 * the slot; a request that did this to QTFS_CHANNEL_CRASHES engines is answered
 * with EIO, so that it doesn't do it to all that follow.
 *
 * Nothing in the slot is believed: the module copies each field of the answer
 * once, then checks it.
 */
#ifndef QTFS_CHANNEL_H
#define QTFS_CHANNEL_H

#include <linux/ioctl.h>

#include "frame.h"

#define QTFS_CHANNEL_DEV	"/dev/qtfs_server"
#define QTFS_CHANNEL_VERSION	2

/* qtfs_slot.state, written by the module (M) and by the engine (E) */
#define QTFS_SLOT_IDLE		0	/* M: nothing in it */
#define QTFS_SLOT_FETCHED	1	/* M: a request, not begun */
#define QTFS_SLOT_EXECUTING	2	/* E: about to change something */
#define QTFS_SLOT_DONE		3	/* E: the answer is complete */

/* qtfs_slot.flags */
#define QTFS_SLOT_RESENT	0x01	/* an engine died while executing it */
#define QTFS_SLOT_DELETED0	0x02	/* node 0 has no name any more */
#define QTFS_SLOT_DELETED1	0x04	/* likewise node 1 */

/* qtfs_slot.fd[] */
#define QTFS_SLOT_NODE		0	/* O_PATH */
#define QTFS_SLOT_NODE2		1	/* O_PATH */
#define QTFS_SLOT_OPEN		2	/* the open file */
#define QTFS_SLOT_FDS		3

#define QTFS_SLOT_PATH_SIZE	16384	/* longest path, with its NUL */
#define QTFS_SLOT_BODY_MAX	256
#define QTFS_SLOT_NOTE_SIZE	512
#define QTFS_CHANNEL_CRASHES	3

/*
 * A slot's memory begins with this structure.  Arguments, paths and data
 * follow at the offsets that QTFS_CHANNEL_SETUP told.
 */
struct qtfs_slot {
	__u32 state;			/* QTFS_SLOT_IDLE ...; release and acquire */
	__u32 flags;
	__u64 session;			/* which client, for messages */

	/* the request */
	struct qtfs_hdr hdr;
	struct qtfs_req req;
	__s32 fd[QTFS_SLOT_FDS];	/* -1 where the request names none */
	__u32 path_len[2];		/* 0 where there is no such node */
	__u32 open_flags;		/* QTFS_O_* that the open was made with */

	/* the answer; fd and body as reply_kind in docs/design.md says */
	__u32 status;			/* 0 or a Linux errno */
	__u32 reply_flags;		/* QTFS_OPENED_CREATED */
	__s32 reply_fd;			/* a node's or an open's, else -1; NEXT closes it */
	__u32 data_len;
	__u32 crashed;			/* 1: carrying it out is what kills the engine */
	__u32 reserved;
	__u64 body[QTFS_SLOT_BODY_MAX / 8];

	__u8 note[QTFS_SLOT_NOTE_SIZE];	/* the engine's, not read by the module */
};

/*
 * The body of the answer to PROCESS with KILL and KILL_GROUP: who is to get the signal,
 * which the module sends, as the caller, when it takes the answer.  So a signal that the
 * engine died with was either sent and answered, or neither.
 */
struct qtfs_process_target {
	__u32 pid;			/* or the group, as the engine sees it */
	__u32 reserved;
	__u64 start;			/* the process's, in ticks as in /proc/PID/stat */
};

struct qtfs_channel_setup {
	__u32 version;			/* in: QTFS_CHANNEL_VERSION; out: the module's */
	__u32 max_slots;		/* out */
	__u64 stride;			/* out: bytes of one slot, whole pages */
	__u64 args_offset;		/* out: body, groups and names of the request */
	__u64 path_offset[2];		/* out: the paths of node and node2 */
	__u64 data_offset;		/* out: data, of the request or of the answer */
	__u64 data_size;		/* out */
	__u32 crashes;			/* out: engines in a row that died without an answer */
	__u32 reserved;
};

#define QTFS_CHANNEL_TYPE	0xf7

/*
 * First of all.  EPROTONOSUPPORT if the versions differ (out fields are set),
 * EBUSY if it was done already.
 */
#define QTFS_CHANNEL_SETUP	_IOWR(QTFS_CHANNEL_TYPE, 1, struct qtfs_channel_setup)

/* Adds a slot and returns its index.  ENOSPC beyond max_slots, ENOMEM. */
#define QTFS_CHANNEL_ADD_SLOT	_IO(QTFS_CHANNEL_TYPE, 2)

/*
 * The whitelist is loaded and threads may be served from now on; again after
 * each change of the whitelist.  What the module granted on its own by the old
 * one is void when the call returns.
 */
#define QTFS_CHANNEL_READY	_IO(QTFS_CHANNEL_TYPE, 3)

/*
 * Argument: the slot's index.  Commits, then waits.  Returns 0 with a request
 * in the slot, EINTR after a signal or when the thread has to pass through user
 * space before it waits (call again), ESHUTDOWN after QTFS_CHANNEL_STOP (the
 * answer is committed in each case), EBUSY if another thread is in NEXT with the
 * same slot, EPROTO if the answer was unusable (its
 * request is then answered with EIO, and the slot is idle).
 */
#define QTFS_CHANNEL_NEXT	_IO(QTFS_CHANNEL_TYPE, 4)

/* No more requests are handed out; threads in NEXT return ESHUTDOWN. */
#define QTFS_CHANNEL_STOP	_IO(QTFS_CHANNEL_TYPE, 5)

/*
 * Lets go of nodes that no request is at, in all sessions: the mounts that they are
 * on may be unmounted then, and who names one of them again gets it by its path.
 * Argument: a descriptor, for those on its mount; or -1, for those that were not used
 * for a while and are on another mount than their session's root.  Returns how many
 * open files sessions have on the descriptor's mount; their clients are asked to give
 * back those that they don't use.  Paths are those of the calling process's root.
 */
#define QTFS_CHANNEL_LET_GO	_IO(QTFS_CHANNEL_TYPE, 6)

/*
 * Something was mounted or unmounted: clients are to ask again for the names where that
 * may have been.
 */
#define QTFS_CHANNEL_MOUNTS	_IO(QTFS_CHANNEL_TYPE, 7)

#endif /* QTFS_CHANNEL_H */
