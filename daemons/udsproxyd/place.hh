// SPDX-License-Identifier: GPL-2.0
//
// Where sockets are: paths below a root directory, resolved by the kernel, once.
// What has been checked is a descriptor, and the descriptor is what is then used.

#ifndef QTFS_UDS_PLACE_HH
#define QTFS_UDS_PLACE_HH

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <tuple>

#include "fd.hh"
#include "frame.hh"
#include "result.hh"

namespace qtfs::uds {

// Where the mounts of qtfs are.  Who follows a path on one waits for the other machine,
// for as long as that can't be reached.
class Mounts {
public:
  Mounts();

  // As far as the text of @path tells.
  bool has(std::string_view path);

private:
  Fd changes_;
  std::map<std::string, bool, std::less<>> points_; // of all mounts; true: of qtfs
};

class Root {
public:
  static Result<Root> open(const std::string &directory);

  // An O_PATH descriptor, with these flags.  Symbolic links aren't followed (ELOOP), nor is
  // what is on a mount of qtfs (EXDEV): so this never waits for another machine.
  Result<Fd> look_up(std::string_view path, int flags = 0) const;

  // Where the object of @fd is, seen from the root; empty if it isn't below it.
  std::string path_of(int fd) const;

  // The path for system calls that take nothing but text.
  std::string outside(std::string_view path) const { return prefix_ + std::string(path); }

private:
  Fd fd_;
  std::string prefix_; // empty: "/"
  std::unique_ptr<Mounts> mounts_;
};

// The last component of a plain path, and what is before it, at least "/".
std::string_view name_in(std::string_view path);
std::string_view directory_of(std::string_view path);

// What a file is, as far as that never changes.
struct Identity {
  dev_t device = 0;
  ino_t inode = 0;

  static Identity of(const struct stat &st) { return {st.st_dev, st.st_ino}; }
  bool operator==(const Identity &) const = default;
  bool operator<(const Identity &other) const
  {
    return std::tie(device, inode) < std::tie(other.device, other.inode);
  }
};

// Acts as somebody else while it lives, so that the kernel decides as for him, and
// names him to the other end of a connection.  The thread does, and no other.  A proxy
// that isn't root acts as itself, always.
class ActAs {
public:
  explicit ActAs(const Caller &caller);
  ActAs(const ActAs &) = delete;
  ~ActAs();

  // Nothing may be done for the caller if there was an error.
  std::error_code error() const { return error_; }

private:
  bool changed_ = false;
  std::error_code error_;
};

} // namespace qtfs::uds

#endif
