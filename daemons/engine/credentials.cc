// SPDX-License-Identifier: GPL-2.0

#include "credentials.hh"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qtfs::engine {

namespace {

struct Capabilities {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;
};

constexpr std::uint64_t bit(int cap)
{
  return std::uint64_t{1} << cap;
}

Result<Capabilities> get_capabilities()
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};

  if (::syscall(SYS_capget, &header, data.data()) != 0)
    return last_error();
  const auto join = [&](auto member) {
    return data[0].*member | std::uint64_t{data[1].*member} << 32;
  };
  return Capabilities{
    join(&__user_cap_data_struct::effective),
    join(&__user_cap_data_struct::permitted),
    join(&__user_cap_data_struct::inheritable),
  };
}

// Nothing is inheritable: the engine's threads execute no program.
bool set_effective(std::uint64_t effective, std::uint64_t permitted)
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};

  for (unsigned i = 0; i < data.size(); i++) {
    data[i].effective = static_cast<__u32>(effective >> (32 * i));
    data[i].permitted = static_cast<__u32>(permitted >> (32 * i));
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

bool set_groups(const std::vector<std::uint32_t> &groups)
{
  return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

// These two calls report nothing but the id that was in force before, also
// where it stays; asking with an id that doesn't exist tells which one is now.
constexpr auto no_id = static_cast<std::uint32_t>(-1);

bool set_fsuid(std::uint32_t uid)
{
  ::setfsuid(uid);
  return static_cast<std::uint32_t>(::setfsuid(no_id)) == uid;
}

bool set_fsgid(std::uint32_t gid)
{
  ::setfsgid(gid);
  return static_cast<std::uint32_t>(::setfsgid(no_id)) == gid;
}

} // namespace

// What the kernel asks for in file operations.  SYS_ADMIN is among them for
// trusted and security attributes, SYS_PTRACE for /proc/<pid> of other users,
// SYS_RESOURCE for reserved blocks; and of processes, for PROCESS: KILL, SYS_NICE, and
// SYS_RESOURCE again.  None for networks or modules.
std::uint64_t Credentials::passable()
{
  return bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_DAC_READ_SEARCH) | bit(CAP_FOWNER) |
         bit(CAP_FSETID) | bit(CAP_LINUX_IMMUTABLE) | bit(CAP_MKNOD) | bit(CAP_SETFCAP) |
         bit(CAP_SYS_ADMIN) | bit(CAP_SYS_RESOURCE) | bit(CAP_LEASE) | bit(CAP_MAC_OVERRIDE) |
         bit(CAP_MAC_ADMIN) | bit(CAP_SYS_PTRACE) | bit(CAP_KILL) | bit(CAP_SYS_NICE);
}

Result<Credentials> Credentials::of_thread()
{
  const Result<Capabilities> now = get_capabilities();

  if (!now)
    return now.error();
  if (::unshare(CLONE_FS) != 0)
    return last_error();
  return Credentials(now->permitted);
}

std::error_code Credentials::assume(const Caller &caller)
{
  const std::uint64_t effective = permitted_ & caller.caps & passable();
  const bool same_ids =
    known_ && caller.uid == uid_ && caller.gid == gid_ &&
    std::ranges::equal(caller.groups, groups_, {}, [](__le32 id) { return le(id); });

  if (!same_ids) {
    const std::error_code error = switch_ids(caller);

    if (error)
      return error;
  }

  // Last, because the kernel changes capabilities along with the user.
  if (!same_ids || effective != effective_) {
    known_ = false;
    if (!set_effective(effective, permitted_))
      return errno_code(EPERM);
    effective_ = effective;
  }
  if (!same_ids || caller.umask != umask_) {
    ::umask(caller.umask);
    umask_ = caller.umask;
  }
  known_ = true;
  return {};
}

// The saved ids stay the thread's own, for the way back.  Changing the user takes the
// capabilities away that are in force.
std::error_code Credentials::become()
{
  known_ = false;
  if (!set_effective(permitted_ & (bit(CAP_SETUID) | bit(CAP_SETGID)), permitted_) ||
      ::syscall(SYS_setresgid, gid_, gid_, no_id) != 0 ||
      ::syscall(SYS_setresuid, uid_, uid_, no_id) != 0 || !set_effective(effective_, permitted_))
    return errno_code(EPERM);
  return {};
}

// A thread that can't must not go on.
void Credentials::return_to_self()
{
  uid_t uid, gid, ignored;

  known_ = false;
  if (::syscall(SYS_getresuid, &ignored, &ignored, &uid) != 0 ||
      ::syscall(SYS_getresgid, &ignored, &ignored, &gid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, no_id) != 0 ||
      ::syscall(SYS_setresgid, gid, gid, no_id) != 0)
    std::abort();
}

void Credentials::begin_to_see()
{
  set_effective(effective_ | (permitted_ & bit(CAP_SYS_PTRACE)), permitted_);
}

void Credentials::end_to_see()
{
  if (!set_effective(effective_, permitted_))
    std::abort();
}

std::error_code Credentials::switch_ids(const Caller &caller)
{
  known_ = false;
  if (caller.uid == no_id || caller.gid == no_id)
    return errno_code(EPERM);

  uid_ = caller.uid;
  gid_ = caller.gid;
  groups_.resize(caller.groups.size());
  std::ranges::transform(caller.groups, groups_.begin(), [](__le32 id) { return le(id); });

  const std::uint64_t needed = permitted_ & (bit(CAP_SETUID) | bit(CAP_SETGID));
  if (!set_effective(needed, permitted_) || !set_groups(groups_) || !set_fsgid(gid_) ||
      !set_fsuid(uid_))
    return errno_code(EPERM);
  return {};
}

} // namespace qtfs::engine
