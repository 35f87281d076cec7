/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The qtfs wire protocol: every byte that crosses from one machine to the
 * other.  Shared by both kernel modules and the C++ programs.  docs/protocol.md
 * describes the same as tables.
 *
 * A frame is
 *
 *	request:  qtfs_hdr | qtfs_req | body | groups | name 0 | name 1 | data
 *	reply:    qtfs_hdr | body | data
 *
 * without padding between the parts.  The body is the one structure that
 * ops.h names for the operation; a reply that carries an error has neither
 * body nor data.  All integers are little-endian, all structures are multiples
 * of eight bytes without holes, and every reserved field is zero.
 *
 * Objects are named by numbers that the server chose: a *node* is a path that
 * the server has pinned for this session, an *open* is an open file.  Zero
 * names nothing.  The server never accepts a path after ATTACH, only a node
 * and one component.
 *
 * A request occupies one of the slots that the server granted, in HELLO and by each
 * reply, until its reply has arrived; (client, epoch, slot, seq) names a request for ever.  So
 * it may be sent again on another connection of its session, and is carried out
 * once.
 */
#ifndef QTFS_WIRE_H
#define QTFS_WIRE_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#define QTFS_ASSERT(cond)	static_assert(cond)
#elif defined(__cplusplus)
#define QTFS_ASSERT(cond)	static_assert(cond, #cond)
#else
#define QTFS_ASSERT(cond)	_Static_assert(cond, #cond)
#endif

#define QTFS_MAGIC		0x53465451u	/* "QTFS" in memory */
#define QTFS_VERSION		5
#define QTFS_VERSION_MIN	5	/* oldest version still spoken */
#define QTFS_PORT		12345	/* the default, TCP and vsock */
#define QTFS_SUPER_MAGIC	0x51544653	/* a mounted super block's s_magic */

#define QTFS_NAME_MAX		255	/* a path component, an xattr's name */
#define QTFS_PATH_MAX		4095	/* a path or a symlink's target */
#define QTFS_LABEL_MAX		64
#define QTFS_XATTR_MAX		65536	/* an xattr's value or list of names */
#define QTFS_GROUPS_MAX		65536
#define QTFS_DATA_DEFAULT	(1u << 20)
#define QTFS_DATA_MIN		(1u << 16)
#define QTFS_DATA_MAX		(4u << 20)
#define QTFS_ERRNO_MAX		4095

#define QTFS_SLOTS_DEFAULT	64
#define QTFS_SLOTS_MAX		1024
#define QTFS_NO_SLOT		0xffffffffu	/* one-way frames, HELLO */

/* qtfs_hdr.flags */
#define QTFS_FRAME_REPLY	0x0001	/* else a request */
#define QTFS_FRAME_RESENT	0x0002	/* sent before on another connection */

struct qtfs_hdr {
	__le32 magic;		/* QTFS_MAGIC */
	__le32 len;		/* of the whole frame, this header included */
	__le16 op;		/* enum qtfs_op; a reply repeats it */
	__le16 flags;		/* QTFS_FRAME_* */
	__le32 slot;		/* below the number granted, or QTFS_NO_SLOT */
	__le64 seq;		/* counts the requests of that slot from 1 */
	/*
	 * From the server: how many events it had counted for the session when
	 * the operation began (reply), or counts with this frame (NOTIFY).  What
	 * a reply says may be older than an event that came with a higher stamp.
	 */
	__le64 stamp;
	__le32 status;		/* reply: 0 or a Linux errno; request: 0 */
	__le32 crc;		/* crc32c with this field 0, where negotiated */
	__le32 data_len;
	__le16 body_len;
	/*
	 * Reply: so many slots the client may use from now on for new requests; 0: no
	 * change.  It may be less or more than before.  Request: 0.
	 */
	__le16 slots;
};
QTFS_ASSERT(sizeof(struct qtfs_hdr) == 48);

struct qtfs_req {
	__le64 node;		/* what the operation is done to or in */
	__le64 node2;		/* the second one, where there are two */
	__le64 open;
	__le32 uid;		/* the caller's fsuid, initial namespace */
	__le32 gid;
	__le64 caps;		/* its effective capabilities, 1 << CAP_* */
	__le32 ngroups;		/* supplementary groups: __le32 each */
	__le16 umask;
	__le16 name_len[2];	/* without a terminating NUL, which isn't sent */
	__le16 reserved;
	__le32 pid;		/* the caller, for messages and traces only */
};
QTFS_ASSERT(sizeof(struct qtfs_req) == 56);

