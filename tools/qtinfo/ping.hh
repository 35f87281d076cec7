// SPDX-License-Identifier: GPL-2.0
//
// The way to the server and back: statfs(2), which no cache answers and which
// goes through the engine.

#ifndef QTFS_QTINFO_PING_HH
#define QTFS_QTINFO_PING_HH

#include <chrono>

#include "health.hh"

namespace qtfs::qtinfo {

Ping ping(const Mount &mount, std::chrono::milliseconds limit);

} // namespace qtfs::qtinfo

#endif
