// SPDX-License-Identifier: GPL-2.0
//
// What a whitelist says to an operation on a path, and by which lines: the
// table of docs/design.md, section 5, told to people.

#ifndef QTFS_QTCFG_CHECK_HH
#define QTFS_QTCFG_CHECK_HH

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whitelist_text.hh"

namespace qtfs::qtcfg {

// How the operation's last component is meant.
enum class Target {
  Object, // what the path leads to, symbolic links followed
  Name,   // the name itself: made, removed or renamed in its directory
  Process,
};

struct Operation {
  std::string_view name;
  Target target;
  int access; // R_OK and W_OK: what the server's permissions must give, too
  std::vector<Section> sections;
};

// By name, in any case; nullptr if there is none.
const Operation *find_operation(std::string_view name);
std::string operation_names();

struct Ground {
  Section section;
  Section governing;
  std::optional<WhitelistItem> by; // none: refused
};

struct Verdict {
  std::string path; // as it is judged
  std::vector<Ground> grounds;

  bool allowed() const;
};

// Where @path leads on this machine; as it stands where that can't be told.
std::string resolve(const Operation &operation, const std::string &path);

// @path is resolved.
Verdict judge(const WhitelistText &whitelist, const Operation &operation, std::string path);

} // namespace qtfs::qtcfg

#endif
