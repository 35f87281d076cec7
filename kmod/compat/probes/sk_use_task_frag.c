// SPDX-License-Identifier: GPL-2.0
/* sk->sk_use_task_frag (6.2), to be cleared by who sends in reclaim. */
#include <net/sock.h>

void probe(struct sock *sk)
{
	sk->sk_use_task_frag = false;
}
