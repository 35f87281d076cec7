// SPDX-License-Identifier: GPL-2.0
//
// The command line.

#ifndef QTFS_ENGINE_OPTIONS_HH
#define QTFS_ENGINE_OPTIONS_HH

#include <optional>
#include <string>
#include <vector>

#include "control.hh"
#include "result.hh"

namespace qtfs::engine {

struct Options {
  unsigned threads = 0;
  std::string whitelist = "/etc/qtfs/whitelist";
  std::string log_level = "info";
  std::string audit;                    // empty: none
  std::string control = control_socket; // empty: none
  // udsproxyd's arguments, if it is to be started as well.
  std::optional<std::vector<std::string>> udsproxyd;
};

// The error is the exit status; all has been said.
Result<Options, int> parse_options(int argc, const char *const *argv);

} // namespace qtfs::engine

#endif
