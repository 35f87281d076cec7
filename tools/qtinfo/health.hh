// SPDX-License-Identifier: GPL-2.0
//
// Whether all is well, and if not, what to look at first.

#ifndef QTFS_QTINFO_HEALTH_HH
#define QTFS_QTINFO_HEALTH_HH

#include <optional>
#include <string>
#include <vector>

#include "json.hh"
#include "model.hh"

namespace qtfs::qtinfo {

struct Finding {
  bool serious; // else a remark
  std::string what;
  std::string advice;
};

// A mount's answer to a request, see ping.hh.
struct Ping {
  std::uint64_t mount = 0;
  std::string point;
  int error = 0; // ETIMEDOUT: none came in time
  std::uint64_t ns = 0;
};

struct Engine {
  bool answers = false;
  std::string problem; // else
  std::string version;
  std::int64_t pid = 0;
  std::int64_t threads = 0;
  std::string file;
  bool edited = false;
};

// udsproxyd, where there is one.
struct Proxy {
  std::string problem; // why it doesn't answer; empty: it does
  std::string version;
  std::int64_t pid = 0;
  std::string peer;
  bool connected = false;
};

// The most serious and the most probable cause of others first.
std::vector<Finding> examine(const Model &model, const std::optional<Engine> &engine,
                             const std::vector<Ping> &pings, bool root,
                             const std::optional<Proxy> &proxy = std::nullopt);

} // namespace qtfs::qtinfo

#endif
