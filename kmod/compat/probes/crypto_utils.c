// SPDX-License-Identifier: GPL-2.0
/* crypto_memneq() has a header of its own (6.7). */
#include <crypto/utils.h>

unsigned long probe(const void *a, const void *b);
unsigned long probe(const void *a, const void *b)
{
	return crypto_memneq(a, b, 1);
}
