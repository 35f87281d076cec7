// SPDX-License-Identifier: GPL-2.0

#include "mount_watch.hh"

#include <fcntl.h>

namespace qtfs::engine {

namespace {

constexpr std::chrono::milliseconds pause{250};

} // namespace

MountWatch::MountWatch() : mounts_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

pollfd MountWatch::poll_for() const
{
  return {held_back() ? -1 : mounts_.get(), POLLPRI, 0};
}

int MountWatch::due_in() const
{
  if (!held_back())
    return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(again_ - Clock::now());
  return static_cast<int>(left.count()) + 1;
}

// The kernel remembers for this open file what it has told, and says so each time that
// it is asked until it has been.
bool MountWatch::take(short events)
{
  if (!(events & (POLLPRI | POLLERR)))
    return false;
  again_ = Clock::now() + pause;
  return true;
}

} // namespace qtfs::engine
