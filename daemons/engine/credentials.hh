// SPDX-License-Identifier: GPL-2.0
//
// On whose behalf a thread calls the kernel.
//
// Each thread has its own object of this class, made on the thread itself: see
// thread_rights.hh.

#ifndef QTFS_ENGINE_CREDENTIALS_HH
#define QTFS_ENGINE_CREDENTIALS_HH

#include <cstdint>
#include <vector>

#include "result.hh"
#include "slot.hh"

namespace qtfs::engine {

class Credentials {
public:
  // For the calling thread, which gets a umask of its own.
  static Result<Credentials> of_thread();

  // Makes the thread act as @caller: its file system ids, groups, umask, and
  // those of its capabilities that concern files and that the engine has.
  // After an error the thread must not act on anything until this succeeds.
  std::error_code assume(const Caller &caller);

  // Between the two, the thread has the effective ids of the last caller, which is what
  // calls about processes ask for.  Its real ones are nobody's, so that neither root's
  // processes are its own, nor is it one of the caller's, who could signal it then; unless
  // it's the real ones that are asked for.  An error is as one of assume().
  enum class Real { Nobody, Caller };
  std::error_code become(Real real);
  void return_to_self();

  // Between the two, the thread sees what /proc shows to who may trace a process.
  void begin_to_see();
  void end_to_see();

  // Capabilities that a request can bring with it, as bits.
  static std::uint64_t passable();

private:
  explicit Credentials(std::uint64_t permitted) : permitted_(permitted) {}

  std::error_code switch_ids(const Caller &caller);

  std::uint64_t permitted_; // the thread's for ever: the upper bound

  // What the thread has now.
  bool known_ = false;
  std::uint32_t uid_ = 0;
  std::uint32_t gid_ = 0;
  std::uint64_t effective_ = 0;
  std::uint32_t umask_ = 0;
  std::vector<std::uint32_t> groups_; // as the wire has them
};

} // namespace qtfs::engine

#endif
