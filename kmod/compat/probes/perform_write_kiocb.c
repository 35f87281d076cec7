// SPDX-License-Identifier: GPL-2.0
/* generic_perform_write() takes a kiocb (5.16). */
#include <linux/fs.h>

ssize_t probe(struct kiocb *iocb, struct iov_iter *iter)
{
	return generic_perform_write(iocb, iter);
}