/* qtfs_attr.flags */
#define QTFS_ATTR_BTIME		0x01	/* btime is known */
#define QTFS_ATTR_UNCACHED	0x02	/* size means nothing: proc, sysfs ... */
#define QTFS_ATTR_MOUNT_ROOT	0x04	/* root of a mount on the server */
#define QTFS_ATTR_ACL		0x08	/* has an access ACL beyond its mode */
#define QTFS_ATTR_NO_XATTR	0x10	/* no extended attributes or ACLs, but maybe trusted.* */

struct qtfs_time {
	__le64 sec;		/* since the epoch, signed */
	__le32 nsec;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_time) == 16);

/* (dev, ino, gen) identifies a file for as long as the server runs. */
struct qtfs_attr {
	__le64 ino;
	__le64 size;
	__le64 blocks;		/* of 512 bytes */
	struct qtfs_time atime;
	struct qtfs_time mtime;
	struct qtfs_time ctime;
	struct qtfs_time btime;
	__le64 attributes;	/* STATX_ATTR_* */
	__le64 attributes_mask;
	__le64 change;		/* the inode's change counter, 0 if unknown */
	__le32 dev;		/* major << 20 | minor on the server */
	__le32 gen;
	__le32 mode;
	__le32 nlink;
	__le32 uid;
	__le32 gid;
	__le32 rdev;		/* major << 20 | minor */
	__le32 blksize;
	__le32 flags;		/* QTFS_ATTR_* */
	__le32 fstype;		/* statfs f_type of the file system it is on */
};
QTFS_ASSERT(sizeof(struct qtfs_attr) == 152);

/* HELLO: the first frame on a connection, answered on the same. */

/* Feature bits; a feature is used when both sides have it. */
#define QTFS_FEATURE_CRC	(1ull << 0)	/* every frame carries a crc32c */

/* qtfs_hello.flags */
#define QTFS_HELLO_REJOIN	0x0001	/* the session exists, else ESTALE */
#define QTFS_HELLO_ALL		0x0001

/*
 * AUTH: both ends show that they have the same key, before HELLO on the same
 * connection.  Step 1 brings the client's nonce, and its reply the server's and
 * the server's proof; step 2 brings the client's proof, and its reply nothing but
 * its status.  A proof is the HMAC-SHA256 (RFC 2104) by the key of struct
 * qtfs_auth_text.
 */
#define QTFS_AUTH_NONCE		32
#define QTFS_AUTH_PROOF		32
#define QTFS_AUTH_KEY_MIN	16	/* bytes that a key has at least */

struct qtfs_auth {
	__u8 bytes[32];		/* step 1: nonce; step 2: proof */
	__le32 step;		/* 1 or 2 */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_auth) == 40);

struct qtfs_auth_rep {
	__u8 nonce[QTFS_AUTH_NONCE];
	__u8 proof[QTFS_AUTH_PROOF];
};
QTFS_ASSERT(sizeof(struct qtfs_auth_rep) == 64);

/* What is proved; never sent. */
struct qtfs_auth_text {
	__u8 who[16];		/* "qtfs server" or "qtfs client", and zeros */
	__u8 client[QTFS_AUTH_NONCE];
	__u8 server[QTFS_AUTH_NONCE];
};
QTFS_ASSERT(sizeof(struct qtfs_auth_text) == 80);

struct qtfs_hello {
	__u8 client[16];	/* a random number, the same for a mount's life */
	__le64 epoch;		/* counts the client's sessions, from 1 */
	__le64 features;	/* offered */
	__le32 max_data;	/* largest data part that the client can take */
	__le32 slots;		/* wanted */
	__le16 version;
	__le16 version_min;
	__le16 conn;		/* which of the session's connections, from 0 */
	__le16 flags;		/* QTFS_HELLO_* */
};
QTFS_ASSERT(sizeof(struct qtfs_hello) == 48);

/*
 * Sent with status 0, or with EPROTONOSUPPORT so that the client can name both
 * versions: the only reply that has its body beside an error.
 */
