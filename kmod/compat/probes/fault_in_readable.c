// SPDX-License-Identifier: GPL-2.0
/* fault_in_iov_iter_readable() (5.16). */
#include <linux/uio.h>

size_t probe(struct iov_iter *iter)
{
	return fault_in_iov_iter_readable(iter, 1);
}
