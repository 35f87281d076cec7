// SPDX-License-Identifier: GPL-2.0
//
// What a server calls the files that are mounted here.

#ifndef QTFS_MOUNT_NAMER_HH
#define QTFS_MOUNT_NAMER_HH

#include <string>
#include <vector>

#include "mountinfo.hh"

namespace qtfs::mount {

class Namer {
public:
  // For what is to be mounted at @mounted, by a process whose mounts these are, and whose
  // root and working directory the calling thread has.
  Namer(std::vector<MountInfo> mounts, const std::string &mounted);

  // What the server calls a file that is called @path here; @path if it isn't on the mount
  // of qtfs that things are mounted on.
  std::string server_path(const std::string &path) const;

  // Likewise, the directories in an option of an overlay; any other option is as it was.
  std::string server_option(const std::string &option) const;

  // All of mount(2)'s options, with commas between them.
  std::string server_options(const std::string &options) const;

private:
  std::vector<MountInfo> mounts_;
  dev_t device_ = 0; // of the mount of qtfs
};

} // namespace qtfs::mount

#endif
