// SPDX-License-Identifier: GPL-2.0
/* crc32c() is the kernel's own and needs no module (6.15). */
#include <linux/crc32.h>

u32 probe(const void *p, size_t len);
u32 probe(const void *p, size_t len)
{
	return crc32c(0, p, len);
}
