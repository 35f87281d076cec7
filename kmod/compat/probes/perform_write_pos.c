// SPDX-License-Identifier: GPL-2.0
/* generic_perform_write() moves ki_pos (6.5, with direct_write_fallback()). */
#include <linux/fs.h>

ssize_t probe(struct kiocb *iocb, struct iov_iter *iter)
{
	return direct_write_fallback(iocb, iter, 0, 0);
}
