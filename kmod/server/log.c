// SPDX-License-Identifier: GPL-2.0
/* The kernel log, limited by level and by rate: a client must not fill it. */
#include "server/qtfsd.h"

#include <linux/printk.h>
#include <linux/ratelimit.h>

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
