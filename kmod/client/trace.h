/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of the client.  A request is the same one here and in the
 * server's events if session, slot and seq are the same.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qtfs

#if !defined(QTFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define QTFS_TRACE_H

#include <linux/tracepoint.h>

#include "qtfs.h"

#define QTFS_OP_SYMBOL(num, name, ...)	{ num, #name },
#define qtfs_show_op(op)	__print_symbolic(op, QTFS_OPS(QTFS_OP_SYMBOL) { 0, "" })

/* It waits for a slot, which its tag comes with. */
TRACE_EVENT(qtfs_request_queued,
	TP_PROTO(const struct qtfs_request *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u16, op)
		__field(pid_t, pid)
	),
	TP_fast_assign(
		__entry->session = req->session->id;
		__entry->op = req->op;
		__entry->pid = req->pid;
	),
	TP_printk("session=%llu op=%s pid=%d", __entry->session, qtfs_show_op(__entry->op),
		  __entry->pid)
);

TRACE_EVENT(qtfs_request_send,
	TP_PROTO(const struct qtfs_request *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u64, seq)
		__field(u32, slot)
		__field(u16, op)
		__field(u64, len)
	),
	TP_fast_assign(
		__entry->session = req->session->id;
		__entry->seq = req->seq;
		__entry->slot = req->slot;
		__entry->op = req->op;
		__entry->len = req->head_len + iov_iter_count(&req->frame.data);
	),
	TP_printk("session=%llu slot=%d seq=%llu op=%s len=%llu", __entry->session,
		  (int)__entry->slot, __entry->seq, qtfs_show_op(__entry->op), __entry->len)
);

TRACE_EVENT(qtfs_request_end,
	TP_PROTO(const struct qtfs_request *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u64, seq)
		__field(u32, slot)
		__field(u16, op)
		__field(int, error)
		__field(u64, data)
		__field(s64, ns)
	),
	TP_fast_assign(
		__entry->session = req->session->id;
		__entry->seq = req->seq;
		__entry->slot = req->slot;
		__entry->op = req->op;
		__entry->error = req->error;
		__entry->data = req->in_len;
		__entry->ns = ktime_to_ns(ktime_sub(ktime_get(), req->started));
	),
	TP_printk("session=%llu slot=%d seq=%llu op=%s error=%d data=%llu age=%lld ns",
		  __entry->session, (int)__entry->slot, __entry->seq,
		  qtfs_show_op(__entry->op), __entry->error, __entry->data, __entry->ns)
);

#endif /* QTFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH client
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
