// SPDX-License-Identifier: GPL-2.0
//
// qtcfg's command line: subcommands, and the historical options that mean some
// of them.

#ifndef QTFS_QTCFG_OPTIONS_HH
#define QTFS_QTCFG_OPTIONS_HH

#include <cstdint>
#include <optional>
#include <string>

#include "control.hh"
#include "whitelist.hh"

namespace qtfs::qtcfg {

enum class Command { List, Add, Remove, Save, Reload, Show, Validate, Check };

struct Options {
  Command command = Command::List;
  std::optional<Section> section; // List: all without
  std::string item;               // Add; Check: the path
  std::uint64_t index = 0;        // Remove
  std::string operation;          // Check
  std::string uid;                // Check; empty: nobody
  std::string file;               // Validate, Check; empty: what is in force
  bool save = false;
  bool json = false;
  std::string control = control_socket;
};

// The error is the exit status; all has been said.
Result<Options, int> parse_options(int argc, const char *const *argv);

} // namespace qtfs::qtcfg

#endif
