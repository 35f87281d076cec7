// SPDX-License-Identifier: GPL-2.0
/* del_timer() became timer_delete() (6.2). */
#include <linux/timer.h>

int probe(struct timer_list *timer)
{
	return timer_delete(timer);
}
