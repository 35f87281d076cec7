// SPDX-License-Identifier: GPL-2.0
/*
 * Tickets: a file that a client has open becomes one of a program of this machine,
 * to which it was passed (SCM_RIGHTS); see common/uds.h.
 *
 * A ticket is the peer's word, by way of udsproxyd.  It names the client by 16 random
 * bytes that no other client knows, and an open of its session; what it asks for is
 * never more than that was opened for.  The policy was asked then, as permissions are:
 * an open file outlives both.
 *
 * The program gets an open file of its own.  The session's is read and written at
 * the client's positions; with a program that can set O_APPEND, or lock and unlock
 * through it, it couldn't be shared.
 */
#include "server/qtfsd.h"

#include <linux/uaccess.h>

#include "uds.h"

static_assert(QTFS_O_APPEND == O_APPEND && QTFS_O_NONBLOCK == O_NONBLOCK &&
	      QTFS_O_DSYNC == O_DSYNC && QTFS_O_SYNC == O_SYNC && QTFS_O_NOATIME == O_NOATIME);

/* Whether an open with @had may be passed as one with @flags. */
static int ticket_check(const struct inode *inode, u32 had, u32 flags)
{
	bool write = OPEN_FMODE(flags) & FMODE_WRITE;

	if (!S_ISREG(inode->i_mode) || (flags & ~QTFS_UDS_FLAGS) ||
	    (flags & QTFS_O_ACCMODE) == QTFS_O_ACCMODE)
		return -EINVAL;
	if ((OPEN_FMODE(flags) & ~OPEN_FMODE(had)) || (flags & ~had & QTFS_O_NOATIME))
		return -EACCES;
	return write && IS_APPEND(inode) && !(flags & QTFS_O_APPEND) ? -EPERM : 0;
}

static struct file *ticket_file(const struct qtfsd_open *open, u32 flags, u64 offset)
{
	int error = ticket_check(file_inode(open->file), open->flags, flags);
	struct file *file;
	loff_t at = 0;

	if (error)
		return ERR_PTR(error);
	file = dentry_open(&open->file->f_path, flags | O_LARGEFILE, open->file->f_cred);
	if (IS_ERR(file) || !offset)
		return file;
	at = vfs_llseek(file, offset, SEEK_SET);
	if (at >= 0)
		return file;
	fput(file);
	return ERR_PTR(at);
}

/* Returns the file that @ticket stands for, or an ERR_PTR(). */
static struct file *ticket_find(const struct qtfs_uds_ticket *ticket)
{
	struct qtfsd_session *session = qtfsd_session_get(ticket->client, ticket->epoch);
	struct qtfsd_open *open = session ? qtfsd_open_get(session, ticket->open) : NULL;
	struct file *file = ERR_PTR(-ENOENT);

	if (open)
		file = ticket_file(open, ticket->flags, ticket->offset);
	qtfsd_open_put(open);
	qtfsd_session_put(session);
	return file;
}

/* Returns a descriptor. */
int qtfsd_ticket_open(const struct qtfs_uds_ticket __user *arg)
{
	struct qtfs_uds_ticket ticket;
	struct file *file;
	int fd;

	if (copy_from_user(&ticket, arg, sizeof(ticket)))
		return -EFAULT;
	if (ticket.pad || ticket.offset > LLONG_MAX)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = ticket_find(&ticket);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}
