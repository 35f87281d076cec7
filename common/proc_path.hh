// SPDX-License-Identifier: GPL-2.0
//
// /proc/self/fd.

#ifndef QTFS_PROC_PATH_HH
#define QTFS_PROC_PATH_HH

#include <array>
#include <string>

namespace qtfs {

// A path to the very object that a descriptor, also one of O_PATH, stands for.
// Where it is the last component, it isn't looked at what the object is: a
// symbolic link is used itself.
class ProcPath {
public:
  explicit ProcPath(int fd);
  const char *c_str() const { return text_.data(); }

private:
  std::array<char, 32> text_;
};

// What the kernel calls it: "/a/path", "/memfd:name (deleted)", "pipe:[5]", ...; empty if it
// can't be told, or is longer than a path may be.
std::string name_of_fd(int fd);

// Likewise the file that this process executes.
std::string name_of_own_file();

} // namespace qtfs

#endif
