/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included ahead of every source file by the compiler's command line. The code
 * is written for the newest kernel; here older ones get its names. What a kernel
 * has is found out by probe.sh, which writes autoconf.h.
 *
 * A header below includes kernel headers only where it has something to add to
 * them: on the newest kernel all of this is next to nothing.
 */
#ifndef QTFS_COMPAT_H
#define QTFS_COMPAT_H

#include "compat/autoconf.h"

#include "compat/compat_base.h"
#include "compat/compat_idmap.h"
#include "compat/compat_folio.h"
#include "compat/compat_inode.h"
#include "compat/compat_fs.h"
#include "compat/compat_acl.h"
#include "compat/compat_mm.h"
#include "compat/compat_uio.h"
#include "compat/compat_sock.h"
#include "compat/compat_ops.h"

#endif
