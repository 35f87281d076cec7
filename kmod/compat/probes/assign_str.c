// SPDX-License-Identifier: GPL-2.0
/* __assign_str() takes the field alone (6.10). */
#include <linux/string.h>
#include <linux/trace_events.h>
#include <trace/stages/stage6_event_callback.h>

void probe(void)
{
	struct { u32 __data_loc_name; } *entry = NULL;
	struct { const char *name_ptr_; } __data_offsets = { "" };

	__assign_str(name);
}
