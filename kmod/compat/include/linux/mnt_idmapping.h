/* SPDX-License-Identifier: GPL-2.0 */
/* Before 5.17 there were no idmaps: see compat_idmap.h. */
#include <linux/fs.h>
