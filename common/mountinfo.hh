// SPDX-License-Identifier: GPL-2.0
//
// /proc/self/mountinfo.

#ifndef QTFS_MOUNTINFO_HH
#define QTFS_MOUNTINFO_HH

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace qtfs {

struct MountInfo {
  std::uint64_t id = 0; // as statx(2) tells it
  dev_t device = 0;
  std::string root;  // of the file system, where the mount begins
  std::string point; // where it is
  std::string type;
  std::string source;
  std::string options; // of the file system
};

// Whether that is the type of a mount of qtfs, or of one of the server's mounts inside it.
bool is_qtfs(std::string_view type);
// The latter, with the option submounts.
bool is_hosts_mount(const MountInfo &mount);

// A field of mountinfo or fstab(5), whose spaces and the like are "\040".
std::string unescaped_field(std::string_view text);

// In the order of the file: of those at one place the last is what is seen.  What it
// doesn't understand is left out.
std::vector<MountInfo> parse_mountinfo(const std::string &text);
// This process's.
std::vector<MountInfo> read_mountinfo();

// Whether an open file is on a mount of qtfs.  The type that statfs(2) tells is the server's
// file system's, so the list has to say it.
bool is_on_qtfs(int fd, const std::vector<MountInfo> &mounts);

} // namespace qtfs

#endif
