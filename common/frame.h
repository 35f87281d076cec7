/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Checks of incoming frames, done in one place for every operation, before
 * anything is allocated or looked up by what the peer wrote.  The caller must
 * have copied what it passes: the functions read each field once, but what is
 * checked here is used later.
 *
 * Pure functions of their arguments, so that they are tested and fuzzed in
 * user space.
 */
#ifndef QTFS_FRAME_H
#define QTFS_FRAME_H

#include "ops.h"

#ifdef __KERNEL__
#include <asm/byteorder.h>
#include <linux/string.h>
#define qtfs_le16(x)	le16_to_cpu(x)
#define qtfs_le32(x)	le32_to_cpu(x)
#define qtfs_le64(x)	le64_to_cpu(x)
#define qtfs_to_le16(x)	cpu_to_le16(x)
#define qtfs_to_le32(x)	cpu_to_le32(x)
#else
#include <endian.h>
#include <string.h>
#define qtfs_le16(x)	le16toh(x)
#define qtfs_le32(x)	le32toh(x)
#define qtfs_le64(x)	le64toh(x)
#define qtfs_to_le16(x)	htole16(x)
#define qtfs_to_le32(x)	htole32(x)
#endif

/* What is wrong with a frame; each kind has its counter. */
enum qtfs_frame_error {
	QTFS_FRAME_OK,
	QTFS_FRAME_BAD_MAGIC,
	QTFS_FRAME_BAD_LENGTH,
	QTFS_FRAME_BAD_OP,
	QTFS_FRAME_BAD_FLAGS,
	QTFS_FRAME_BAD_SLOT,
	QTFS_FRAME_BAD_STATUS,
	QTFS_FRAME_BAD_OBJECT,
	QTFS_FRAME_BAD_NAME,
	QTFS_FRAME_BAD_COUNT,
	QTFS_FRAME_BAD_CRC,
	QTFS_FRAME_BAD_FIELD,
	QTFS_FRAME_ERRORS
};

static inline const char *qtfs_frame_strerror(enum qtfs_frame_error error)
{
	switch (error) {
	case QTFS_FRAME_OK:		return "ok";
	case QTFS_FRAME_BAD_MAGIC:	return "magic";
	case QTFS_FRAME_BAD_LENGTH:	return "length";
	case QTFS_FRAME_BAD_OP:		return "operation";
	case QTFS_FRAME_BAD_FLAGS:	return "flags";
	case QTFS_FRAME_BAD_SLOT:	return "slot or sequence";
	case QTFS_FRAME_BAD_STATUS:	return "status";
	case QTFS_FRAME_BAD_OBJECT:	return "object";
	case QTFS_FRAME_BAD_NAME:	return "name";
	case QTFS_FRAME_BAD_COUNT:	return "count";
	case QTFS_FRAME_BAD_CRC:	return "checksum";
	case QTFS_FRAME_BAD_FIELD:	return "field";
	case QTFS_FRAME_ERRORS:
		break;
	}
	return "unknown";
}

/* Bytes of body, groups and names of the request with these two headers. */
static inline __u32 qtfs_request_args_len(const struct qtfs_hdr *hdr, const struct qtfs_req *req)
{
	return qtfs_le16(hdr->body_len) + qtfs_le32(req->ngroups) * 4 +
	       qtfs_le16(req->name_len[0]) + qtfs_le16(req->name_len[1]);
}

/* The largest that qtfs_request_args_len() can be. */
#define QTFS_ARGS_MAX	(256 + QTFS_GROUPS_MAX * 4 + 2 * (QTFS_PATH_MAX + 1))

