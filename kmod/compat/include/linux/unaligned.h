/* SPDX-License-Identifier: GPL-2.0 */
/* Before 6.12 this was an architecture's header. */
#include <asm/unaligned.h>
