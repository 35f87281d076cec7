// SPDX-License-Identifier: GPL-2.0
//
// Gives a socket a name in a directory that is known by a descriptor, such that the
// name it is told to have (getsockname, getpeername) is another path, and no path
// is resolved twice.
//
// bind(2) takes a text and keeps it.  So there is a process whose root is an empty
// directory in which, for the time of a call, the path's directory is a symbolic link
// to the descriptor.

#ifndef QTFS_UDS_BINDER_HH
#define QTFS_UDS_BINDER_HH

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "fd.hh"
#include "result.hh"

namespace qtfs::uds {

class Binder {
public:
  // One that can't do it: without the rights that this takes.
  Binder() = default;
  Binder(const Binder &) = delete;
  Binder &operator=(const Binder &) = delete;
  ~Binder();

  // Before there are any threads or children.
  std::error_code start();
  bool started() const { return static_cast<bool>(channel_); }

  // Binds @socket to the name at the end of @path, in @directory.
  std::error_code bind(int socket, int directory, const std::string &path) const;

private:
  Fd channel_;
  pid_t pid_ = -1;
  mutable std::uint32_t last_ = 0; // request
};

} // namespace qtfs::uds

#endif
