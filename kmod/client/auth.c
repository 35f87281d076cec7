// SPDX-License-Identifier: GPL-2.0
/*
 * AUTH: the mount option key=.  Before HELLO on each of its connections a session
 * with a key lets the server prove that it has the same one, and then proves it
 * itself; see struct qtfs_auth in common/wire.h.
 *
 * Both steps have a frame of their own, since an answer may come before the
 * connection says that it's done with what was asked.  The answer is received by
 * the link's thread, as HELLO's, while who makes the link waits in
 * qtfs_link_greeting(): the completion counts one for each answer, and one for the
 * connection's end.
 */
#include "qtfs.h"

#include <linux/random.h>

#include "frame.h"
#include "transport/key.h"

static void auth_sent(struct qtfs_frame *frame, int error)
{
	/* The frame is part of the link, which outlives it: qtfs_conn_stop(). */
}

/* Sends step @step, which brings @bytes, and waits for its answer. */
static int auth_ask(struct qtfs_link *link, unsigned int step, const u8 *bytes)
{
	struct qtfs_auth_step *ask = &link->auth[step - 1];

	qtfs_hdr_init(&ask->wire.hdr, QTFS_OP_AUTH, sizeof(ask->wire));
	ask->wire.hdr.body_len = cpu_to_le16(sizeof(ask->wire.body));
	memcpy(ask->wire.body.bytes, bytes, sizeof(ask->wire.body.bytes));
	ask->wire.body.step = cpu_to_le32(step);
	ask->frame.head.iov_base = &ask->wire;
	ask->frame.head.iov_len = sizeof(ask->wire);
	ask->frame.done = auth_sent;
	qtfs_conn_send(&link->conn, &ask->frame);
	return qtfs_link_greeting(link);
}

/*
 * Both ends of @link, which has been connected, prove that they have the session's
 * key.  Returns 0, -EKEYREJECTED if the server has another one, -ENOKEY if it has
 * none, -ETIMEDOUT, or why the connection has ended.
 */
int qtfs_auth_link(struct qtfs_link *link)
{
	const struct qtfs_key *key = link->lane->session->key;
	u8 nonce[QTFS_AUTH_NONCE], proof[QTFS_AUTH_PROOF];
	int error;

	get_random_bytes(nonce, sizeof(nonce));
	error = auth_ask(link, 1, nonce);
	if (!error)
		error = qtfs_key_check(key, true, nonce, link->auth_rep.nonce,
				       link->auth_rep.proof);
	if (!error)
		error = qtfs_key_prove(key, false, nonce, link->auth_rep.nonce, proof);
	if (!error)
		error = auth_ask(link, 2, proof);
	WRITE_ONCE(link->proven, !error);
	return error;
}

/* Receives the answer to an AUTH.  In the link's thread. */
int qtfs_auth_receive(struct qtfs_link *link, const struct qtfs_hdr *hdr)
{
	int error;

	error = qtfs_conn_recv(&link->conn, &link->auth_rep, sizeof(link->auth_rep));
	if (!error)
		error = -(int)le32_to_cpu(hdr->status);
	link->error = error;
	complete(&link->greeting);
	return error;
}
