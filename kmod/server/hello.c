// SPDX-License-Identifier: GPL-2.0
/*
 * HELLO: versions and sizes are agreed, and the connection joins its session.
 *
 * It is answered with a body in any case, so that a client of another version
 * can say what is wrong.  A connection whose HELLO failed may try again until
 * its time is up; after a good one a second is a bad frame (peer.c).
 */
#include "server/qtfsd.h"

/* Of QTFS_FEATURE_*. */
static u64 features(void)
{
	return qtfs_crc_available() ? QTFS_FEATURE_CRC : 0;
}

static int hello_join(struct qtfsd_call *call, const struct qtfs_hello *hello)
{
	const char *label = qtfs_args_name(&call->hdr, &call->req, call->args, 0);
	struct qtfs_hello_rep *rep = &call->reply.hello;
	struct qtfsd_peer *peer = call->peer;
	struct qtfsd_session *session;

	if (le16_to_cpu(hello->version) < QTFS_VERSION_MIN ||
	    le16_to_cpu(hello->version_min) > QTFS_VERSION) {
		qtfsd_log(QTFSD_LOG_WARN, "%s: speaks versions %u to %u, not %u to %u",
			  peer->conn.peer, le16_to_cpu(hello->version_min),
			  le16_to_cpu(hello->version), QTFS_VERSION_MIN, QTFS_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (qtfsd.key && !peer->proven) {
		qtfsd_log(QTFSD_LOG_WARN, "%s: has not shown that it has the key (key=)",
			  peer->conn.peer);
		return -ENOKEY;
	}

	session = qtfsd_session_join(peer, hello, label, le16_to_cpu(call->req.name_len[0]));
	if (IS_ERR(session)) {
		qtfsd_log(session == ERR_PTR(-ESTALE) ? QTFSD_LOG_INFO : QTFSD_LOG_WARN,
			  "%s: no session for it (%ld)", peer->conn.peer, PTR_ERR(session));
		return PTR_ERR(session);
	}
	cancel_delayed_work(&peer->hello_work);
	atomic_dec(&qtfsd.nr_strangers);

	rep->version = cpu_to_le16(min_t(u16, le16_to_cpu(hello->version), QTFS_VERSION));
	rep->session = cpu_to_le64(session->id);
	rep->features = hello->features & cpu_to_le64(features());
	rep->max_data = cpu_to_le32(session->max_data);
	rep->slots = cpu_to_le32(READ_ONCE(session->slots_granted));
	qtfsd_log(QTFSD_LOG_INFO, "%s: connection %u of session %llu, client %pUb \"%s\"",
		  peer->conn.peer, le16_to_cpu(hello->conn), session->id, &session->client,
		  session->label);
	return 0;
}

/* Answers the HELLO in @call, which isn't the caller's after. */
void qtfsd_hello(struct qtfsd_call *call)
{
	struct qtfs_hello_rep *rep = &call->reply.hello;
	struct qtfsd_peer *peer = call->peer;	/* this is its thread */
	bool crc;
	int error;

	memset(rep, 0, sizeof(*rep));
	memcpy(rep->boot, qtfsd.boot, sizeof(rep->boot));
	rep->version = cpu_to_le16(QTFS_VERSION);
	rep->version_min = cpu_to_le16(QTFS_VERSION_MIN);
	error = hello_join(call, call->args);
	call->in_module = true;
	crc = rep->features & cpu_to_le64(QTFS_FEATURE_CRC);
	qtfsd_reply(call, error);
	if (error)
		return;

	/* The answer is the first frame, and has no sum; then others may send here. */
	peer->conn.crc = crc;
	smp_store_release(&peer->greeted, true);	/* pairs with notify.c */
	if (peer->rejoined)
		qtfsd_notify_all(peer->session);
}
