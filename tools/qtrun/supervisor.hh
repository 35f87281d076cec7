// SPDX-License-Identifier: GPL-2.0
//
// The process that answers the calls which the filter stops.  It stays in this machine's
// root, is nobody's child, and lives as long as a process is under the filter: the program
// itself is what qtrun becomes, with its number, parent, terminal and exit status.

#ifndef QTFS_QTRUN_SUPERVISOR_HH
#define QTFS_QTRUN_SUPERVISOR_HH

#include "answer.hh"
#include "fd.hh"
#include "result.hh"

namespace qtfs::qtrun {

class Supervisor {
public:
  // Starts it.  @world is all that it keeps of the caller's descriptors.
  static Result<Supervisor> start(World &&world);

  // Gives it the calling process's filter; it is ready when this returns.
  std::error_code take(Fd listener);

private:
  explicit Supervisor(Fd socket) : socket_(std::move(socket)) {}

  Fd socket_;
};

} // namespace qtfs::qtrun

#endif
