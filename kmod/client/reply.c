// SPDX-License-Identifier: GPL-2.0
/*
 * Replies: whose they are, their way into the request's memory, and what becomes
 * of objects that come for a caller who is gone.
 *
 * One link's thread at a time receives the reply to a request (receiving), which
 * keeps its slot meanwhile: if the link breaks in the middle, the request is sent
 * again on another one.
 */
#include "qtfs.h"

#include "frame.h"

int qtfs_bad_frame(struct qtfs_session *session, unsigned int bad)
{
	atomic64_inc(&session->bad_frames);
	qtfs_log(ERROR, "%s: the server sent a bad %s, closing the connection",
		 qtfs_session_text(session), qtfs_frame_strerror(bad));
	return -EPROTO;
}

/* Whether the reply with header @hdr is one to @req. */
static bool reply_fits(const struct qtfs_request *req, const struct qtfs_hdr *hdr)
{
	u16 op = le16_to_cpu(hdr->op);

	return req->seq == le64_to_cpu(hdr->seq) &&
	       (req->op == op || (req->abandoned && op == QTFS_OP_PING));
}

/*
 * Finds whom the reply with header @hdr answers, and marks it as receiving.
 * NULL: nobody, and *@late says whether it's a repeat of a reply that has come
 * already, or is coming.
 */
static struct qtfs_request *reply_match(struct qtfs_session *session, const struct qtfs_hdr *hdr,
					bool *late)
{
	u64 seq = le64_to_cpu(hdr->seq);
	u32 slot = le32_to_cpu(hdr->slot);
	struct qtfs_request *req = NULL;

	*late = false;
	spin_lock(&session->lock);
	if (slot < session->slots_top) {
		req = session->slots[slot];
		*late = seq && (req ? seq < req->seq || (seq == req->seq && req->receiving) :
				      seq <= session->seqs[slot]);
		if (req && (*late || !reply_fits(req, hdr)))
			req = NULL;
		if (req)
			req->receiving = true;
	}
	spin_unlock(&session->lock);
	return req;
}

/*
 * Receives the parts of @req's reply.  Pages of a request that has timed out are
 * somebody else's by now; memory of a killed caller's is the request's own.
 */
static int receive_parts(struct qtfs_conn *conn, struct qtfs_request *req,
			 const struct qtfs_hdr *hdr)
{
	u32 data_len = le32_to_cpu(hdr->data_len);
	struct iov_iter to;
	bool abandoned;
	int error;

	if (data_len > req->in_max)
		return qtfs_bad_frame(req->session, QTFS_FRAME_BAD_COUNT);
	/* An earlier link may have broken in the middle of a longer one. */
	req->in_len = 0;
	error = qtfs_conn_recv(conn, req->reply, le16_to_cpu(hdr->body_len));
	if (error || !data_len)
		return error;
	spin_lock(&req->session->lock);
	abandoned = req->abandoned && req->complete;
	spin_unlock(&req->session->lock);
	if (abandoned)
		return qtfs_conn_discard(conn, data_len);
	qtfs_buf_iter(req->in, ITER_DEST, data_len, &to);
	req->in_len = data_len;
	return qtfs_conn_recv_iter(conn, &to);
}

/*
 * What the reply with header @hdr says went wrong.  From ERESTARTSYS on, errnos are what
 * the parts of a kernel say to each other: the VFS does not survive EIOCBQUEUED.
 */
static int reply_error(const struct qtfs_hdr *hdr)
{
	u32 status = le32_to_cpu(hdr->status);

	return status < ERESTARTSYS ? -(int)status : -EIO;
}

int qtfs_request_receive(struct qtfs_link *link)
{
	struct qtfs_session *session = link->lane->session;
	struct qtfs_conn *conn = &link->conn;
	enum qtfs_frame_error bad;
	struct qtfs_request *req;
	struct qtfs_hdr hdr;
	bool late, more = false;
	int error;

	error = qtfs_conn_recv_hdr(conn, &hdr);
	if (error)
		return error;
	bad = qtfs_check_hdr(&hdr, true, session->max_data);
	if (bad)
		return qtfs_bad_frame(session, bad);
	if (le16_to_cpu(hdr.op) == QTFS_OP_NOTIFY)
		return qtfs_notify_receive(session, conn, &hdr);
	if (le16_to_cpu(hdr.op) == QTFS_OP_PING && hdr.slot == cpu_to_le32(QTFS_NO_SLOT))
		return 0;			/* link.c knows that it has come */
	req = reply_match(session, &hdr, &late);
	if (!req && late) {
		atomic64_inc(&session->late);
		return qtfs_conn_discard(conn, le32_to_cpu(hdr.len) - sizeof(hdr));
	}
	if (!req)
		return qtfs_bad_frame(session, QTFS_FRAME_BAD_SLOT);

	error = receive_parts(conn, req, &hdr);
	if (!error && !qtfs_conn_crc_good(conn))
		error = qtfs_bad_frame(session, QTFS_FRAME_BAD_CRC);
	req->age.stamp = session->stamp_base + le64_to_cpu(hdr.stamp);
	spin_lock(&session->lock);
	req->receiving = false;
	if (!error)
		qtfs_slot_put_locked(session, req);
	if (!error && hdr.slots)
		more = qtfs_session_grant(session, le16_to_cpu(hdr.slots));
	spin_unlock(&session->lock);
	if (error)
		return error;
	if (more)
		wake_up_all(&session->slot_wait);
	link->answers++;
	qtfs_request_end(req, reply_error(&hdr));
	return 0;
}

void qtfs_reply_give_back(struct qtfs_request *req)
{
	struct qtfs_session *session = req->session;
	u64 node = 0, open = 0;

	switch (req->op) {
	case QTFS_OP_ATTACH:
	case QTFS_OP_LOOKUP:
	case QTFS_OP_FIND:
	case QTFS_OP_MKDIR:
	case QTFS_OP_MKNOD:
	case QTFS_OP_SYMLINK:
	case QTFS_OP_LINK: {
		const struct qtfs_entry_rep *rep = (void *)req->reply;

		node = le64_to_cpu(rep->node);
		if (node == req->known_node && req->op == QTFS_OP_LOOKUP)
			node = 0;
		break;
	}
	case QTFS_OP_OPEN:
	case QTFS_OP_CREATE:
	case QTFS_OP_TMPFILE:
	case QTFS_OP_OPEN_NAME:
	case QTFS_OP_OPEN_FIFO: {
		const struct qtfs_open_rep *rep = (void *)req->reply;

		node = le64_to_cpu(rep->node);
		open = le64_to_cpu(rep->open);
		break;
	}
	case QTFS_OP_OPEN_DIR:
		open = le64_to_cpu(((const struct qtfs_open_rep *)req->reply)->open);
		fallthrough;
	case QTFS_OP_READDIR:
		qtfs_dirents_forget(session, req->in->linear, req->in_len);
		break;
	default:
		break;
	}
	if (node)
		qtfs_forget(session, node);
	if (open)
		qtfs_release_open(session, open);
}
