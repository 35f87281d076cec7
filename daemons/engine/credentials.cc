// SPDX-License-Identifier: GPL-2.0

#include "credentials.hh"

#include <algorithm>
#include <cstdlib>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thread_rights.hh"

namespace qtfs::engine {

namespace {

// For the thread's own sake, between two callers.
constexpr std::uint64_t id_changers = capability(CAP_SETUID) | capability(CAP_SETGID);

// A user and a group that there aren't, and that no client's caller is likely to be.
constexpr uid_t nobodys_id = 0xfffffffd;

} // namespace

// What the kernel asks for in file operations.  SYS_ADMIN is among them for
// trusted and security attributes, SYS_PTRACE for /proc/<pid> of other users,
// SYS_RESOURCE for reserved blocks; and of processes, for PROCESS: KILL, SYS_NICE, and
// SYS_RESOURCE again.  None for networks or modules.
std::uint64_t Credentials::passable()
{
  return capability(CAP_CHOWN) | capability(CAP_DAC_OVERRIDE) | capability(CAP_DAC_READ_SEARCH) |
         capability(CAP_FOWNER) | capability(CAP_FSETID) | capability(CAP_LINUX_IMMUTABLE) |
         capability(CAP_MKNOD) | capability(CAP_SETFCAP) | capability(CAP_SYS_ADMIN) |
         capability(CAP_SYS_RESOURCE) | capability(CAP_LEASE) | capability(CAP_MAC_OVERRIDE) |
         capability(CAP_MAC_ADMIN) | capability(CAP_SYS_PTRACE) | capability(CAP_KILL) |
         capability(CAP_SYS_NICE);
}

Result<Credentials> Credentials::of_thread()
{
  const Result<Capabilities> now = thread_capabilities();

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
    if (!set_thread_capabilities({effective, permitted_}))
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
std::error_code Credentials::become(Real real)
{
  const uid_t uid = real == Real::Caller ? uid_ : nobodys_id;
  const gid_t gid = real == Real::Caller ? gid_ : nobodys_id;

  known_ = false;
  if (!set_thread_capabilities({permitted_ & id_changers, permitted_}) ||
      ::syscall(SYS_setresgid, gid, gid_, no_id) != 0 ||
      ::syscall(SYS_setresuid, uid, uid_, no_id) != 0 ||
      !set_thread_capabilities({effective_, permitted_}))
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
  set_thread_capabilities({effective_ | (permitted_ & capability(CAP_SYS_PTRACE)), permitted_});
}

void Credentials::end_to_see()
{
  if (!set_thread_capabilities({effective_, permitted_}))
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

  const std::uint64_t needed = permitted_ & id_changers;
  if (!set_thread_capabilities({needed, permitted_}) || !set_thread_file_ids(uid_, gid_, groups_))
    return errno_code(EPERM);
  return {};
}

} // namespace qtfs::engine
