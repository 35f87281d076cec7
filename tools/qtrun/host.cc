// SPDX-License-Identifier: GPL-2.0

#include "host.hh"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "ctl.h"
#include "read_all.hh"

namespace qtfs::qtrun {

namespace {

std::uint64_t pointer(const std::string &text)
{
  return text.empty() ? 0 : reinterpret_cast<std::uintptr_t>(text.c_str());
}

} // namespace

std::vector<MountInfo> mounts_of(const Task &task)
{
  const Fd file = task.open_in_proc("mountinfo", O_RDONLY);
  const Result<std::string> text = file ? read_all(file.get()) : last_error();

  return text ? parse_mountinfo(*text) : std::vector<MountInfo>();
}

bool is_hosts(int fd, const std::vector<MountInfo> &mounts)
{
  struct statx st;

  return ::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
         !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT) && is_on_qtfs(fd, mounts);
}

std::uint64_t number_of_mount(int fd)
{
  struct statx st;

  return ::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) == 0 &&
             st.stx_mask & STATX_MNT_ID
           ? st.stx_mnt_id
           : 0;
}

int mount_on_host(const World &world, const HostMount &mount)
{
  qtfs_ctl_mount args = {};

  args.target = mount.target;
  args.source = mount.source;
  args.flags = mount.flags;
  args.change = mount.change;
  args.name = pointer(mount.name);
  args.type = pointer(mount.type);
  args.options = pointer(mount.options);
  return ::ioctl(world.control.get(), QTFS_CTL_MOUNT, &args) == 0 ? 0 : errno;
}

int unmount_on_host(const World &world, int target, std::uint32_t flags)
{
  qtfs_ctl_umount args = {target, flags};

  return ::ioctl(world.control.get(), QTFS_CTL_UMOUNT, &args) == 0 ? 0 : errno;
}

} // namespace qtfs::qtrun
