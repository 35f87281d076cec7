/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The operations of the wire protocol and what each one carries.  The one
 * table from which framing is checked, requests are dispatched, counters are
 * named and the protocol's documentation is tested.  To add an operation, add
 * a line here and its structures to wire.h.
 */
#ifndef QTFS_OPS_H
#define QTFS_OPS_H

#include "wire.h"

/* Which objects a request names: REQUIRED, or OPTIONAL; else zero. */
#define QTFS_HAS_NODE		0x0001
#define QTFS_HAS_NODE2		0x0002
#define QTFS_MAY_NODE2		0x0004
#define QTFS_HAS_OPEN		0x0008
#define QTFS_MAY_OPEN		0x0010
/* Which side sends data. */
#define QTFS_DATA_OUT		0x0020	/* the request */
#define QTFS_DATA_IN		0x0040	/* the reply */
/* What the server does with it. */
#define QTFS_ONE_WAY		0x0080	/* no slot and no reply */
#define QTFS_CHANGES		0x0100	/* running it twice is not running it once */
#define QTFS_HANDSHAKE		0x0200	/* only before a session exists */
#define QTFS_FROM_SERVER	0x0400	/* sent as a reply that nobody asked for */
#define QTFS_MAY_SLOT		0x0800	/* with a slot or without */

/* What a name may be. */
enum qtfs_name_kind {
	QTFS_NAME_NONE,		/* absent */
	QTFS_NAME_COMPONENT,	/* 1..255 bytes, no '/', not "." or ".." */
	QTFS_NAME_PATH,		/* 1..4095 bytes, begins with '/' */
	QTFS_NAME_TARGET,	/* 1..4095 bytes */
	QTFS_NAME_XATTR,	/* 1..255 bytes */
	QTFS_NAME_LABEL,	/* 0..64 bytes of printable ASCII */
	QTFS_NAME_TEXT,		/* 0..4095 bytes */
};

