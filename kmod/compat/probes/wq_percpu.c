// SPDX-License-Identifier: GPL-2.0
/* WQ_PERCPU is said where it is meant (6.17). */
#include <linux/workqueue.h>

int probe_flags = WQ_PERCPU;
