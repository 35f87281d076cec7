// SPDX-License-Identifier: GPL-2.0
/*
 * Pre-shared keys, from the kernel's keyrings.
 *
 * A key is one of type "logon", whose content user space can't read, or else of
 * type "user".  It's read once, when the mount is made or the server begins: what
 * is kept is a keyed HMAC, which doesn't change after and so is used by any number
 * of connections at once, without memory that a connection might have to wait for.
 *
 * The texts of both ends differ, so that neither's proof can be sent back to it, and
 * each end adds a nonce of its own, so that no proof is good twice.
 */
#include "transport/key.h"

#include <crypto/hash.h>
#include <linux/key.h>
#include <linux/slab.h>
#include <keys/user-type.h>

#include "compat/compat_crypto.h"

struct qtfs_key {
	struct crypto_shash *hmac;
};

static struct key *find(const char *name)
{
	struct key *key = ERR_PTR(-ENOKEY);

	/* A logon key has a name of the form SERVICE:NAME. */
	if (strchr(name, ':'))
		key = request_key(&key_type_logon, name, NULL);
	if (key == ERR_PTR(-ENOKEY))
		key = request_key(&key_type_user, name, NULL);
	return key;
}

/* Under key->sem. */
static int take(struct crypto_shash *hmac, struct key *key)
{
	const struct user_key_payload *payload = user_key_payload_locked(key);

	if (!payload)
		return -EKEYREVOKED;
	if (payload->datalen < QTFS_AUTH_KEY_MIN)
		return -EINVAL;
	return crypto_shash_setkey(hmac, payload->data, payload->datalen);
}

struct qtfs_key *qtfs_key_find(const char *name)
{
	struct qtfs_key *key = kzalloc(sizeof(*key), GFP_KERNEL);
	struct key *from;
	int error;

	if (!key)
		return ERR_PTR(-ENOMEM);
	from = find(name);
	if (IS_ERR(from)) {
		error = PTR_ERR(from);
		goto err_free;
	}
	key->hmac = crypto_alloc_shash("hmac(sha256)", 0, 0);
	if (IS_ERR(key->hmac)) {
		error = PTR_ERR(key->hmac);
		goto err_put;
	}
	down_read(&from->sem);
	error = key_validate(from) ?: take(key->hmac, from);
	up_read(&from->sem);
	if (error)
		goto err_hmac;
	key_put(from);
	return key;

err_hmac:
	crypto_free_shash(key->hmac);
err_put:
	key_put(from);
err_free:
	kfree(key);
	return ERR_PTR(error);
}

void qtfs_key_free(struct qtfs_key *key)
{
	if (!key)
		return;
	crypto_free_shash(key->hmac);
	kfree(key);
}

int qtfs_key_prove(const struct qtfs_key *key, bool server, const u8 *client_nonce,
		   const u8 *server_nonce, u8 *proof)
{
	struct qtfs_auth_text text = {};

	strscpy((char *)text.who, server ? "qtfs server" : "qtfs client", sizeof(text.who));
	memcpy(text.client, client_nonce, sizeof(text.client));
	memcpy(text.server, server_nonce, sizeof(text.server));
	return crypto_shash_tfm_digest(key->hmac, (const u8 *)&text, sizeof(text), proof);
}

int qtfs_key_check(const struct qtfs_key *key, bool server, const u8 *client_nonce,
		   const u8 *server_nonce, const u8 *proof)
{
	u8 right[QTFS_AUTH_PROOF];
	int error;

	error = qtfs_key_prove(key, server, client_nonce, server_nonce, right);
	if (!error && crypto_memneq(right, proof, sizeof(right)))
		error = -EKEYREJECTED;
	memzero_explicit(right, sizeof(right));
	return error;
}
