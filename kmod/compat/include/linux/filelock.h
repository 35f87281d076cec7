/* SPDX-License-Identifier: GPL-2.0 */
/* Before 6.3 file locks were in fs.h. */
#include <linux/fs.h>
