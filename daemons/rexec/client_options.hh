// SPDX-License-Identifier: GPL-2.0
//
// The command line of rexec.

#ifndef QTFS_REXEC_CLIENT_OPTIONS_HH
#define QTFS_REXEC_CLIENT_OPTIONS_HH

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

// What rexec stands for, if its file, which the kernel calls @file, is mounted or linked where
// a program would be: the path of that program.  Nothing: it is rexec.
std::optional<std::string> program_stood_for(std::string_view file);

// Then all of its arguments are the program's.  It is known by its path, since what a caller
// makes of argv[0] says nothing; and finds a terminal where it would find one here.
ClientOptions options_of_stand_in(const std::string &program, int argc, const char *const *argv,
                                  bool terminal);

} // namespace qtfs::rexec

#endif
