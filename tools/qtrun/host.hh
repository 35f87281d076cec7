// SPDX-License-Identifier: GPL-2.0
//
// Mounts of the host, as a task sees them and as /dev/qtfs is asked for them.

#ifndef QTFS_QTRUN_HOST_HH
#define QTFS_QTRUN_HOST_HH

#include <cstdint>
#include <string>
#include <vector>

#include "answer.hh"
#include "mountinfo.hh"

namespace qtfs::qtrun {

std::vector<MountInfo> mounts_of(const Task &task);

// On the host, and not the root of a mount of this machine: a mount of the host is none here.
bool is_hosts(int fd, const std::vector<MountInfo> &mounts);

// As in MountInfo; 0 if it can't be told.
std::uint64_t number_of_mount(int fd);

// As struct qtfs_ctl_mount has it, in names of the server.
struct HostMount {
  int target = -1;
  int source = -1;
  std::uint32_t flags = 0;
  std::uint32_t change = 0;
  std::string name = {}, type = {}, options = {};
};

// 0 or an errno.
int mount_on_host(const World &world, const HostMount &mount);
// What is mounted at @target.  @flags: MNT_*
int unmount_on_host(const World &world, int target, std::uint32_t flags);

} // namespace qtfs::qtrun

#endif
