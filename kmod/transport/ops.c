// SPDX-License-Identifier: GPL-2.0
/*
 * The table of operations.
 */
#include "ops.h"

QTFS_DEFINE_OP_INFO