struct qtfs_hello_rep {
	/*
	 * Two random numbers: the first eight bytes are new when the server's machine
	 * has been booted, the others when its module is loaded.
	 */
	__u8 boot[16];
	__le64 session;
	__le64 features;	/* agreed */
	__le32 max_data;	/* agreed: the smaller of both */
	__le32 slots;		/* granted */
	__le16 version;
	__le16 version_min;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_hello_rep) == 48);

/*
 * What finds a file again, whatever its name is then, when the server has been
 * restarted.  Only the server knows what it means; with len 0 there is none.
 */
#define QTFS_HANDLE_BYTES	44

struct qtfs_handle {
	__u8 len;		/* of bytes, a multiple of four */
	__u8 type;
	__u8 reserved[2];
	__u8 bytes[QTFS_HANDLE_BYTES];
};
QTFS_ASSERT(sizeof(struct qtfs_handle) == 48);

/* ATTACH, LOOKUP, MKDIR, MKNOD, SYMLINK, LINK */
struct qtfs_entry_rep {
	__le64 node;		/* owned by the client until it FORGETs it */
	struct qtfs_attr attr;
};
QTFS_ASSERT(sizeof(struct qtfs_entry_rep) == 160);

/*
 * FIND: a file that the client had a node of in an earlier session, by its path
 * below node, or else by its handle.  No symbolic link is followed.  ESTALE if
 * neither leads to it.
 */
struct qtfs_find {
	__le64 ino;		/* as in qtfs_attr */
	__le32 dev;
	__le32 gen;
	__le32 type;		/* of its mode: S_IFREG ... */
	__le32 reserved;
	struct qtfs_handle handle;
};
QTFS_ASSERT(sizeof(struct qtfs_find) == 72);

/* GETATTR, SETATTR */
struct qtfs_attr_rep {
	struct qtfs_attr attr;
};

/* qtfs_setattr.valid */
#define QTFS_SET_MODE		0x0001
#define QTFS_SET_UID		0x0002
#define QTFS_SET_GID		0x0004
#define QTFS_SET_SIZE		0x0008
#define QTFS_SET_ATIME		0x0010
#define QTFS_SET_MTIME		0x0020
#define QTFS_SET_ATIME_NOW	0x0040	/* instead of atime: the server's clock */
#define QTFS_SET_MTIME_NOW	0x0080
#define QTFS_SET_BY_OPEN	0x0100	/* size 0 because of O_TRUNC */
#define QTFS_SET_ALL		0x01ff

struct qtfs_setattr {
	__le64 size;
	struct qtfs_time atime;
	struct qtfs_time mtime;
	__le32 valid;		/* QTFS_SET_* */
	__le32 mode;		/* permission bits only */
	__le32 uid;
	__le32 gid;
};
QTFS_ASSERT(sizeof(struct qtfs_setattr) == 56);

struct qtfs_mkdir {
	__le32 mode;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_mkdir) == 8);

struct qtfs_mknod {
	__le32 mode;		/* with the type: S_IFIFO, S_IFSOCK, S_IFCHR ... */
	__le32 rdev;		/* major << 20 | minor */
};
QTFS_ASSERT(sizeof(struct qtfs_mknod) == 8);

/* The reply is an event: the file that lost name 1, if the client has a node of it. */
struct qtfs_rename {
	__le32 flags;		/* RENAME_NOREPLACE, _EXCHANGE, _WHITEOUT */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_rename) == 8);

/*
 * OPEN and CREATE: flags with the numbers of Linux's asm-generic/fcntl.h.
 * Architectures number some differently, so both ends translate by name.
 */
#define QTFS_O_ACCMODE		00000003u
#define QTFS_O_CREAT		00000100u
#define QTFS_O_EXCL		00000200u
#define QTFS_O_TRUNC		00001000u
#define QTFS_O_APPEND		00002000u
#define QTFS_O_NONBLOCK		00004000u
#define QTFS_O_DSYNC		00010000u
#define QTFS_O_DIRECT		00040000u
#define QTFS_O_DIRECTORY	00200000u
#define QTFS_O_NOATIME		01000000u
#define QTFS_O_SYNC		04010000u
#define QTFS_O_MASK		(QTFS_O_ACCMODE | QTFS_O_CREAT | QTFS_O_EXCL | \
				 QTFS_O_TRUNC | QTFS_O_APPEND | QTFS_O_NONBLOCK | \
				 QTFS_O_DSYNC | QTFS_O_DIRECT | QTFS_O_DIRECTORY | \
				 QTFS_O_NOATIME | QTFS_O_SYNC)

