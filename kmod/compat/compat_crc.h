/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crc32c.  Before 6.15 the function is in a module that insmod(8) doesn't load
 * along with ours; the crypto API, which is used then, loads by itself what it
 * needs.
 */
#ifndef QTFS_COMPAT_CRC_H
#define QTFS_COMPAT_CRC_H

#ifdef QTFS_HAVE_CRC32C_LIB

#include <linux/crc32.h>

static inline int qtfs_crc32c_init(void)
{
	return 0;
}

static inline void qtfs_crc32c_exit(void)
{
}

#define qtfs_crc32c crc32c

#else

#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/kmod.h>

static struct crypto_shash *qtfs_crc32c_tfm;

static inline int qtfs_crc32c_init(void)
{
	/* One that computes bit by bit is built in, and keeps the processor's own from loading. */
	request_module("crypto-crc32c");
	qtfs_crc32c_tfm = crypto_alloc_shash("crc32c", 0, 0);
	return PTR_ERR_OR_ZERO(qtfs_crc32c_tfm);
}

static inline void qtfs_crc32c_exit(void)
{
	crypto_free_shash(qtfs_crc32c_tfm);
}

static inline u32 qtfs_crc32c(u32 crc, const void *p, size_t len)
{
	SHASH_DESC_ON_STACK(desc, qtfs_crc32c_tfm);

	desc->tfm = qtfs_crc32c_tfm;
	*(u32 *)shash_desc_ctx(desc) = crc;
	crypto_shash_update(desc, p, len);
	return *(u32 *)shash_desc_ctx(desc);
}

#endif
#endif
