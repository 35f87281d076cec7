// SPDX-License-Identifier: GPL-2.0
//
// The command lines that mount(8) and umount(8) give to their helpers, and what the
// options in them mean to mount(2).

#ifndef QTFS_MOUNT_OPTIONS_HH
#define QTFS_MOUNT_OPTIONS_HH

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace qtfs::mount {

// mount.qtfs SOURCE DIRECTORY [-fnsv] [-o OPTIONS] [-t TYPE]
struct MountLine {
  std::string source;
  std::string directory;
  std::string options;
  std::string type = "qtfs";
  bool fake = false;
};

// umount.qtfs DIRECTORY [-nlfrv] [-t TYPE]
struct UmountLine {
  std::string directory;
  std::string type; // which umount(8) gives if it has a dot
  bool lazy = false;
  bool force = false;
};

// The error is a sentence.
Result<MountLine, std::string> parse_mount_line(int argc, char **argv);
Result<UmountLine, std::string> parse_umount_line(int argc, char **argv);

// What mount(2) is to be called with.
struct MountCall {
  std::uint32_t flags = 0;
  std::string type;                 // of the file system on the server
  std::vector<std::string> options; // that are the file system's
  bool binds() const;               // the source is a file, not a text
};

// @subtype: what follows "qtfs." in the type that mount(8) was asked for.
Result<MountCall, std::string> mount_call(std::string_view subtype, std::string_view options);

} // namespace qtfs::mount

#endif
