// SPDX-License-Identifier: GPL-2.0
/* system_wq became system_percpu_wq, system_unbound_wq system_dfl_wq (6.17). */
#include <linux/workqueue.h>

void probe(struct work_struct *work)
{
	queue_work(system_percpu_wq, work);
	queue_work(system_dfl_wq, work);
}
