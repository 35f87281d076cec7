// SPDX-License-Identifier: GPL-2.0
//
// A thread that is killed by a fault of its own says so in the slot that it serves,
// so that the module knows which request killed the engine (common/channel.h). What
// kills from outside (SIGKILL, kill(2), too little memory) says nothing of a request.

#ifndef QTFS_ENGINE_CRASH_MARK_HH
#define QTFS_ENGINE_CRASH_MARK_HH

#include <array>
#include <cstddef>
#include <system_error>

#include "abi.hh"

namespace qtfs::engine {

// For the whole process, once, before there are threads that serve.
std::error_code install_crash_mark();

// One for each thread that serves; it is the thread's own.
class CrashMark {
public:
  CrashMark();
  ~CrashMark();
  CrashMark(const CrashMark &) = delete;
  CrashMark &operator=(const CrashMark &) = delete;

  // The slot whose request is being carried out, or nullptr.
  void serve(qtfs_slot *slot);

private:
  // A fault may be that the stack is at its end.
  std::array<std::byte, 16384> stack_;
};

} // namespace qtfs::engine

#endif
