// SPDX-License-Identifier: GPL-2.0
/*
 * PROCESS: signals to processes of this machine.
 *
 * The engine says who gets it, once the policy has been asked; it is sent in its
 * thread, while its answer is taken.  So no engine can die between a signal and
 * its answer, and none is sent twice or reported as sent when it wasn't.
 */
#include "server/qtfsd.h"

#include <linux/cred.h>
#include <linux/math64.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

/* Whether it's a signal that the module sends. */
bool qtfsd_process_signals(const struct qtfs_process *args)
{
	return args->what == cpu_to_le32(QTFS_PROCESS_KILL) ||
	       args->what == cpu_to_le32(QTFS_PROCESS_KILL_GROUP);
}

/*
 * The engine's thread has the caller's ids for files alone, and kill(2) asks about
 * the others.  Its capabilities are the caller's already.
 */
static struct cred *callers_cred(void)
{
	struct cred *cred = prepare_creds();

	if (!cred)
		return NULL;
	cred->uid = cred->fsuid;
	cred->euid = cred->fsuid;
	cred->suid = cred->fsuid;
	cred->gid = cred->fsgid;
	cred->egid = cred->fsgid;
	cred->sgid = cred->fsgid;
	return cred;
}

/* Whether the process of number @pid began when @start says, and is not another one by now. */
static bool began_at(struct pid *pid, u64 start)
{
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	bool same;

	if (!task)
		return false;
	same = div_u64(task->start_boottime, NSEC_PER_SEC / USER_HZ) == start;
	put_task_struct(task);
	return same;
}

/* In the engine's thread, with the caller's credentials. */
int qtfsd_process_signal(const struct qtfs_process *args, const struct qtfs_process_target *target)
{
	bool group = args->what == cpu_to_le32(QTFS_PROCESS_KILL_GROUP);
	int signal = le32_to_cpu(args->arg);
	const struct cred *before;
	struct pid *pid;
	struct cred *cred;
	int error;

	pid = find_get_pid(target->pid);
	if (!pid)
		return -ESRCH;
	cred = callers_cred();
	if (!cred) {
		put_pid(pid);
		return -ENOMEM;
	}
	before = override_creds(cred);
	if (group)
		error = kill_pgrp(pid, signal, 0);
	else
		error = began_at(pid, target->start) ? kill_pid(pid, signal, 0) : -ESRCH;
	revert_creds(before);
	put_cred(cred);
	put_pid(pid);
	return error;
}
