// SPDX-License-Identifier: GPL-2.0
/* user_backed_iter() (6.0). */
#include <linux/uio.h>

bool probe(struct iov_iter *iter)
{
	return user_backed_iter(iter);
}
