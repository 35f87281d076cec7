// SPDX-License-Identifier: GPL-2.0
/* del_timer_sync() became timer_delete_sync() (6.2). */
#include <linux/timer.h>

int probe(struct timer_list *timer)
{
	return timer_delete_sync(timer);
}