struct qtfs_open {
	__le32 flags;		/* QTFS_O_* */
	__le32 mode;		/* CREATE: permission bits of a new file */
};
QTFS_ASSERT(sizeof(struct qtfs_open) == 8);

/* qtfs_open_rep.flags */
#define QTFS_OPENED_CREATED	0x01	/* CREATE made the file */
#define QTFS_OPENED_UNCACHED	0x02	/* one read(2) is one READ, one write(2) one WRITE */
#define QTFS_OPENED_STREAM	0x04	/* has no position */
#define QTFS_OPENED_WAITING	0x08	/* OPEN_FIFO: not yet, and there is no open */
#define QTFS_OPENED_POLL	0x10	/* POLL means something */

struct qtfs_open_rep {
	__le64 open;		/* owned by the client until it RELEASEs it */
	__le64 node;		/* CREATE: as qtfs_entry_rep.node; OPEN: 0 */
	__le32 flags;		/* QTFS_OPENED_* */
	__le32 reserved;
	struct qtfs_attr attr;
	struct qtfs_handle handle;
};
QTFS_ASSERT(sizeof(struct qtfs_open_rep) == 224);

/*
 * OPEN_NAME: LOOKUP, OPEN and READ in one.  A regular file that is not larger than
 * size comes along as the reply's data; so does nothing where size is 0.
 */
struct qtfs_open_name {
	__le32 flags;		/* QTFS_O_* */
	__le32 size;
};
QTFS_ASSERT(sizeof(struct qtfs_open_name) == 8);

/*
 * TERMINAL: what is no data of a terminal.  Modes have the numbers of Linux's
 * asm-generic/termbits.h; what isn't meant by `what` is 0, in both directions.
 */
enum qtfs_terminal_what {
	QTFS_TERMINAL_GET = 1,		/* the modes */
	QTFS_TERMINAL_SET = 2,		/* arg: 0 now, 1 when all is written, 2 and drop input */
	QTFS_TERMINAL_GET_SIZE = 3,
	QTFS_TERMINAL_SET_SIZE = 4,
	QTFS_TERMINAL_FLUSH = 5,	/* arg: 0 input, 1 output, 2 both */
	QTFS_TERMINAL_QUEUED = 6,	/* arg: 0 input, 1 output; the reply's arg: bytes */
};

#define QTFS_TERMINAL_CC	19

struct qtfs_terminal {
	__le32 what;		/* QTFS_TERMINAL_* */
	__le32 arg;
	__le32 iflag;
	__le32 oflag;
	__le32 cflag;
	__le32 lflag;
	__le16 rows;
	__le16 columns;
	__le16 xpixel;
	__le16 ypixel;
	__u8 line;
	__u8 cc[QTFS_TERMINAL_CC];
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_terminal) == 56);

/*
 * OPEN_FIFO: what has to be waited for is answered at once with
 * QTFS_OPENED_WAITING; when the wait is over, an event with its number tells the
 * client to ask again.  What a FIFO's open answers with EAGAIN is waited for by POLL.
 */
#define QTFS_FIFO_BEGIN		0
#define QTFS_FIFO_ASK		1
#define QTFS_FIFO_CANCEL	2	/* EINTR, and nothing is open */

struct qtfs_open_fifo {
	__le64 wait;		/* the client's number for the wait, as in LOCK */
	__le32 flags;		/* QTFS_O_*, with BEGIN */
	__le32 step;		/* QTFS_FIFO_* */
};
QTFS_ASSERT(sizeof(struct qtfs_open_fifo) == 16);

/*
 * POLL: events have the numbers of Linux's EPOLL*.  After one with
 * QTFS_POLL_WATCH, what happens next is told by one event, once.
 */
#define QTFS_POLL_WATCH		0x01

