/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Between the modules and udsproxyd.
 *
 * qtfs.ko: /dev/qtfs_uds, for root, open once at a time.
 *
 * When a program connects to a socket on a mount, the module asks here for somebody
 * who listens in the place of the server's program.  A read(2) returns one event,
 * EAGAIN if there is none, and poll(2) says when there is one; the program waits
 * until the event is answered by QTFS_UDS_DONE, or for some seconds.
 *
 * The kernel finds a listener by the inode of the socket's file.  QTFS_UDS_DIR
 * returns a descriptor (O_PATH) of a directory that no path leads to, and in which
 * bind(2) of any new name makes a name of that very inode: what is bound there is
 * found under every name that the file has.  For as long as something is bound there,
 * nobody is asked about the inode again.
 *
 * What is bound doesn't keep the mount busy; but it does keep the file system alive
 * that was mounted, so that who listens has to close what belongs to a device that
 * isn't mounted any more.
 *
 * An event of the kind QTFS_UDS_MADE says that a program of this machine has made a
 * socket on a mount; nobody waits.  Who opens the device is told of all that were made
 * before, too.  QTFS_UDS_FILE returns a descriptor (O_PATH) of its file, to connect to
 * the program by, which doesn't keep the mount busy either.
 *
 * qtfs_server.ko: /dev/qtfs_server_uds, for root.  QTFS_UDS_NAMES returns a directory
 * like that of QTFS_UDS_DIR, for the file of any socket.
 *
 * A file that is open on a mount and passed to a program of the server: QTFS_UDS_TICKET,
 * of the file itself, for CAP_SYS_ADMIN, says what the server knows it by, after all
 * that was written to it has been sent there.  QTFS_UDS_OPEN of /dev/qtfs_server_uds
 * returns a descriptor of the same file.  It is an open file of its own, since flags
 * that a program of the server sets would change what the client's writes do; so it
 * begins at the same offset, and then has its own.
 */
#ifndef QTFS_UDS_H
#define QTFS_UDS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define QTFS_UDS_DEV		"/dev/qtfs_uds"
#define QTFS_UDS_SERVER_DEV	"/dev/qtfs_server_uds"
#define QTFS_UDS_PATH_SIZE	4096	/* longest path, with its NUL */

enum qtfs_uds_kind {
	QTFS_UDS_CONNECT,		/* a program waits for QTFS_UDS_DONE */
	QTFS_UDS_MADE,			/* a program has made the socket */
};

struct qtfs_uds_event {
	__u64 id;
	__u32 kind;			/* enum qtfs_uds_kind */
	__u32 pad;			/* 0 */
	__u32 major;			/* st_dev of the mount's root */
	__u32 minor;
	__u64 ino;			/* st_ino of the socket */
	__u32 prefix;			/* bytes of path that are the mount's root */
	__u32 path_len;			/* without its NUL */
	char path[QTFS_UDS_PATH_SIZE];	/* of the socket, on the server */
};

struct qtfs_uds_dir {
	__u64 id;			/* in: an event; a program that waits isn't answered yet */
	__s32 mount;			/* in: a descriptor of anything on a mount of its device */
	__s32 pad;			/* in: 0 */
};

#define QTFS_UDS_TYPE	0xf8

/*
 * Returns a descriptor.  ENOENT: no such event (its program may have been killed),
 * EXDEV: the mount is another file system's, EINVAL: not a mount of the caller's.
 */
#define QTFS_UDS_DIR	_IOW(QTFS_UDS_TYPE, 1, struct qtfs_uds_dir)

/* Argument: a pointer to the event's id.  ENOENT. */
#define QTFS_UDS_DONE	_IOW(QTFS_UDS_TYPE, 2, __u64)

/* As QTFS_UDS_DIR.  ENOENT: the socket has no name any more. */
#define QTFS_UDS_FILE	_IOW(QTFS_UDS_TYPE, 3, struct qtfs_uds_dir)

/* Argument: a pointer to an O_PATH descriptor.  Returns a descriptor; ENOTSOCK. */
#define QTFS_UDS_NAMES	_IOW(QTFS_UDS_TYPE, 4, __s32)

/* An open file of a client.  client is known to nobody but it and the server. */
struct qtfs_uds_ticket {
	__u8 client[16];
	__u64 epoch;
	__u64 open;
	__u64 offset;			/* where the next read(2) would begin */
	__u32 flags;			/* QTFS_O_* of wire.h, among QTFS_UDS_FLAGS */
	__u32 pad;			/* 0 */
};

/* What stays of the flags; they are Linux's own numbers on all machines. */
#define QTFS_UDS_FLAGS	(QTFS_O_ACCMODE | QTFS_O_APPEND | QTFS_O_NONBLOCK | QTFS_O_DSYNC | \
			 QTFS_O_SYNC | QTFS_O_NOATIME)

/* ENOTTY: it's no file of a mount; EPERM; else why it couldn't be written back. */
#define QTFS_UDS_TICKET	_IOR(QTFS_UDS_TYPE, 5, struct qtfs_uds_ticket)

/*
 * Returns a descriptor.  ENOENT: no client has that open, EACCES: not for reading or
 * writing, EINVAL: it isn't a regular file, or the flags are wrong.
 */
#define QTFS_UDS_OPEN	_IOW(QTFS_UDS_TYPE, 6, struct qtfs_uds_ticket)

#endif /* QTFS_UDS_H */