static inline __u32 qtfs_name_max(enum qtfs_name_kind kind)
{
	switch (kind) {
	case QTFS_NAME_NONE:		return 0;
	case QTFS_NAME_COMPONENT:	return QTFS_NAME_MAX;
	case QTFS_NAME_PATH:		return QTFS_PATH_MAX;
	case QTFS_NAME_TARGET:		return QTFS_PATH_MAX;
	case QTFS_NAME_XATTR:		return QTFS_NAME_MAX;
	case QTFS_NAME_LABEL:		return QTFS_LABEL_MAX;
	case QTFS_NAME_TEXT:		return QTFS_PATH_MAX;
	}
	return 0;
}

static inline int qtfs_name_len_ok(enum qtfs_name_kind kind, __u32 len)
{
	__u32 min = kind == QTFS_NAME_NONE || kind == QTFS_NAME_LABEL ||
		    kind == QTFS_NAME_TEXT ? 0 : 1;

	return len >= min && len <= qtfs_name_max(kind);
}

/* Whether the @len bytes at @name are a name of this kind. */
static inline int qtfs_name_ok(enum qtfs_name_kind kind, const char *name, __u32 len)
{
	__u32 i;

	if (!qtfs_name_len_ok(kind, len))
		return 0;
	if (len && memchr(name, '\0', len))
		return 0;

	switch (kind) {
	case QTFS_NAME_COMPONENT:
		if (memchr(name, '/', len))
			return 0;
		return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
	case QTFS_NAME_PATH:
		return name[0] == '/';
	case QTFS_NAME_LABEL:
		for (i = 0; i < len; i++)
			if (name[i] < 0x20 || name[i] > 0x7e)
				return 0;
		return 1;
	default:
		return 1;
	}
}

/*
 * Checks the header of a frame: of a request where @reply is 0, else of a
 * reply.  @max_data is the agreed size, or QTFS_DATA_MIN before HELLO.
 */
static inline enum qtfs_frame_error qtfs_check_hdr(const struct qtfs_hdr *hdr, int reply,
						   __u32 max_data)
{
	const struct qtfs_op_info *info = qtfs_op_info(qtfs_le16(hdr->op));
	__u16 flags = qtfs_le16(hdr->flags);
	__u32 status = qtfs_le32(hdr->status);
	__u32 data_len = qtfs_le32(hdr->data_len);
	__u32 body_len = qtfs_le16(hdr->body_len);
	__u32 len = qtfs_le32(hdr->len);

	if (qtfs_le32(hdr->magic) != QTFS_MAGIC)
		return QTFS_FRAME_BAD_MAGIC;
	if (!info || (!reply && (info->flags & QTFS_FROM_SERVER)))
		return QTFS_FRAME_BAD_OP;
	if (!!(flags & QTFS_FRAME_REPLY) != !!reply ||
	    (flags & ~(QTFS_FRAME_REPLY | QTFS_FRAME_RESENT)) || (!reply && hdr->slots))
		return QTFS_FRAME_BAD_FLAGS;
	if (qtfs_le16(hdr->slots) > QTFS_SLOTS_MAX)
		return QTFS_FRAME_BAD_SLOT;
	if (status > QTFS_ERRNO_MAX || (status && !reply))
		return QTFS_FRAME_BAD_STATUS;

	if (data_len > max_data ||
	    (data_len && !(info->flags & (reply ? QTFS_DATA_IN : QTFS_DATA_OUT))))
		return QTFS_FRAME_BAD_COUNT;

	if (reply) {
		int has_body = !status || (info->flags & QTFS_HANDSHAKE);

		if (body_len != (has_body ? info->rep_body : 0) || (status && data_len))
			return QTFS_FRAME_BAD_LENGTH;
		if (len != sizeof(*hdr) + body_len + data_len)
			return QTFS_FRAME_BAD_LENGTH;
	} else {
		__u32 fixed = sizeof(*hdr) + sizeof(struct qtfs_req) + body_len + data_len;

		if (body_len != info->req_body)
			return QTFS_FRAME_BAD_LENGTH;
		if (len < fixed || len > fixed + QTFS_ARGS_MAX)
			return QTFS_FRAME_BAD_LENGTH;
	}
	return QTFS_FRAME_OK;
}

