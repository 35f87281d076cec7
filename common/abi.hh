// SPDX-License-Identifier: GPL-2.0
//
// The headers that are shared with the kernel modules, for C++ and its
// compilers' stricter warnings.

#ifndef QTFS_ABI_HH
#define QTFS_ABI_HH

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "channel.h"
#pragma GCC diagnostic pop

#endif
