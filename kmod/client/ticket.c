// SPDX-License-Identifier: GPL-2.0
/*
 * Tickets: by what the server's udsproxyd finds a file that is open here and is being
 * passed to a program there (SCM_RIGHTS); see common/uds.h.
 *
 * A ticket holds nothing.  Who asks for one keeps the file open until the server has
 * taken it.  If the server is restarted meanwhile, it is of an epoch that has ended,
 * and refused.
 */
#include "qtfs.h"

#include <linux/capability.h>
#include <linux/uaccess.h>

#include "uds.h"

static int ticket_fill(struct qtfs_uds_ticket *ticket, struct file *file)
{
	const struct qtfs_file *qf = qtfs_file(file);
	int error;

	/* The server's program has to see what was written. */
	error = qtfs_clean(file_inode(file)) ?: READ_ONCE(qf->error);
	if (error)
		return error;
	memset(ticket, 0, sizeof(*ticket));
	memcpy(ticket->client, qtfs_session_of(file_inode(file)->i_sb)->client,
	       sizeof(ticket->client));
	ticket->epoch = smp_load_acquire(&qf->epoch);	/* pairs with file_renew() */
	ticket->open = READ_ONCE(qf->open);
	ticket->offset = READ_ONCE(file->f_pos);
	ticket->flags = qtfs_open_flags(file) & QTFS_UDS_FLAGS;
	return 0;
}

/* ->unlocked_ioctl of regular files. */
long qtfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct qtfs_uds_ticket ticket;
	int error;

	if (cmd != QTFS_UDS_TICKET)
		return -ENOTTY;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	error = ticket_fill(&ticket, file);
	if (error)
		return error;
	return copy_to_user((void __user *)arg, &ticket, sizeof(ticket)) ? -EFAULT : 0;
}