struct qtfs_poll {
	__le32 events;		/* that are asked for */
	__le32 flags;
};
QTFS_ASSERT(sizeof(struct qtfs_poll) == 8);

struct qtfs_poll_rep {
	__le32 events;		/* that there are now, asked for or not */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_poll_rep) == 8);

/* READ: the reply's data; shorter than size only at the end of the file. */
struct qtfs_read {
	__le64 offset;
	__le32 size;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_read) == 16);

/* qtfs_write.flags */
#define QTFS_WRITE_APPEND	0x01	/* offset is ignored */
#define QTFS_WRITE_SYNC		0x02	/* as with O_SYNC */
#define QTFS_WRITE_DSYNC	0x04	/* as with O_DSYNC */
#define QTFS_WRITE_WHOLE	0x08	/* all of it or an error, never less */
#define QTFS_WRITE_FSYNC	0x10	/* then FSYNC, of all of the file */
#define QTFS_WRITE_FDATASYNC	0x20	/* then FSYNC with QTFS_FSYNC_DATA */
#define QTFS_WRITE_ALL		0x3f

struct qtfs_write {
	__le64 offset;
	__le32 flags;		/* QTFS_WRITE_* */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_write) == 16);

struct qtfs_write_rep {
	__le64 end;		/* the position behind the last byte written */
	__le32 count;		/* may be less than was sent */
	__le32 reserved;
	struct qtfs_attr attr;	/* after the write */
};
QTFS_ASSERT(sizeof(struct qtfs_write_rep) == 168);

/*
 * READDIR: the reply's data is a row of qtfs_dirent, each padded with zeros to
 * eight bytes; no entry means the end.  A cookie is the server's d_off: the
 * position behind the entry, 0 is the beginning.
 */

/* qtfs_readdir.flags */
#define QTFS_READDIR_ENTRIES	0x01	/* look the names up as well */

struct qtfs_readdir {
	__le64 cookie;
	__le32 size;		/* of data at most */
	__le32 flags;		/* QTFS_READDIR_* */
};
QTFS_ASSERT(sizeof(struct qtfs_readdir) == 16);

/*
 * OPEN_DIR: OPEN of a directory, and READDIR from its beginning, in one.  The data is
 * the whole directory, or nothing if that is longer than size, or couldn't be read.
 */
struct qtfs_open_dir {
	__le32 flags;		/* QTFS_O_* */
	__le32 size;		/* of data at most */
	__le32 list;		/* QTFS_READDIR_* */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_open_dir) == 16);

/* qtfs_dirent.flags */
#define QTFS_DIRENT_ENTRY	0x01	/* a qtfs_entry_rep follows the padded name */
#define QTFS_DIRENT_LAST	0x02	/* the directory ends here: no need to ask again */

struct qtfs_dirent {
	__le64 ino;
	__le64 cookie;
	__le16 name_len;
	__u8 type;		/* DT_* */
	__u8 flags;		/* QTFS_DIRENT_* */
	__u8 reserved[4];
	/* the name, then zeros up to a multiple of eight */
};
QTFS_ASSERT(sizeof(struct qtfs_dirent) == 24);

#define QTFS_FSYNC_DATA		0x01	/* as fdatasync(2) */

struct qtfs_fsync {
	__le32 flags;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_fsync) == 8);

struct qtfs_statfs_rep {
	__le64 type;
	__le64 bsize;
	__le64 blocks;
	__le64 bfree;
	__le64 bavail;
	__le64 files;
	__le64 ffree;
	__le64 frsize;
	__le64 namelen;
	__le64 flags;		/* ST_* */
};
QTFS_ASSERT(sizeof(struct qtfs_statfs_rep) == 80);

/* FALLOCATE: as fallocate(2), with its FALLOC_FL_* in mode. */
struct qtfs_fallocate {
	__le64 offset;
	__le64 len;
	__le32 mode;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_fallocate) == 24);

/* LSEEK: SEEK_DATA or SEEK_HOLE, which only the server knows. */
struct qtfs_lseek {
	__le64 offset;
	__le32 whence;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_lseek) == 16);

struct qtfs_lseek_rep {
	__le64 offset;
};
QTFS_ASSERT(sizeof(struct qtfs_lseek_rep) == 8);

