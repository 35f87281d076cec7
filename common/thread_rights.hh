// SPDX-License-Identifier: GPL-2.0
//
// As who a thread acts.
//
// Linux keeps ids, groups and capabilities per thread; it is the C library that makes a
// process out of them.  These are the system calls themselves, for the calling thread alone.

#ifndef QTFS_THREAD_RIGHTS_HH
#define QTFS_THREAD_RIGHTS_HH

#include <cstdint>
#include <span>
#include <sys/types.h>

#include "result.hh"

namespace qtfs {

// The id that nobody has; to calls that set ids it means: as it is.
inline constexpr auto no_id = static_cast<std::uint32_t>(-1);

// As bits.
struct Capabilities {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
};

constexpr std::uint64_t capability(int number)
{
  return std::uint64_t{1} << number;
}

Result<Capabilities> thread_capabilities();

// Nothing is inheritable after that.  What is effective and not permitted is refused.
bool set_thread_capabilities(const Capabilities &capabilities);

bool set_thread_groups(std::span<const gid_t> groups);

// Those that count for files, with the groups.  Capabilities come after: the kernel takes some
// away along with user 0, and gives some back with him.
bool set_thread_file_ids(uid_t uid, gid_t gid, std::span<const gid_t> groups);

} // namespace qtfs

#endif
