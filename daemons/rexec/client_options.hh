// SPDX-License-Identifier: GPL-2.0
//
// The command line of rexec.

#ifndef QTFS_REXEC_CLIENT_OPTIONS_HH
#define QTFS_REXEC_CLIENT_OPTIONS_HH

#include <cstdint>
#include <string>
#include <vector>

#include "result.hh"

namespace qtfs::rexec {

// What rexec itself ends with; 126 and 127 are as in a shell.
inline constexpr int status_failed = 125; // not started, or lost
inline constexpr int status_refused = 126;
inline constexpr int status_not_found = 127;

struct ClientOptions {
  std::string server; // empty: the other machine's
  std::string cwd;    // empty: the caller's
  std::string pid_file;
  bool terminal = false;
  bool no_input = false;
  bool stdio_only = false;
  bool orphan = false;
  bool detach = false;
  double grace = 5; // seconds
  std::vector<std::string> command;
};

// The error is the exit status; all has been said.
Result<ClientOptions, int> parse_client_options(int argc, const char *const *argv);

} // namespace qtfs::rexec

#endif
