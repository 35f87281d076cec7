// SPDX-License-Identifier: GPL-2.0
/* kernel_sendpage() sends pages by reference; from 6.5 on sendmsg() does. */
#include <linux/net.h>

int probe(struct socket *sock, struct page *page)
{
	return kernel_sendpage(sock, page, 0, 1, 0);
}