/* GETXATTR, LISTXATTR: size 0 asks for the length alone. */
struct qtfs_getxattr {
	__le32 size;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_getxattr) == 8);

struct qtfs_getxattr_rep {
	__le32 len;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_getxattr_rep) == 8);

struct qtfs_setxattr {
	__le32 flags;		/* XATTR_CREATE, XATTR_REPLACE */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_setxattr) == 8);

/* CANCEL: nobody waits for that request any more; what it does needn't be done. */
struct qtfs_cancel {
	__le64 seq;
	__le32 slot;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_cancel) == 16);

/*
 * LOCK: fcntl(2) and flock(2).  What has to be waited for is answered at once with
 * QTFS_LOCK_WAITING; when the wait is over, an event with its number tells the
 * client to ask again, with QTFS_LOCK_WAIT and the same number.
 */

/* qtfs_lock.flags; one at most of the last three */
#define QTFS_LOCK_FLOCK		0x01	/* of the open file, all of it; owner is ignored */
#define QTFS_LOCK_OFD		0x02	/* of the open file, a range */
#define QTFS_LOCK_TEST		0x04	/* what is in the way? */
#define QTFS_LOCK_WAIT		0x08	/* wait for it */
#define QTFS_LOCK_CANCEL	0x10	/* no longer; success: the lock was got before */
#define QTFS_LOCK_RECLAIM	0x20	/* it was this client's before the server restarted */
#define QTFS_LOCK_ALL		0x3f

struct qtfs_lock {
	__le64 owner;		/* the client's number for who locks */
	__le64 start;
	__le64 end;		/* the last byte, 2^63 - 1: wherever the end be */
	__le64 wait;		/* the client's number for the wait */
	__le32 flags;		/* QTFS_LOCK_* */
	__le32 type;		/* 0 read, 1 write, 2 unlock */
	__le32 pid;		/* the process, told to those who test */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_lock) == 48);

/* qtfs_lock_rep.flags */
#define QTFS_LOCK_WAITING	0x01
#define QTFS_LOCK_GRACE		0x02	/* not yet: clients are reclaiming; ask again */

/* The first four are the answer to QTFS_LOCK_TEST; type 2: nothing is in the way. */
struct qtfs_lock_rep {
	__le64 start;
	__le64 end;
	__le32 type;
	__le32 pid;		/* negative: not of this client; -1: of an open file */
	__le32 flags;
	__le32 reserved;
	struct qtfs_attr attr;	/* after the lock was got */
};
QTFS_ASSERT(sizeof(struct qtfs_lock_rep) == 184);

/* FILEATTR_GET, FILEATTR_SET: FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR and their kind */

/* qtfs_fileattr.valid; one of them in FILEATTR_SET */
#define QTFS_FILEATTR_FLAGS	0x01	/* flags */
#define QTFS_FILEATTR_FSX	0x02	/* all the others */

/* ECHO: to measure what carries frames. */
struct qtfs_echo {
	__le32 size;		/* of the reply's data, which are zeros */
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_echo) == 8);

struct qtfs_fileattr {
	__le32 valid;
	__le32 flags;		/* FS_*_FL */
	__le32 xflags;		/* FS_XFLAG_* */
	__le32 extsize;
	__le32 nextents;
	__le32 projid;
	__le32 cowextsize;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_fileattr) == 32);

/* COPY: copy_file_range(2), FICLONERANGE, FIDEDUPERANGE; the open is written to */

/* qtfs_copy.flags, one at most */
#define QTFS_COPY_CLONE		0x01	/* share the blocks, or fail */
#define QTFS_COPY_DEDUPE	0x02	/* likewise, if the data are equal */

struct qtfs_copy {
	__le64 from;		/* the open that is read */
	__le64 from_offset;
	__le64 offset;
	__le64 len;
	__le32 flags;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_copy) == 40);

struct qtfs_copy_rep {
	__le64 count;		/* bytes; may be less than was asked for */
	struct qtfs_attr attr;	/* of the file written to, after it */
};
QTFS_ASSERT(sizeof(struct qtfs_copy_rep) == 160);

/*
 * MOUNT, UMOUNT: as mount(2) and umount2(2), whose flags have the same numbers on
 * every architecture.
 */
#define QTFS_MOUNT_TYPE_MAX	31
#define QTFS_MOUNT_OPTIONS_MAX	4095

