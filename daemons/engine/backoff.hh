// SPDX-License-Identifier: GPL-2.0
//
// When engines die at once, again and again: each one that is started waits for
// longer before it serves, and now and then one gives up.  The module counts those
// that died in a row without having answered anything.  It is told here and not
// left to systemd, whose RestartSteps= Debian 12 doesn't know, and which would
// count an engine that was killed after a month like one that never worked.

#ifndef QTFS_ENGINE_BACKOFF_HH
#define QTFS_ENGINE_BACKOFF_HH

#include <chrono>
#include <optional>

namespace qtfs::engine {

// EX_SOFTWARE: the unit doesn't start an engine again that ends with it.
constexpr int exit_given_up = 70;

// How long to wait after @crashes engines, up to 30 s; none: it is no use.  After
// one that gave up, or was started by hand, it begins anew.
std::optional<std::chrono::milliseconds> backoff(unsigned crashes);

// Waits so long, or until @signals has something to read.  False in that case.
bool wait_out(std::chrono::milliseconds delay, int signals);

} // namespace qtfs::engine

#endif
