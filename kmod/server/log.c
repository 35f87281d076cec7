// SPDX-License-Identifier: GPL-2.0
/* The kernel log, limited by level and by rate: a client must not fill it. */
#include "server/qtfsd.h"

#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

static const char *const level_names[] = {
	[QTFSD_LOG_NONE] = "NONE",
	[QTFSD_LOG_ERROR] = "ERROR",
	[QTFSD_LOG_WARN] = "WARN",
	[QTFSD_LOG_INFO] = "INFO",
	[QTFSD_LOG_DEBUG] = "DEBUG",
};

static int log_level_set(const char *val, const struct kernel_param *kp)
{
	int level = sysfs_match_string(level_names, val);

	if (level < 0) {
		pr_err("qtfs_log_level=%s: not NONE, ERROR, WARN, INFO or DEBUG\n", val);
		return -EINVAL;
	}
	WRITE_ONCE(*(int *)kp->arg, level);
	return 0;
}

static int log_level_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", level_names[READ_ONCE(*(int *)kp->arg)]);
}

const struct kernel_param_ops qtfsd_log_level_ops = {
	.set = log_level_set,
	.get = log_level_get,
};

/* Writes one line, without its end, if @level is wanted. */
void qtfsd_log(enum qtfsd_log_level level, const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 20);
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (level > READ_ONCE(qtfsd.log_level) || !__ratelimit(&limit))
		return;

	va_start(args, fmt);
	vaf.va = &args;
	if (level == QTFSD_LOG_ERROR)
		pr_err("%pV\n", &vaf);
	else if (level == QTFSD_LOG_WARN)
		pr_warn("%pV\n", &vaf);
	else
		pr_info("%pV\n", &vaf);
	va_end(args);
}
