// SPDX-License-Identifier: GPL-2.0
//
// What the command lines of all programs have in common.

#ifndef QTFS_CLI_HH
#define QTFS_CLI_HH

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <string_view>

namespace qtfs {

inline constexpr int usage_error = 2; // exit status

// Says what is wrong with the command line.
inline int complain(const CLI::App &app, std::string_view what)
{
  std::cerr << app.get_name() << ": " << what << "\nRun with --help for more information.\n";
  return usage_error;
}

// Nothing: go on.  Else the exit status, @wrong if that is what it is; all has been said.
inline std::optional<int> parse_command_line(CLI::App &app, int argc, const char *const *argv,
                                             int wrong = usage_error)
{
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) { // CLI11's way to return
    return app.exit(error) == 0 ? 0 : wrong;
  }
  return std::nullopt;
}

} // namespace qtfs

#endif
