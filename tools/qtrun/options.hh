// SPDX-License-Identifier: GPL-2.0

#ifndef QTFS_QTRUN_OPTIONS_HH
#define QTFS_QTRUN_OPTIONS_HH

#include <string>
#include <vector>

#include "result.hh"

namespace qtfs::qtrun {

// Exit statuses as of env(1), chroot(1) and the like.
inline constexpr int failed = 125;
inline constexpr int not_executable = 126;
inline constexpr int not_found = 127;

struct Options {
  std::string config = "/etc/qtfs/qtrun.conf";
  bool check = false;
  std::vector<std::string> command;
};

// The error is an exit status; all has been said.
Result<Options, int> parse_options(int argc, const char *const *argv);

} // namespace qtfs::qtrun

#endif
