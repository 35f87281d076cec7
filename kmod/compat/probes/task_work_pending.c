// SPDX-License-Identifier: GPL-2.0
/* task_work_pending() (5.18). */
#include <linux/sched.h>
#include <linux/task_work.h>

bool probe(struct task_struct *task)
{
	return task_work_pending(task);
}
