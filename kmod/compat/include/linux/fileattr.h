/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Before 5.13 file attributes were read and set by ioctl alone. This is what the
 * functions behind ->fileattr_get and ->fileattr_set need in order to compile.
 */
#ifndef QTFS_COMPAT_FILEATTR_H
#define QTFS_COMPAT_FILEATTR_H

#include <linux/types.h>

struct fileattr {
	u32 flags;
	u32 fsx_xflags;
	u32 fsx_extsize;
	u32 fsx_nextents;
	u32 fsx_projid;
	u32 fsx_cowextsize;
	bool flags_valid:1;
	bool fsx_valid:1;
};

static inline void fileattr_fill_flags(struct fileattr *fa, u32 flags)
{
	*fa = (struct fileattr){ .flags = flags, .flags_valid = true };
}

static inline void fileattr_fill_xflags(struct fileattr *fa, u32 xflags)
{
	*fa = (struct fileattr){ .fsx_xflags = xflags, .fsx_valid = true };
}

static inline bool fileattr_has_fsx(const struct fileattr *fa)
{
	return fa->fsx_valid && (fa->fsx_extsize || fa->fsx_projid || fa->fsx_cowextsize);
}

#endif
