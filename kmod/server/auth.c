// SPDX-License-Identifier: GPL-2.0
/*
 * AUTH, and the parameter key=: who connects has to have the same key.
 *
 * A server with a key answers no HELLO on a connection that hasn't proved it.  The
 * first step shows the client that we have the key, so that it doesn't give its own
 * proof, and later its files, to somebody else.  A nonce is good for one attempt.
 *
 * What is proved is who began the connection.  Frames after it aren't encrypted: who
 * can change what is on the wire can change them.
 */
#include "server/qtfsd.h"

#include <linux/module.h>
#include <linux/random.h>

#include "transport/key.h"

static char *key;
module_param(key, charp, 0444);
MODULE_PARM_DESC(key, "Description of the key that clients must have (default: none)");

/* Finds the key; there is none without the parameter. */
int qtfsd_auth_init(void)
{
	struct qtfs_key *found;

	if (!key || !*key)
		return 0;
	found = qtfs_key_find(key);
	if (IS_ERR(found)) {
		if (PTR_ERR(found) == -EINVAL)
			pr_err("key=%s: it has less than %u bytes\n", key, QTFS_AUTH_KEY_MIN);
		else
			pr_err("key=%s: no such key in the keyrings of who loads this module (%ld)\n",
			       key, PTR_ERR(found));
		return PTR_ERR(found);
	}
	qtfsd.key = found;
	return 0;
}

void qtfsd_auth_exit(void)
{
	qtfs_key_free(qtfsd.key);
	qtfsd.key = NULL;
}

static int auth_begin(struct qtfsd_peer *peer, const u8 *nonce, struct qtfs_auth_rep *rep)
{
	int error;

	if (!qtfsd.key)
		return -ENOKEY;
	memcpy(peer->client_nonce, nonce, sizeof(peer->client_nonce));
	get_random_bytes(peer->server_nonce, sizeof(peer->server_nonce));
	error = qtfs_key_prove(qtfsd.key, true, peer->client_nonce, peer->server_nonce,
			       rep->proof);
	if (error)
		return error;
	memcpy(rep->nonce, peer->server_nonce, sizeof(rep->nonce));
	peer->challenged = true;
	return 0;
}

static int auth_end(struct qtfsd_peer *peer, const u8 *proof)
{
	int error;

	if (!peer->challenged)
		return -EKEYREJECTED;
	peer->challenged = false;
	error = qtfs_key_check(qtfsd.key, false, peer->client_nonce, peer->server_nonce, proof);
	if (error)
		qtfsd_log(QTFSD_LOG_WARN, "%s: has not the key (%d)", peer->conn.peer, error);
	peer->proven = !error;
	return error;
}

/* Answers the AUTH in @call, which isn't the caller's after. */
void qtfsd_auth(struct qtfsd_call *call)
{
	const struct qtfs_auth *auth = call->args;
	struct qtfs_auth_rep *rep = &call->reply.auth;
	struct qtfsd_peer *peer = call->peer;	/* this is its thread */
	int error;

	memset(rep, 0, sizeof(*rep));
	if (le32_to_cpu(auth->step) == 1)
		error = auth_begin(peer, auth->bytes, rep);
	else
		error = auth_end(peer, auth->bytes);
	call->in_module = true;
	qtfsd_reply(call, error);
}