/*	number, NAME, flags, name 0, name 1, request body, reply body	*/
#define QTFS_OPS(X)							\
	X(1, HELLO, QTFS_HANDSHAKE, LABEL, NONE,			\
	  sizeof(struct qtfs_hello), sizeof(struct qtfs_hello_rep))	\
	X(2, ATTACH, 0, PATH, NONE,					\
	  0, sizeof(struct qtfs_entry_rep))				\
	X(3, FORGET, QTFS_DATA_OUT, NONE, NONE,				\
	  0, 0)								\
	X(4, LOOKUP, QTFS_HAS_NODE | QTFS_MAY_NODE2, COMPONENT, NONE,	\
	  0, sizeof(struct qtfs_entry_rep))				\
	X(5, GETATTR, QTFS_HAS_NODE | QTFS_MAY_OPEN, NONE, NONE,	\
	  0, sizeof(struct qtfs_attr_rep))				\
	X(6, SETATTR, QTFS_HAS_NODE | QTFS_MAY_OPEN | QTFS_CHANGES,	\
	  NONE, NONE,							\
	  sizeof(struct qtfs_setattr), sizeof(struct qtfs_attr_rep))	\
	X(7, READLINK, QTFS_HAS_NODE | QTFS_DATA_IN, NONE, NONE,	\
	  0, 0)								\
	X(8, MKDIR, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, NONE,	\
	  sizeof(struct qtfs_mkdir), sizeof(struct qtfs_entry_rep))	\
	X(9, MKNOD, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, NONE,	\
	  sizeof(struct qtfs_mknod), sizeof(struct qtfs_entry_rep))	\
	X(10, SYMLINK, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, TARGET,	\
	  0, sizeof(struct qtfs_entry_rep))				\
	X(11, LINK, QTFS_HAS_NODE | QTFS_HAS_NODE2 | QTFS_CHANGES,	\
	  COMPONENT, NONE,						\
	  0, sizeof(struct qtfs_entry_rep))				\
	X(12, UNLINK, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, NONE,	\
	  0, 0)								\
	X(13, RMDIR, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, NONE,	\
	  0, 0)								\
	X(14, RENAME, QTFS_HAS_NODE | QTFS_HAS_NODE2 | QTFS_CHANGES,	\
	  COMPONENT, COMPONENT,						\
	  sizeof(struct qtfs_rename), sizeof(struct qtfs_event))	\
	X(15, OPEN, QTFS_HAS_NODE | QTFS_CHANGES, NONE, NONE,		\
	  sizeof(struct qtfs_open), sizeof(struct qtfs_open_rep))	\
	X(16, CREATE, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, NONE,	\
	  sizeof(struct qtfs_open), sizeof(struct qtfs_open_rep))	\
	X(17, RELEASE, QTFS_HAS_OPEN | QTFS_CHANGES, NONE, NONE,	\
	  0, 0)								\
	X(18, READ, QTFS_HAS_OPEN | QTFS_DATA_IN, NONE, NONE,		\
	  sizeof(struct qtfs_read), 0)					\
	X(19, WRITE, QTFS_HAS_OPEN | QTFS_DATA_OUT | QTFS_CHANGES,	\
	  NONE, NONE,							\
	  sizeof(struct qtfs_write), sizeof(struct qtfs_write_rep))	\
	X(20, READDIR, QTFS_HAS_OPEN | QTFS_DATA_IN, NONE, NONE,	\
	  sizeof(struct qtfs_readdir), 0)				\
	X(21, FSYNC, QTFS_HAS_OPEN, NONE, NONE,				\
	  sizeof(struct qtfs_fsync), 0)					\
	X(22, STATFS, QTFS_HAS_NODE, NONE, NONE,			\
	  0, sizeof(struct qtfs_statfs_rep))				\
	X(23, GETXATTR, QTFS_HAS_NODE | QTFS_DATA_IN, XATTR, NONE,	\
	  sizeof(struct qtfs_getxattr), sizeof(struct qtfs_getxattr_rep)) \
	X(24, SETXATTR, QTFS_HAS_NODE | QTFS_DATA_OUT | QTFS_CHANGES,	\
	  XATTR, NONE,							\
	  sizeof(struct qtfs_setxattr), 0)				\
	X(25, LISTXATTR, QTFS_HAS_NODE | QTFS_DATA_IN, NONE, NONE,	\
	  sizeof(struct qtfs_getxattr), sizeof(struct qtfs_getxattr_rep)) \
	X(26, REMOVEXATTR, QTFS_HAS_NODE | QTFS_CHANGES, XATTR, NONE,	\
	  0, 0)								\
	X(27, PING, QTFS_MAY_SLOT, NONE, NONE,				\
	  0, 0)								\
	X(28, NOTIFY, QTFS_FROM_SERVER | QTFS_DATA_IN, NONE, NONE,	\
	  0, 0)								\
	X(29, FALLOCATE, QTFS_HAS_OPEN | QTFS_CHANGES, NONE, NONE,	\
	  sizeof(struct qtfs_fallocate), sizeof(struct qtfs_attr_rep))	\
	X(30, LSEEK, QTFS_HAS_OPEN, NONE, NONE,				\
	  sizeof(struct qtfs_lseek), sizeof(struct qtfs_lseek_rep))	\
	X(31, BYE, 0, NONE, NONE,					\
	  0, 0)								\
	X(32, CANCEL, QTFS_ONE_WAY, NONE, NONE,				\
	  sizeof(struct qtfs_cancel), 0)				\
	X(33, LOCK, QTFS_HAS_OPEN | QTFS_CHANGES, NONE, NONE,		\
	  sizeof(struct qtfs_lock), sizeof(struct qtfs_lock_rep))	\
	X(34, FILEATTR_GET, QTFS_HAS_NODE, NONE, NONE,			\
	  0, sizeof(struct qtfs_fileattr))				\
	X(35, FILEATTR_SET, QTFS_HAS_NODE | QTFS_CHANGES, NONE, NONE,	\
	  sizeof(struct qtfs_fileattr), sizeof(struct qtfs_attr_rep))	\
	X(36, TMPFILE, QTFS_HAS_NODE | QTFS_CHANGES, NONE, NONE,	\
	  sizeof(struct qtfs_open), sizeof(struct qtfs_open_rep))	\
	X(37, COPY, QTFS_HAS_OPEN | QTFS_CHANGES, NONE, NONE,		\
	  sizeof(struct qtfs_copy), sizeof(struct qtfs_copy_rep))	\
	X(38, SYNCFS, QTFS_HAS_NODE, NONE, NONE,			\
	  0, 0)								\
	X(39, OPEN_NAME, QTFS_HAS_NODE | QTFS_DATA_IN | QTFS_CHANGES,	\
	  COMPONENT, NONE,						\
	  sizeof(struct qtfs_open_name), sizeof(struct qtfs_open_rep))	\
	X(40, OPEN_FIFO, QTFS_HAS_NODE | QTFS_CHANGES, NONE, NONE,	\
	  sizeof(struct qtfs_open_fifo), sizeof(struct qtfs_open_rep))	\
	X(41, POLL, QTFS_HAS_OPEN, NONE, NONE,				\
	  sizeof(struct qtfs_poll), sizeof(struct qtfs_poll_rep))	\
	X(42, FIND, QTFS_HAS_NODE, PATH, NONE,				\
	  sizeof(struct qtfs_find), sizeof(struct qtfs_entry_rep))	\
	X(43, AUTH, QTFS_HANDSHAKE, NONE, NONE,				\
	  sizeof(struct qtfs_auth), sizeof(struct qtfs_auth_rep))	\
	X(44, ECHO, QTFS_DATA_OUT | QTFS_DATA_IN, NONE, NONE,		\
	  sizeof(struct qtfs_echo), 0)					\
	X(45, MOUNT, QTFS_HAS_NODE | QTFS_MAY_NODE2 | QTFS_DATA_OUT |	\
	  QTFS_CHANGES, COMPONENT, TEXT,				\
	  sizeof(struct qtfs_mount), 0)					\
	X(46, UMOUNT, QTFS_HAS_NODE | QTFS_CHANGES, COMPONENT, NONE,	\
	  sizeof(struct qtfs_umount), 0)				\
	X(47, PROCESS, QTFS_HAS_NODE | QTFS_CHANGES, NONE, NONE,	\
	  sizeof(struct qtfs_process), sizeof(struct qtfs_process_rep))	\
	X(48, OPEN_DIR, QTFS_HAS_NODE | QTFS_DATA_IN | QTFS_CHANGES,	\
	  NONE, NONE,							\
	  sizeof(struct qtfs_open_dir), sizeof(struct qtfs_open_rep))	\
	X(49, TERMINAL, QTFS_HAS_OPEN | QTFS_CHANGES, NONE, NONE,	\
	  sizeof(struct qtfs_terminal), sizeof(struct qtfs_terminal))

