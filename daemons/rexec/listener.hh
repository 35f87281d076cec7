// SPDX-License-Identifier: GPL-2.0
//
// A listening socket of the caller, on the server: the command gets one that nobody
// reaches by a name, and each connection that the caller's gets is made to it, too.

#ifndef QTFS_REXEC_LISTENER_HH
#define QTFS_REXEC_LISTENER_HH

#include <cstdint>

#include "fd.hh"
#include "result.hh"

namespace qtfs::rexec {

class Listener {
public:
  static Result<Listener> make();

  // The listening socket; the server needs none of its own.
  Fd take() { return std::move(socket_); }

  // A connection to it that doesn't block.  Whoever listens sees that user and group; where the
  // server isn't root, its own.  ECONNREFUSED: nobody listens any more.
  Result<Fd> connect(std::uint32_t uid, std::uint32_t gid) const;

private:
  Fd socket_;
  Fd file_; // which has no name any more
};

} // namespace qtfs::rexec

#endif
