/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: the way of a call through the module. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qtfs_server

#if !defined(QTFSD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define QTFSD_TRACE_H

#include <linux/tracepoint.h>

#include "server/qtfsd.h"

#define QTFSD_TRACE_OP(num, name, ...)	{ (num), #name },

DECLARE_EVENT_CLASS(qtfsd_call,
	TP_PROTO(const struct qtfsd_call *call, u32 status),
	TP_ARGS(call, status),

	TP_STRUCT__entry(
		__field(u64, session)
		__field(u64, seq)
		__field(u64, node)
		__field(u64, open)
		__field(s64, ns)
		__field(u32, slot)
		__field(u32, status)
		__field(u32, pid)
		__field(u16, op)
	),

	TP_fast_assign(
		__entry->session = call->session ? call->session->id : 0;
		__entry->seq = le64_to_cpu(call->hdr.seq);
		__entry->node = le64_to_cpu(call->req.node);
		__entry->open = le64_to_cpu(call->req.open);
		__entry->ns = ktime_to_ns(ktime_sub(ktime_get(), call->start));
		__entry->slot = le32_to_cpu(call->hdr.slot);
		__entry->status = status;
		__entry->pid = le32_to_cpu(call->req.pid);
		__entry->op = qtfsd_call_op(call);
	),

	TP_printk("session=%llu slot=%d seq=%llu op=%s node=%#llx open=%#llx pid=%u status=%u age=%lld ns",
		  __entry->session, (int)__entry->slot, __entry->seq,
		  __print_symbolic(__entry->op, QTFS_OPS(QTFSD_TRACE_OP) { 0, "?" }),
		  __entry->node, __entry->open, __entry->pid, __entry->status, __entry->ns)
);

#define QTFSD_CALL_EVENT(name)						\
	DEFINE_EVENT(qtfsd_call, name,					\
		TP_PROTO(const struct qtfsd_call *call, u32 status),	\
		TP_ARGS(call, status))

QTFSD_CALL_EVENT(qtfsd_call_received);		/* in whole */
QTFSD_CALL_EVENT(qtfsd_call_queued);		/* for the engine */
QTFSD_CALL_EVENT(qtfsd_call_fetched);		/* by a thread of it */
QTFSD_CALL_EVENT(qtfsd_call_committed);		/* answered by it */
QTFSD_CALL_EVENT(qtfsd_call_resent);		/* to the next engine: this one died */
QTFSD_CALL_EVENT(qtfsd_call_replied);

#endif /* QTFSD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH server
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