/* All of MS_* that a program may pass to mount(2). */
#define QTFS_MOUNT_ALL		0x033ffdffu
#define QTFS_MOUNT_REMOUNT	0x20u	/* MS_REMOUNT */

/*
 * @change, only with MS_REMOUNT, and then MS_REMOUNT is in it: of @flags only these change, as
 * mount_setattr(2) does with MS_BIND, of a whole tree with MS_REC, and as reconfiguring an
 * fspick(2) does without it, which leaves what is the mount's own as it is.  0: mount(2).
 */
struct qtfs_mount {
	__le32 flags;		/* MS_* */
	__le32 change;		/* MS_* */
	__u8 type[QTFS_MOUNT_TYPE_MAX + 1];	/* of the file system, and zeros */
};
QTFS_ASSERT(sizeof(struct qtfs_mount) == 40);

/* MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW */
#define QTFS_UMOUNT_ALL		0x0fu

struct qtfs_umount {
	__le32 flags;
	__le32 reserved;
};
QTFS_ASSERT(sizeof(struct qtfs_umount) == 8);

/*
 * PROCESS: to a process of the server, which is named by its directory in /proc.
 * As long as that node is the client's, its process is no other one, whatever its
 * number is used for.  Signals and limits have Linux's generic numbers.
 */
enum qtfs_process_what {
	QTFS_PROCESS_KILL = 1,		/* /proc/PID; arg: the signal, 0 to 64 */
	QTFS_PROCESS_KILL_GROUP = 2,	/* /proc; arg: the signal, group: the group's number */
	QTFS_PROCESS_KILL_THREAD = 3,	/* /proc/PID/task/TID; arg: the signal */
	QTFS_PROCESS_GET_CPUS = 4,	/* a process or a thread */
	QTFS_PROCESS_SET_CPUS = 5,	/* likewise; cpus */
	QTFS_PROCESS_GET_LIMIT = 6,	/* a process; arg: RLIMIT_* */
	QTFS_PROCESS_SET_LIMIT = 7,	/* likewise; soft, hard: the new ones */
};

#define QTFS_SIGNAL_MAX		64
#define QTFS_PROCESS_CPUS	128	/* bytes; processor N is bit N % 8 of byte N / 8 */

/* What @what has no use for is 0. */
struct qtfs_process {
	__le32 what;		/* enum qtfs_process_what */
	__le32 arg;
	__le32 group;
	__le32 reserved;
	__le64 soft;		/* all bits set: no limit */
	__le64 hard;
	__u8 cpus[QTFS_PROCESS_CPUS];
};
QTFS_ASSERT(sizeof(struct qtfs_process) == 160);

struct qtfs_process_rep {
	__le64 soft;		/* GET_LIMIT; SET_LIMIT: as they were */
	__le64 hard;
	__u8 cpus[QTFS_PROCESS_CPUS];	/* GET_CPUS */
};
QTFS_ASSERT(sizeof(struct qtfs_process_rep) == 144);

/*
 * NOTIFY, from the server, unasked: a row of qtfs_event, each padded with zeros
 * to eight bytes.  Whatever changed was changed by somebody else than this
 * session, and belongs to a file that it has a node of.
 */

/* qtfs_event.what */
#define QTFS_EVENT_INODE	0x01	/* attributes or data of the file */
#define QTFS_EVENT_NAME		0x02	/* the directory's entry of that name */
#define QTFS_EVENT_ALL		0x04	/* too much to tell: anything at all */
#define QTFS_EVENT_WAIT		0x08	/* a wait is over; ino is its number */
#define QTFS_EVENT_POLL		0x10	/* something happens to an open; ino is its number */
#define QTFS_EVENT_PLACE	0x20	/* a mount came or went at the file's names */

struct qtfs_event {
	__le64 ino;
	__le32 dev;
	__le32 gen;
	__le32 mask;		/* FS_* as in inotify: IN_CREATE, IN_MODIFY ... */
	__le16 what;		/* QTFS_EVENT_* */
	__le16 name_len;
	/* the name, then zeros up to a multiple of eight */
};
QTFS_ASSERT(sizeof(struct qtfs_event) == 24);

#endif /* QTFS_WIRE_H */
