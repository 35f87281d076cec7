// SPDX-License-Identifier: GPL-2.0
/* MODULE_IMPORT_NS() takes a bare word (until 6.12). */
#include <linux/module.h>

MODULE_IMPORT_NS(PROBE);
