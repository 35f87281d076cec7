/* SPDX-License-Identifier: GPL-2.0 */
/* Timers, work queues, random numbers, modules, classes, trace events. */
#ifndef QTFS_COMPAT_BASE_H
#define QTFS_COMPAT_BASE_H

#ifndef QTFS_HAVE_TIMER_DELETE
#define timer_delete(timer) del_timer(timer)
#endif

#ifndef QTFS_HAVE_TIMER_DELETE_SYNC
#define timer_delete_sync(timer) del_timer_sync(timer)
#endif

#ifndef QTFS_HAVE_TIMER_SHUTDOWN
/* Nothing keeps the timer from being armed again: the caller's own state must. */
#define timer_shutdown_sync(timer) del_timer_sync(timer)
#endif

#ifndef QTFS_HAVE_TIMER_CONTAINER_OF
#define timer_container_of(var, timer, field) from_timer(var, timer, field)
#endif

#ifndef QTFS_HAVE_HRTIMER_SETUP
#include <linux/hrtimer.h>
static inline void qtfs_hrtimer_setup(struct hrtimer *timer,
				      enum hrtimer_restart (*fn)(struct hrtimer *),
				      clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}

#define hrtimer_setup qtfs_hrtimer_setup
#endif

#ifndef QTFS_HAVE_WQ_PERCPU
#define WQ_PERCPU 0
#endif

#ifndef QTFS_HAVE_SYSTEM_PERCPU_WQ
#define system_percpu_wq system_wq
#define system_dfl_wq system_unbound_wq
#endif

#ifndef QTFS_HAVE_RANDOM_BELOW
#include <linux/random.h>
static inline u32 qtfs_get_random_u32_below(u32 ceil)
{
	return ((u64)get_random_u32() * ceil) >> 32;
}

#define get_random_u32_below qtfs_get_random_u32_below
#endif

#ifndef QTFS_HAVE_CLASS_CREATE_NAME
#include <linux/device/class.h>
#include <linux/export.h>
static inline struct class *qtfs_class_create(const char *name)
{
	return class_create(THIS_MODULE, name);
}

#undef class_create
#define class_create qtfs_class_create
#endif

#ifndef QTFS_HAVE_TASK_WORK_PENDING
#include <linux/sched.h>
#define task_work_pending(task) (!!READ_ONCE((task)->task_works))
#endif

#ifndef QTFS_HAVE_KOBJ_TYPE_CONST
#include <linux/kobject.h>
#define kobject_init(kobj, type) kobject_init(kobj, (struct kobj_type *)(type))
#define kobject_init_and_add(kobj, type, ...) \
	kobject_init_and_add(kobj, (struct kobj_type *)(type), __VA_ARGS__)
#endif

/* MODULE_IMPORT_NS(), whose argument is a string from 6.13 on. */
#ifdef QTFS_HAVE_IMPORT_NS_TOKEN
#define QTFS_MODULE_IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#else
#define QTFS_MODULE_IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#endif

/* __assign_str() of a trace event, which knows the source by itself from 6.10 on. */
#ifdef QTFS_HAVE_ASSIGN_STR
#define QTFS_ASSIGN_STR(field, src) __assign_str(field)
#else
#define QTFS_ASSIGN_STR(field, src) __assign_str(field, src)
#endif

#endif