static inline int qtfs_object_ok(int named, int has, int may)
{
	return named ? has || may : !has;
}

/* Checks the second header of a request whose first one was found good. */
static inline enum qtfs_frame_error qtfs_check_req(const struct qtfs_hdr *hdr,
						   const struct qtfs_req *req)
{
	const struct qtfs_op_info *info = qtfs_op_info(qtfs_le16(hdr->op));
	__u16 flags = info->flags;
	__u32 i;

	if (qtfs_le32(req->ngroups) > QTFS_GROUPS_MAX)
		return QTFS_FRAME_BAD_COUNT;
	for (i = 0; i < 2; i++)
		if (!qtfs_name_len_ok((enum qtfs_name_kind)info->name_kind[i],
				      qtfs_le16(req->name_len[i])))
			return QTFS_FRAME_BAD_NAME;
	if (qtfs_le32(hdr->len) != sizeof(*hdr) + sizeof(*req) + qtfs_request_args_len(hdr, req) +
				   qtfs_le32(hdr->data_len))
		return QTFS_FRAME_BAD_LENGTH;

	if (!qtfs_object_ok(!!req->node, flags & QTFS_HAS_NODE, 0) ||
	    !qtfs_object_ok(!!req->node2, flags & QTFS_HAS_NODE2, flags & QTFS_MAY_NODE2) ||
	    !qtfs_object_ok(!!req->open, flags & QTFS_HAS_OPEN, flags & QTFS_MAY_OPEN))
		return QTFS_FRAME_BAD_OBJECT;
	if (req->reserved || qtfs_le16(req->umask) > 0777)
		return QTFS_FRAME_BAD_FIELD;
	return QTFS_FRAME_OK;
}

/* Begins the header of a frame of @len bytes in all, outside of any slot. */
static inline void qtfs_hdr_init(struct qtfs_hdr *hdr, unsigned int op, __u32 len)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->magic = qtfs_to_le32(QTFS_MAGIC);
	hdr->len = qtfs_to_le32(len);
	hdr->op = qtfs_to_le16(op);
	hdr->slot = qtfs_to_le32(QTFS_NO_SLOT);
}

/*
 * The size of the directory entry at @row, of which @left bytes are there, with
 * what follows its name.  0 if it isn't whole or no entry at all.
 */
static inline __u32 qtfs_dirent_size(const void *row, __u32 left)
{
	const struct qtfs_dirent *entry = (const struct qtfs_dirent *)row;
	__u32 len, size;

	if (left < sizeof(*entry))
		return 0;
	len = qtfs_le16(entry->name_len);
	size = (sizeof(*entry) + len + 7) & ~7u;
	if (entry->flags & QTFS_DIRENT_ENTRY)
		size += sizeof(struct qtfs_entry_rep);
	if (!len || len > QTFS_NAME_MAX || size > left ||
	    memchr(entry + 1, '/', len) || memchr(entry + 1, '\0', len))
		return 0;
	return size;
}

/* What follows the name of an entry with QTFS_DIRENT_ENTRY. */
static inline const struct qtfs_entry_rep *qtfs_dirent_entry(const struct qtfs_dirent *entry)
{
	__u32 at = (sizeof(*entry) + qtfs_le16(entry->name_len) + 7) & ~7u;

	return (const struct qtfs_entry_rep *)((const char *)entry + at);
}

/*
 * The next entry of a batch that brings a node, from @at on, which is moved past
 * it.  NULL at the end, or where the batch isn't whole.
 */
static inline const struct qtfs_dirent *qtfs_dirent_next_entry(const void *rows, __u32 len,
							       __u32 *at)
{
	const struct qtfs_dirent *entry;
	__u32 size;

	while ((size = qtfs_dirent_size((const char *)rows + *at, len - *at))) {
		entry = (const struct qtfs_dirent *)((const char *)rows + *at);
		*at += size;
		if (entry->flags & QTFS_DIRENT_ENTRY)
			return entry;
	}
	return (const struct qtfs_dirent *)0;
}

