// SPDX-License-Identifier: GPL-2.0
//
// The whitelist in force.  Each request is judged by one whitelist from its
// beginning to its end, whatever is loaded meanwhile.

#ifndef QTFS_ENGINE_POLICY_HH
#define QTFS_ENGINE_POLICY_HH

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "whitelist.hh"

namespace qtfs::engine {

class Policy {
public:
  explicit Policy(Whitelist whitelist) { replace(std::move(whitelist)); }

  std::shared_ptr<const Whitelist> current() const { return current_.load(); }
  void replace(Whitelist whitelist)
  {
    current_.store(std::make_shared<const Whitelist>(std::move(whitelist)));
  }

private:
  std::atomic<std::shared_ptr<const Whitelist>> current_;
};

// Where @name is, or will be, in a directory; empty, which no item of a
// whitelist matches, if it isn't known where the directory is.
std::string child_path(std::string_view directory, std::string_view name);

// What a request wanted and no item of a whitelist matched.
struct Refusal {
  Section section;
  std::string path; // empty: not known
};

// Judges one request, see docs/design.md, section 5.  Remembers the first
// refusal, for whoever has to find out what is missing in a whitelist.
class Judge {
public:
  explicit Judge(const Whitelist &whitelist) : whitelist_(whitelist) {}

  bool allows(Section section, std::string_view path);

  // Signals to, and settings of, a process.
  bool allows_process(std::string_view name, std::string_view program);

  // OPEN and CREATE of a file with these QTFS_O_*.
  bool allows_open(std::uint32_t flags, std::string_view path);
  // SETATTR of these QTFS_SET_*.
  bool allows_setattr(std::uint32_t valid, std::string_view path);

  const std::optional<Refusal> &refusal() const { return refusal_; }

private:
  const Whitelist &whitelist_;
  std::optional<Refusal> refusal_;
};

} // namespace qtfs::engine

#endif
