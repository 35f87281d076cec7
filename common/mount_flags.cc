// SPDX-License-Identifier: GPL-2.0

#include "mount_flags.hh"

#include <sys/statvfs.h>

namespace qtfs {

namespace {

struct FlagNames {
  std::uint32_t mount; // mount(2)
  std::uint64_t attribute;
  unsigned long state; // statvfs(3)
};

constexpr FlagNames flag_names[] = {
  {MS_RDONLY, MOUNT_ATTR_RDONLY, ST_RDONLY},
  {MS_NOSUID, MOUNT_ATTR_NOSUID, ST_NOSUID},
  {MS_NODEV, MOUNT_ATTR_NODEV, ST_NODEV},
  {MS_NOEXEC, MOUNT_ATTR_NOEXEC, ST_NOEXEC},
  {MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, ST_NODIRATIME},
  {MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, 0x2000},
};

} // namespace

std::uint32_t flags_of_mount(int mount)
{
  struct statvfs st;
  std::uint32_t flags = 0;

  if (::fstatvfs(mount, &st) != 0)
    return 0;
  for (const FlagNames &name : flag_names)
    if (st.f_flag & name.state)
      flags |= name.mount;
  return flags | (st.f_flag & ST_NOATIME    ? MS_NOATIME
                  : st.f_flag & ST_RELATIME ? MS_RELATIME
                                            : MS_STRICTATIME);
}

std::uint32_t flags_of_attributes(std::uint64_t attributes)
{
  std::uint32_t flags = 0;

  for (const FlagNames &name : flag_names)
    if (attributes & name.attribute)
      flags |= name.mount;
  return flags;
}

std::uint64_t attributes_of_flags(std::uint32_t flags)
{
  std::uint64_t attributes = 0;

  for (const FlagNames &name : flag_names)
    if (flags & name.mount)
      attributes |= name.attribute;
  return attributes;
}

std::uint32_t access_time_of_attributes(std::uint64_t attributes)
{
  switch (attributes & MOUNT_ATTR__ATIME) {
  case MOUNT_ATTR_NOATIME:
    return MS_NOATIME;
  case MOUNT_ATTR_STRICTATIME:
    return MS_STRICTATIME;
  default:
    return MS_RELATIME;
  }
}

std::uint64_t access_time_of_flags(std::uint32_t flags)
{
  return flags & MS_STRICTATIME ? MOUNT_ATTR_STRICTATIME
         : flags & MS_NOATIME   ? MOUNT_ATTR_NOATIME
                                : MOUNT_ATTR_RELATIME;
}

} // namespace qtfs
