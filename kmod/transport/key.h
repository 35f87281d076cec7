/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A key that both ends of a connection have, and proofs of that: see struct
 * qtfs_auth in common/wire.h.
 */
#ifndef QTFS_KEY_H
#define QTFS_KEY_H

#include <linux/types.h>

#include "wire.h"

struct qtfs_key;

/*
 * Takes the key of description @name from the caller's keyrings, see key.c.
 * Returns an ERR_PTR() of the keyrings' errors (-ENOKEY, -EKEYREVOKED,
 * -EKEYEXPIRED, -EACCES), -EINVAL if it's too short, -ENOENT where the kernel has no
 * HMAC, -ENOMEM.  May load modules.
 */
struct qtfs_key *qtfs_key_find(const char *name);
/* @key may be NULL. */
void qtfs_key_free(struct qtfs_key *key);

/* How the holder of @key, the server or the client, proves that it has it. */
int qtfs_key_prove(const struct qtfs_key *key, bool server, const u8 *client_nonce,
		   const u8 *server_nonce, u8 *proof);
/* Whether @proof is what qtfs_key_prove() makes: 0, -EKEYREJECTED, -ENOMEM. */
int qtfs_key_check(const struct qtfs_key *key, bool server, const u8 *client_nonce,
		   const u8 *server_nonce, const u8 *proof);

#endif /* QTFS_KEY_H */
