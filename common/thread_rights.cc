// SPDX-License-Identifier: GPL-2.0

#include "thread_rights.hh"

#include <array>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qtfs {

namespace {

using Data = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// These two calls tell nothing but the id that was in force before, also where it stays;
// asking with an id that doesn't exist tells which one is now.
bool set_file_user(uid_t uid)
{
  ::setfsuid(uid);
  return static_cast<uid_t>(::setfsuid(no_id)) == uid;
}

bool set_file_group(gid_t gid)
{
  ::setfsgid(gid);
  return static_cast<gid_t>(::setfsgid(no_id)) == gid;
}

} // namespace

Result<Capabilities> thread_capabilities()
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  Data data = {};

  if (::syscall(SYS_capget, &header, data.data()) != 0)
    return last_error();
  return Capabilities{data[0].effective | std::uint64_t{data[1].effective} << 32,
                      data[0].permitted | std::uint64_t{data[1].permitted} << 32};
}

bool set_thread_capabilities(const Capabilities &capabilities)
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  Data data = {};

  for (unsigned i = 0; i < data.size(); i++) {
    data[i].effective = static_cast<__u32>(capabilities.effective >> (32 * i));
    data[i].permitted = static_cast<__u32>(capabilities.permitted >> (32 * i));
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

bool set_thread_groups(std::span<const gid_t> groups)
{
  return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

bool set_thread_file_ids(uid_t uid, gid_t gid, std::span<const gid_t> groups)
{
  return set_thread_groups(groups) && set_file_group(gid) && set_file_user(uid);
}

} // namespace qtfs
