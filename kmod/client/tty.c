// SPDX-License-Identifier: GPL-2.0
/*
 * Terminals are the server's: the other side of a pseudo terminal, where an emulator
 * or a container's runtime there has the master.
 *
 * Such a file is a stream as a FIFO is (fifo.c), and what is asked of it beside data is a
 * TERMINAL of its own.  It is nobody's controlling terminal here: no signals come
 * from it.  Other devices are opened by nobody, since their numbers mean another
 * device here; a terminal's number is not looked at but for what it is.
 */
#include "qtfs.h"

#include <linux/major.h>
#include <linux/termios.h>
#include <linux/uaccess.h>

#define PTY_MAJORS	8	/* UNIX98_PTY_SLAVE_MAJOR and the following */

bool qtfs_is_terminal(const struct inode *inode)
{
	return S_ISCHR(inode->i_mode) && imajor(inode) >= UNIX98_PTY_SLAVE_MAJOR &&
	       imajor(inode) < UNIX98_PTY_SLAVE_MAJOR + PTY_MAJORS;
}

static int tty_open(struct inode *inode, struct file *file)
{
	struct qtfs_open body = {
		.flags = cpu_to_le32(qtfs_open_flags(file) & (QTFS_O_ACCMODE | QTFS_O_NONBLOCK)),
	};
	struct qtfs_open_rep rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_OPEN,
		.dentry = file_dentry(file),
		.body = &body,
		.reply = &rep,
	};
	int error;

	error = qtfs_rpc_call(qtfs_session_of(inode->i_sb), &rpc);
	if (error)
		return error;
	qtfs_update_inode(inode, &rep.attr, &rpc.age);
	return qtfs_open_attach(file, &rep, &rpc.age);
}

static int terminal_rpc(struct file *file, struct qtfs_terminal *body)
{
	struct qtfs_terminal rep;
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_TERMINAL,
		.file = qtfs_file(file),
		.body = body,
		.reply = &rep,
	};
	int error;

	error = qtfs_rpc_call(qtfs_session_of(file_inode(file)->i_sb), &rpc);
	if (!error)
		*body = rep;
	return error;
}

static int get_modes(struct file *file, struct termios __user *to)
{
	struct qtfs_terminal body = { .what = cpu_to_le32(QTFS_TERMINAL_GET) };
	struct termios modes = { };
	int error;

	error = terminal_rpc(file, &body);
	if (error)
		return error;
	modes.c_iflag = le32_to_cpu(body.iflag);
	modes.c_oflag = le32_to_cpu(body.oflag);
	modes.c_cflag = le32_to_cpu(body.cflag);
	modes.c_lflag = le32_to_cpu(body.lflag);
	modes.c_line = body.line;
	memcpy(modes.c_cc, body.cc, min(sizeof(modes.c_cc), sizeof(body.cc)));
	return copy_to_user(to, &modes, sizeof(modes)) ? -EFAULT : 0;
}

static int set_modes(struct file *file, u32 when, const struct termios __user *from)
{
	struct qtfs_terminal body = {
		.what = cpu_to_le32(QTFS_TERMINAL_SET),
		.arg = cpu_to_le32(when),
	};
	struct termios modes;

	if (copy_from_user(&modes, from, sizeof(modes)))
		return -EFAULT;
	body.iflag = cpu_to_le32(modes.c_iflag);
	body.oflag = cpu_to_le32(modes.c_oflag);
	body.cflag = cpu_to_le32(modes.c_cflag);
	body.lflag = cpu_to_le32(modes.c_lflag);
	body.line = modes.c_line;
	memcpy(body.cc, modes.c_cc, min(sizeof(modes.c_cc), sizeof(body.cc)));
	return terminal_rpc(file, &body);
}

static int get_size(struct file *file, struct winsize __user *to)
{
	struct qtfs_terminal body = { .what = cpu_to_le32(QTFS_TERMINAL_GET_SIZE) };
	struct winsize size = { };
	int error;

	error = terminal_rpc(file, &body);
	if (error)
		return error;
	size.ws_row = le16_to_cpu(body.rows);
	size.ws_col = le16_to_cpu(body.columns);
	size.ws_xpixel = le16_to_cpu(body.xpixel);
	size.ws_ypixel = le16_to_cpu(body.ypixel);
	return copy_to_user(to, &size, sizeof(size)) ? -EFAULT : 0;
}

static int set_size(struct file *file, const struct winsize __user *from)
{
	struct qtfs_terminal body = { .what = cpu_to_le32(QTFS_TERMINAL_SET_SIZE) };
	struct winsize size;

	if (copy_from_user(&size, from, sizeof(size)))
		return -EFAULT;
	body.rows = cpu_to_le16(size.ws_row);
	body.columns = cpu_to_le16(size.ws_col);
	body.xpixel = cpu_to_le16(size.ws_xpixel);
	body.ypixel = cpu_to_le16(size.ws_ypixel);
	return terminal_rpc(file, &body);
}

static int flush(struct file *file, unsigned long which)
{
	struct qtfs_terminal body = {
		.what = cpu_to_le32(QTFS_TERMINAL_FLUSH),
		.arg = cpu_to_le32(which),
	};

	return which <= 2 ? terminal_rpc(file, &body) : -EINVAL;
}

static int queued(struct file *file, u32 which, int __user *to)
{
	struct qtfs_terminal body = {
		.what = cpu_to_le32(QTFS_TERMINAL_QUEUED),
		.arg = cpu_to_le32(which),
	};
	int error;

	error = terminal_rpc(file, &body);
	return error ?: put_user(le32_to_cpu(body.arg), to);
}

static long tty_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TCGETS:
		return get_modes(file, p);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_modes(file, cmd - TCSETS, p);
	case TIOCGWINSZ:
		return get_size(file, p);
	case TIOCSWINSZ:
		return set_size(file, p);
	case TCFLSH:
		return flush(file, arg);
	case TIOCINQ:
		return queued(file, 0, p);
	case TIOCOUTQ:
		return queued(file, 1, p);
	default:
		return -ENOTTY;
	}
}

const struct file_operations qtfs_tty_ops = {
	.open = tty_open,
	.release = qtfs_fifo_release,
	.read_iter = qtfs_fifo_read_iter,
	.write_iter = qtfs_fifo_write_iter,
	.poll = qtfs_poll,
	.unlocked_ioctl = tty_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.setlease = QTFS_NOSETLEASE,
};
