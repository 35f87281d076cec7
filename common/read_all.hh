// SPDX-License-Identifier: GPL-2.0
//
// Reading a text whole.

#ifndef QTFS_READ_ALL_HH
#define QTFS_READ_ALL_HH

#include <cstdint>
#include <string>
#include <sys/stat.h>

#include "result.hh"

namespace qtfs {

// What there is from where @fd stands, up to its end or to @most bytes.
Result<std::string> read_up_to(int fd, std::size_t most);

// All of it; EFBIG if that is more than @most bytes.
Result<std::string> read_all(int fd, std::size_t most = SIZE_MAX - 1);

// Likewise of a file.
Result<std::string> read_file(const std::string &file, std::size_t most = SIZE_MAX - 1);
Result<std::string> read_file_at(int directory, const std::string &name,
                                 std::size_t most = SIZE_MAX - 1);

// A file that somebody has named in good faith: nothing but a regular one is read, so that
// nothing blocks, or happens, because of the name.  EISDIR or EINVAL if it is another.
struct RegularFile {
  std::string text;
  struct stat st = {};
};
Result<RegularFile> read_regular(const std::string &file, std::size_t most = SIZE_MAX - 1);

} // namespace qtfs

#endif
