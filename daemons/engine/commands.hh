// SPDX-License-Identifier: GPL-2.0
//
// What the control socket's requests do (common/control.hh).  Everything is
// called by the main thread.

#ifndef QTFS_ENGINE_COMMANDS_HH
#define QTFS_ENGINE_COMMANDS_HH

#include <functional>
#include <string>
#include <string_view>
#include <system_error>

#include "json.hh"
#include "whitelist_file.hh"

namespace qtfs::engine {

class Commands {
public:
  // Puts a whitelist in force.
  using Enforce = std::function<std::error_code(Whitelist)>;

  Commands(WhitelistText whitelist, unsigned threads, Enforce enforce)
      : file_(std::move(whitelist)), threads_(threads), enforce_(std::move(enforce))
  {
  }

  // The answer to the request; both are lines of JSON.
  std::string answer(std::string_view request);

  // Loads the file again.  Returns what is wrong, or nothing.
  std::string reload();

private:
  Json status() const;
  Json get() const;
  Json add(const Json &request);
  Json remove(const Json &request);
  Json save();
  Json execute(const Json &request);
  std::string put_in_force(const WhitelistText &text);

  WhitelistFile file_;
  const unsigned threads_;
  const Enforce enforce_;
};

} // namespace qtfs::engine

#endif