/*
 * LOOKUP's second node is the one that the client knows under that name: where
 * the name still leads to it, the reply repeats its number and no new node is
 * made.  LINK: node is the directory, node2 the file.  RENAME: node and name 0
 * are the old directory and name, node2 and name 1 the new ones.  FORGET's data
 * is a row of __le64 node numbers.  SETATTR with an open changes the size
 * through it, as ftruncate(2).  BYE ends the session with its last connection.
 * CANCEL means the request of that slot and number, if it is still under way.
 * MOUNT and UMOUNT: name 0 in node is the mount point; MOUNT's node2 is what is
 * bound or moved there, name 1 the source of a new file system, data its options.
 * PROCESS's node says which process, see wire.h.
 */

enum qtfs_op {
#define QTFS_OP_ENUM(num, name, ...)	QTFS_OP_##name = (num),
	QTFS_OPS(QTFS_OP_ENUM)
#undef QTFS_OP_ENUM
	QTFS_OP_END			/* one more than the last */
};

struct qtfs_op_info {
	const char *name;
	__u16 flags;
	__u8 name_kind[2];
	__u16 req_body;
	__u16 rep_body;
};

/*
 * Defines qtfs_op_info(): returns what operation @op carries, NULL if there is
 * no such operation.
 */
#define QTFS_OP_INFO(num, name, flags, name0, name1, req, rep)		\
	{ #name, (flags), { QTFS_NAME_##name0, QTFS_NAME_##name1 }, (req), (rep) },
#define QTFS_DEFINE_OP_INFO						\
const struct qtfs_op_info *qtfs_op_info(unsigned int op)		\
{									\
	static const struct qtfs_op_info table[] = { QTFS_OPS(QTFS_OP_INFO) }; \
									\
	/* The table is dense and begins with operation 1. */		\
	QTFS_ASSERT(sizeof(table) / sizeof(table[0]) == QTFS_OP_END - 1); \
									\
	return op - 1 < QTFS_OP_END - 1 ? &table[op - 1] :		\
					  (const struct qtfs_op_info *)0; \
}

#ifdef __KERNEL__
const struct qtfs_op_info *qtfs_op_info(unsigned int op);	/* transport/ops.c */
#else
static inline QTFS_DEFINE_OP_INFO
#endif

#endif /* QTFS_OPS_H */
