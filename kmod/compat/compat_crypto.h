/* SPDX-License-Identifier: GPL-2.0 */
/* crypto_memneq(). */
#ifndef QTFS_COMPAT_CRYPTO_H
#define QTFS_COMPAT_CRYPTO_H

#ifdef QTFS_HAVE_CRYPTO_UTILS
#include <crypto/utils.h>
#else
#include <crypto/algapi.h>
#endif

#endif
