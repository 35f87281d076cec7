// SPDX-License-Identifier: GPL-2.0
//
// The way to the server and back: statfs(2), which no cache answers and which
// goes through the engine. All mounts at once: however many hang, @limit is all
// that it takes.

#ifndef QTFS_QTINFO_PING_HH
#define QTFS_QTINFO_PING_HH

#include <chrono>
#include <vector>

#include "health.hh"

namespace qtfs::qtinfo {

std::vector<Ping> ping_all(const std::vector<Mount> &mounts, std::chrono::milliseconds limit);

} // namespace qtfs::qtinfo

#endif
