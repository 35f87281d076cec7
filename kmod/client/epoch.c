// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of requests when their epoch is over: the server has forgotten the
 * session (recover.c), or the session itself has ended.
 *
 * Their slots and sequence numbers mean nothing any more, so all are taken out of
 * their slots.  Callers who wait are told -QTFS_RESTARTED, find the numbers of what
 * they want again and repeat the request (replay.c).  Nobody would repeat READs and
 * WRITEs of the page cache: they are parked and sent again with new numbers when
 * what was open is open again.
 */
#include "qtfs.h"

/* Takes all requests out of their slots, into @list. */
static void slots_empty(struct qtfs_session *session, struct list_head *list)
{
	u32 slot;

	for (slot = 0; slot < session->slots_top; slot++) {
		struct qtfs_request *req = session->slots[slot];

		session->seqs[slot] = 0;
		if (!req)
			continue;
		qtfs_slot_put_locked(session, req);
		req->link = NULL;
		list_add_tail(&req->list, list);
	}
}

/*
 * The session gets its next epoch, and nothing is under way in it.  No link is left.
 * READs and WRITEs that nobody would repeat are kept until they can be sent again.
 */
bool qtfs_requests_restart(struct qtfs_session *session, u64 epoch)
{
	struct qtfs_request *req, *next;
	LIST_HEAD(ended);

	spin_lock(&session->lock);
	if (session->epoch != epoch) {
		spin_unlock(&session->lock);
		return false;		/* another lane was first */
	}
	/* At umount nothing is opened again: what still needs an open file fails. */
	WRITE_ONCE(session->recovering, !session->quiet);
	session->joined = false;
	/* Whatever is under way is older than what will come. */
	WRITE_ONCE(session->stamp_base, session->stamp + 1);
	WRITE_ONCE(session->stamp, session->stamp_base);
	smp_store_release(&session->epoch, session->epoch + 1);	/* see qtfs_rpc_resolve() */
	slots_empty(session, &ended);
	list_for_each_entry_safe(req, next, &ended, list)
		if (req->file && !req->abandoned && !session->quiet)
			list_move_tail(&req->list, &session->parked);
	spin_unlock(&session->lock);

	list_for_each_entry_safe(req, next, &ended, list) {
		list_del_init(&req->list);
		qtfs_request_end(req, -QTFS_RESTARTED);
	}
	wake_up_all(&session->slot_wait);
	return true;
}

static struct qtfs_request *parked_take(struct qtfs_session *session)
{
	struct qtfs_request *req;

	spin_lock(&session->lock);
	req = list_first_entry_or_null(&session->parked, struct qtfs_request, list);
	if (req)
		list_del_init(&req->list);
	spin_unlock(&session->lock);
	return req;
}

/* Puts @req into a slot again, with the number that its file has now. */
static int unpark(struct qtfs_session *session, struct qtfs_request *req)
{
	struct qtfs_req *wire = (void *)((struct qtfs_hdr *)req->head + 1);
	struct qtfs_rpc rpc = { .op = req->op, .file = req->file };
	int error;

	error = qtfs_rpc_resolve(session, &rpc);
	if (error)
		return error;
	wire->open = cpu_to_le64(rpc.open);
	req->age.epoch = rpc.epoch;
	error = qtfs_slot_get(session, req, true);
	if (!error)
		qtfs_request_send(session, req);
	return error;
}

/* Sends again what qtfs_requests_restart() has kept. */
void qtfs_requests_unpark(struct qtfs_session *session)
{
	struct qtfs_request *req;
	int error;

	while ((req = parked_take(session))) {
		error = unpark(session, req);
		if (!error) {
			qtfs_request_put(req);
		} else if (error != -QTFS_RESTARTED) {
			qtfs_request_end(req, error);
		} else {
			spin_lock(&session->lock);
			list_add(&req->list, &session->parked);
			spin_unlock(&session->lock);
			return;
		}
	}
}

/* On a soft mount. */
void qtfs_requests_time_out_parked(struct qtfs_session *session)
{
	unsigned long patience = msecs_to_jiffies(qtfs_session_patience(session));
	struct qtfs_request *req, *next;
	LIST_HEAD(ended);

	spin_lock(&session->lock);
	list_for_each_entry_safe(req, next, &session->parked, list)
		if (time_after_eq(jiffies, req->asked + patience))
			list_move_tail(&req->list, &ended);
	spin_unlock(&session->lock);
	list_for_each_entry_safe(req, next, &ended, list) {
		list_del_init(&req->list);
		qtfs_request_end(req, -ETIMEDOUT);
	}
}

/*
 * Ends every request that waits for a reply.  The session has ended, so that no
 * new one comes, and no link is left.
 */
void qtfs_requests_fail(struct qtfs_session *session, int error)
{
	struct qtfs_request *req;
	u32 slot;

	for (slot = 0; slot < session->slots_top; slot++) {
		spin_lock(&session->lock);
		req = session->slots[slot];
		if (req)
			qtfs_slot_put_locked(session, req);
		spin_unlock(&session->lock);
		if (req)
			qtfs_request_end(req, error);
	}
	while ((req = parked_take(session)))
		qtfs_request_end(req, error);
	wake_up_all(&session->slot_wait);
}
