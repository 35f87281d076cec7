// SPDX-License-Identifier: GPL-2.0
//
// What a new file system is to be, as mount(2) says it, in the program's names.

#ifndef QTFS_QTRUN_RECIPE_HH
#define QTFS_QTRUN_RECIPE_HH

#include <cstdint>
#include <string>
#include <vector>

#include "mountinfo.hh"

namespace qtfs::qtrun {

struct Recipe {
  std::string type, source;
  std::string options;      // with commas
  std::uint32_t flags = 0;  // the file system's own of MS_*
  std::uint32_t change = 0; // those of them that were said, also to be off
  bool complete = true;     // false: something was said that no mount(2) can say

  // Of a file system that is there.
  static Recipe of(const MountInfo &mount);

  // A word of fsconfig(2): "ro" and the like, or an option.
  void add(const std::string &key);
  void add(const std::string &key, const std::string &value);

private:
  bool add_flag(const std::string &key);
  void add_option(const std::string &option);
};

// Whether the source or a directory of an overlay is on the host, for the calling thread, whose
// task has @mounts.
bool names_hosts_files(const Recipe &recipe, const std::vector<MountInfo> &mounts);

} // namespace qtfs::qtrun

#endif