/* Where the parts of a request's arguments begin, given the first byte of them. */
static inline const void *qtfs_args_groups(const struct qtfs_hdr *hdr, const void *args)
{
	return (const char *)args + qtfs_le16(hdr->body_len);
}

static inline const char *qtfs_args_name(const struct qtfs_hdr *hdr, const struct qtfs_req *req,
					 const void *args, unsigned int which)
{
	return (const char *)args + qtfs_le16(hdr->body_len) + qtfs_le32(req->ngroups) * 4 +
	       (which ? qtfs_le16(req->name_len[0]) : 0);
}

static inline int qtfs_time_ok(const struct qtfs_time *time)
{
	return qtfs_le32(time->nsec) < 1000000000 && !time->reserved;
}

static inline int qtfs_setattr_ok(const struct qtfs_setattr *body)
{
	return !(qtfs_le32(body->valid) & ~QTFS_SET_ALL) && qtfs_le32(body->mode) <= 07777 &&
	       qtfs_time_ok(&body->atime) && qtfs_time_ok(&body->mtime);
}

static inline int qtfs_hello_ok(const struct qtfs_hello *body)
{
	return body->epoch && qtfs_le32(body->max_data) >= QTFS_DATA_MIN &&
	       qtfs_le16(body->version_min) <= qtfs_le16(body->version) &&
	       !(qtfs_le16(body->flags) & ~QTFS_HELLO_ALL);
}

static inline int qtfs_handle_ok(const struct qtfs_handle *handle)
{
	return handle->len <= QTFS_HANDLE_BYTES && !(handle->len % 4) &&
	       !handle->reserved[0] && !handle->reserved[1];
}

/* Two fields of 32 bits, the first with no bits but those of @known. */
static inline int qtfs_flags_ok(__le32 flags, __le32 reserved, __u32 known)
{
	return !(qtfs_le32(flags) & ~known) && !reserved;
}

static inline int qtfs_mount_flags_ok(__u32 flags, __u32 change)
{
	return !((flags | change) & ~QTFS_MOUNT_ALL) &&
	       (!change || flags & change & QTFS_MOUNT_REMOUNT);
}

/* The type is a word of printable characters with a NUL, and nothing but NULs after it. */
static inline int qtfs_mount_ok(const struct qtfs_mount *body)
{
	int ended = 0;
	__u32 i;

	for (i = 0; i < sizeof(body->type); i++) {
		if (!body->type[i])
			ended = 1;
		else if (ended || body->type[i] <= 0x20 || body->type[i] > 0x7e)
			return 0;
	}
	return ended && qtfs_mount_flags_ok(qtfs_le32(body->flags), qtfs_le32(body->change));
}

/* What is wanted of a terminal, and nothing beside. */
static inline int qtfs_terminal_ok(const struct qtfs_terminal *body)
{
	__u32 what = qtfs_le32(body->what);
	int modes = body->iflag || body->oflag || body->cflag || body->lflag || body->line;
	int size = body->rows || body->columns || body->xpixel || body->ypixel;
	__u32 i, most = 0;

	for (i = 0; i < QTFS_TERMINAL_CC; i++)
		modes = modes || body->cc[i];
	if (what == QTFS_TERMINAL_SET || what == QTFS_TERMINAL_FLUSH)
		most = 2;
	else if (what == QTFS_TERMINAL_QUEUED)
		most = 1;
	return !body->reserved && what && what <= QTFS_TERMINAL_QUEUED &&
	       qtfs_le32(body->arg) <= most && (!modes || what == QTFS_TERMINAL_SET) &&
	       (!size || what == QTFS_TERMINAL_SET_SIZE);
}

