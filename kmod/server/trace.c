// SPDX-License-Identifier: GPL-2.0
#include "server/qtfsd.h"

#define CREATE_TRACE_POINTS
#include "server/trace.h"
