/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/qtfs on a client: what programs ask the server of a mount for that no file
 * operation says.  Objects are named by descriptors of files on the mount, O_PATH as well.
 *
 * The caller is who calls the ioctl; its capabilities count here and on the server.
 */
#ifndef QTFS_CTL_H
#define QTFS_CTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define QTFS_CTL_DEV	"/dev/qtfs"
#define QTFS_CTL_TYPE	0xf8

/*
 * mount(2) on the server.  EXDEV: source is of another mount than target; EINVAL: target
 * isn't on a mount of qtfs, or is its root.  CAP_SYS_ADMIN.
 */
struct qtfs_ctl_mount {
	__s32 target;
	__s32 source;		/* MS_BIND, MS_MOVE: what is bound or moved; else -1 */
	__u32 flags;		/* MS_* */
	__u32 change;		/* 0, or with MS_REMOUNT as in struct qtfs_mount in wire.h */
	__u64 name;		/* pointers to strings, 0 for none: the source as text, */
	__u64 type;		/* the type of the file system */
	__u64 options;		/* and its options */
};
#define QTFS_CTL_MOUNT	_IOW(QTFS_CTL_TYPE, 1, struct qtfs_ctl_mount)

/* umount2(2) on the server, of what is mounted at target there.  CAP_SYS_ADMIN. */
struct qtfs_ctl_umount {
	__s32 target;
	__u32 flags;		/* MNT_* */
};
#define QTFS_CTL_UMOUNT	_IOW(QTFS_CTL_TYPE, 2, struct qtfs_ctl_umount)

/*
 * What is said to a process of the server, whose directory in the server's /proc @target is;
 * members are those of struct qtfs_process and qtfs_process_rep in wire.h, without their
 * byte order.  ESRCH: it is no more; EACCES: the server's whitelist, [Kill]; EINVAL: target
 * isn't what @what needs.
 */
#define QTFS_CTL_PROCESS_CPUS	128

struct qtfs_ctl_process {
	__s32 target;
	__u32 what;
	__u32 arg;
	__u32 group;
	__u64 soft;		/* in and out */
	__u64 hard;
	__u8 cpus[QTFS_CTL_PROCESS_CPUS];	/* in and out */
};
#define QTFS_CTL_PROCESS	_IOWR(QTFS_CTL_TYPE, 3, struct qtfs_ctl_process)

#endif /* QTFS_CTL_H */
