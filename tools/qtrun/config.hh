// SPDX-License-Identifier: GPL-2.0
//
// qtrun.conf: which directories a program sees as this machine's, and which as the host's, and
// what it has the host execute.

#ifndef QTFS_QTRUN_CONFIG_HH
#define QTFS_QTRUN_CONFIG_HH

#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace qtfs::qtrun {

struct Place {
  std::string path; // absolute, normalised
  bool host = false;

  bool operator==(const Place &) const = default;
};

struct Config {
  std::string mount; // where the host's root is mounted on this machine
  // Sorted by path, so that what is below comes later; "/" is always the first.
  std::vector<Place> places;
  std::vector<std::string> programs; // that the host executes; absolute, normalised
};

// The error is a sentence that begins with the file, and where it can with the line.
Result<Config, std::string> parse_config(std::string_view text, const std::string &file);
Result<Config, std::string> load_config(const std::string &file);

} // namespace qtfs::qtrun

#endif
