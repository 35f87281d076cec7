// SPDX-License-Identifier: GPL-2.0
//
// Tells when something was mounted or unmounted on this machine, not more often than
// clients should have to ask again for all they know.

#ifndef QTFS_ENGINE_MOUNT_WATCH_HH
#define QTFS_ENGINE_MOUNT_WATCH_HH

#include <chrono>
#include <poll.h>

#include "fd.hh"

namespace qtfs::engine {

class MountWatch {
public:
  MountWatch();

  // To be polled; it is of no descriptor for a moment after a change.
  pollfd poll_for() const;

  // In how many ms take() is due, whatever has been polled; -1: never.
  int due_in() const;

  // Whether there was a change: @events is what poll(2) said.
  bool take(short events);

private:
  using Clock = std::chrono::steady_clock;

  bool held_back() const { return Clock::now() < again_; }

  Fd mounts_;
  Clock::time_point again_;
};

} // namespace qtfs::engine

#endif
