// SPDX-License-Identifier: GPL-2.0
/* get_random_u32_below() (6.2). */
#include <linux/random.h>
#include <linux/prandom.h>

u32 probe(u32 ceil)
{
	return get_random_u32_below(ceil);
}
