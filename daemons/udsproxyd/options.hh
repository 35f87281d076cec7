// SPDX-License-Identifier: GPL-2.0
//
// The command line.

#ifndef QTFS_UDS_OPTIONS_HH
#define QTFS_UDS_OPTIONS_HH

#include <string>

#include "address.hh"
#include "control.hh"
#include "result.hh"

namespace qtfs::uds {

struct Options {
  Address local;
  Address peer;
  std::string whitelist = "/etc/qtfs/whitelist";
  std::string root = "/";
  std::string key;                    // its file; empty: none
  std::string control = proxy_socket; // empty: none
  std::string log_level = "info";
  bool keep_sockets = false;
  unsigned patience = 30; // seconds that a connection waits for the link
};

// The error is the exit status; all has been said.
Result<Options, int> parse_options(int argc, const char *const *argv);

} // namespace qtfs::uds

#endif
