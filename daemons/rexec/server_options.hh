// SPDX-License-Identifier: GPL-2.0
//
// The command line of rexec_server.

#ifndef QTFS_REXEC_SERVER_OPTIONS_HH
#define QTFS_REXEC_SERVER_OPTIONS_HH

#include <string>

#include "result.hh"
#include "server.hh"

namespace qtfs::rexec {

struct ServerOptions {
  Server::Config server;
  std::string whitelist = "/etc/rexec/whitelist";
  std::string log_level = "info";
  bool check = false; // the whitelist, and no more
};

// The error is the exit status; all has been said.
Result<ServerOptions, int> parse_server_options(int argc, const char *const *argv);

} // namespace qtfs::rexec

#endif