/* What is wanted of a process, and nothing beside. */
static inline int qtfs_process_ok(const struct qtfs_process *body)
{
	__u32 what = qtfs_le32(body->what);
	int limits = body->soft || body->hard;
	__u32 i, cpus = 0;

	for (i = 0; i < QTFS_PROCESS_CPUS; i++)
		cpus |= body->cpus[i];
	if (body->reserved || !what || what > QTFS_PROCESS_SET_LIMIT ||
	    (limits && what != QTFS_PROCESS_SET_LIMIT) ||
	    (cpus && what != QTFS_PROCESS_SET_CPUS))
		return 0;
	if (what == QTFS_PROCESS_KILL_GROUP) {
		/* 1 would be everybody to kill(2). */
		if (qtfs_le32(body->group) <= 1 || qtfs_le32(body->group) > 0x7fffffffu)
			return 0;
	} else if (body->group) {
		return 0;
	}
	return qtfs_le32(body->arg) <= (what <= QTFS_PROCESS_KILL_THREAD ? QTFS_SIGNAL_MAX :
					what >= QTFS_PROCESS_GET_LIMIT ? 255u : 0u);
}

/* Checks the fixed part of a request: unknown flags and reserved fields are errors. */
static inline int qtfs_body_ok(unsigned int op, const void *body)
{
	switch (op) {
	case QTFS_OP_HELLO:
		return qtfs_hello_ok((const struct qtfs_hello *)body);
	case QTFS_OP_AUTH: {
		const struct qtfs_auth *auth = (const struct qtfs_auth *)body;

		return !auth->reserved && qtfs_le32(auth->step) - 1 < 2;
	}
	case QTFS_OP_SETATTR:
		return qtfs_setattr_ok((const struct qtfs_setattr *)body);
	case QTFS_OP_MKDIR: {
		const struct qtfs_mkdir *mkdir = (const struct qtfs_mkdir *)body;

		return qtfs_flags_ok(mkdir->mode, mkdir->reserved, 07777);
	}
	case QTFS_OP_MKNOD:
		return qtfs_flags_ok(((const struct qtfs_mknod *)body)->mode, 0, 0177777);
	case QTFS_OP_RENAME: {
		const struct qtfs_rename *rename = (const struct qtfs_rename *)body;

		return qtfs_flags_ok(rename->flags, rename->reserved, 7);
	}
	case QTFS_OP_OPEN:
	case QTFS_OP_CREATE:
	case QTFS_OP_TMPFILE: {
		const struct qtfs_open *open = (const struct qtfs_open *)body;

		return qtfs_flags_ok(open->flags, 0, QTFS_O_MASK) &&
		       qtfs_flags_ok(open->mode, 0, 07777);
	}
	case QTFS_OP_OPEN_NAME:
		return qtfs_flags_ok(((const struct qtfs_open_name *)body)->flags, 0, QTFS_O_MASK);
	case QTFS_OP_OPEN_DIR: {
		const struct qtfs_open_dir *open = (const struct qtfs_open_dir *)body;

		return qtfs_flags_ok(open->flags, open->reserved, QTFS_O_MASK) &&
		       qtfs_flags_ok(open->list, 0, QTFS_READDIR_ENTRIES);
	}
	case QTFS_OP_READ:
		return !((const struct qtfs_read *)body)->reserved;
	case QTFS_OP_WRITE: {
		const struct qtfs_write *write = (const struct qtfs_write *)body;

		return qtfs_flags_ok(write->flags, write->reserved, QTFS_WRITE_ALL);
	}
	case QTFS_OP_READDIR:
		return qtfs_flags_ok(((const struct qtfs_readdir *)body)->flags, 0,
				     QTFS_READDIR_ENTRIES);
	case QTFS_OP_FSYNC: {
		const struct qtfs_fsync *fsync = (const struct qtfs_fsync *)body;

		return qtfs_flags_ok(fsync->flags, fsync->reserved, QTFS_FSYNC_DATA);
	}
	case QTFS_OP_FIND: {
		const struct qtfs_find *find = (const struct qtfs_find *)body;

		return !find->reserved && !(qtfs_le32(find->type) & ~0170000u) &&
		       qtfs_handle_ok(&find->handle);
	}
	case QTFS_OP_ECHO:
		return !((const struct qtfs_echo *)body)->reserved;
	case QTFS_OP_FALLOCATE:
		return !((const struct qtfs_fallocate *)body)->reserved;
	case QTFS_OP_LSEEK:
		return !((const struct qtfs_lseek *)body)->reserved;
	case QTFS_OP_CANCEL:
		return !((const struct qtfs_cancel *)body)->reserved;
	case QTFS_OP_LOCK: {
		const struct qtfs_lock *lock = (const struct qtfs_lock *)body;

		return qtfs_flags_ok(lock->flags, lock->reserved, QTFS_LOCK_ALL);
	}
	case QTFS_OP_OPEN_FIFO: {
		const struct qtfs_open_fifo *fifo = (const struct qtfs_open_fifo *)body;

		return qtfs_flags_ok(fifo->flags, 0, QTFS_O_MASK) &&
		       qtfs_le32(fifo->step) <= QTFS_FIFO_CANCEL;
	}
	case QTFS_OP_TERMINAL:
		return qtfs_terminal_ok((const struct qtfs_terminal *)body);
	case QTFS_OP_POLL:
		return qtfs_flags_ok(((const struct qtfs_poll *)body)->flags, 0, QTFS_POLL_WATCH);
	case QTFS_OP_FILEATTR_SET: {
		const struct qtfs_fileattr *fa = (const struct qtfs_fileattr *)body;

		return qtfs_flags_ok(fa->valid, fa->reserved,
				     QTFS_FILEATTR_FLAGS | QTFS_FILEATTR_FSX);
	}
	case QTFS_OP_COPY: {
		const struct qtfs_copy *copy = (const struct qtfs_copy *)body;

		return qtfs_flags_ok(copy->flags, copy->reserved,
				     QTFS_COPY_CLONE | QTFS_COPY_DEDUPE);
	}
	case QTFS_OP_GETXATTR:
	case QTFS_OP_LISTXATTR:
		return !((const struct qtfs_getxattr *)body)->reserved;
	case QTFS_OP_SETXATTR: {
		const struct qtfs_setxattr *set = (const struct qtfs_setxattr *)body;

		return qtfs_flags_ok(set->flags, set->reserved, 3);
	}
	case QTFS_OP_MOUNT:
		return qtfs_mount_ok((const struct qtfs_mount *)body);
	case QTFS_OP_UMOUNT: {
		const struct qtfs_umount *umount = (const struct qtfs_umount *)body;

		return qtfs_flags_ok(umount->flags, umount->reserved, QTFS_UMOUNT_ALL);
	}
	case QTFS_OP_PROCESS:
		return qtfs_process_ok((const struct qtfs_process *)body);
	default:
		return 1;
	}
}

/*
 * Checks names and body of a request whose headers were found good.  @args is
 * aligned to eight bytes.
 */
static inline enum qtfs_frame_error qtfs_check_args(const struct qtfs_hdr *hdr,
						    const struct qtfs_req *req, const void *args)
{
	const struct qtfs_op_info *info = qtfs_op_info(qtfs_le16(hdr->op));
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (!qtfs_name_ok((enum qtfs_name_kind)info->name_kind[i],
				  qtfs_args_name(hdr, req, args, i),
				  qtfs_le16(req->name_len[i])))
			return QTFS_FRAME_BAD_NAME;
	return qtfs_body_ok(qtfs_le16(hdr->op), args) ? QTFS_FRAME_OK : QTFS_FRAME_BAD_FIELD;
}

#endif /* QTFS_FRAME_H */
