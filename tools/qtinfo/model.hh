// SPDX-License-Identifier: GPL-2.0
//
// What a snapshot means.

#ifndef QTFS_QTINFO_MODEL_HH
#define QTFS_QTINFO_MODEL_HH

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "snapshot.hh"

namespace qtfs::qtinfo {

// What was counted of an operation; see kmod/transport/opstat.c.
struct OpStat {
  std::string name;
  std::uint64_t count = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  std::uint64_t ns = 0;
  std::vector<std::uint64_t> buckets;

  std::uint64_t mean() const { return count ? ns / count : 0; }
  // The time in ns that @share of all took at the most, as far as the buckets tell.
  std::uint64_t quantile(double share) const;
};

// The upper bound of a bucket in ns; 0: none.
std::uint64_t bucket_bound(std::size_t bucket, std::size_t buckets);

struct InFlight {
  bool on_server = false;
  std::uint64_t owner = 0; // mount or session
  std::uint64_t slot = 0;
  std::string op;
  std::string state;
  std::uint64_t age_ms = 0;
  std::uint64_t pid = 0;
  std::uint64_t attempts = 0;
};

using Counters = std::map<std::string, std::uint64_t>;

struct Mount {
  std::uint64_t id = 0;
  std::string state;
  std::string transport;
  std::string device; // as in mountinfo
  std::string source;
  std::vector<std::string> points;
  std::string options;
  Counters counters;
  std::vector<OpStat> ops;
};

struct Session {
  std::uint64_t id = 0;
  std::string state;
  std::vector<std::string> connections;
  std::string client;
  std::string label;
  std::uint64_t nodes = 0;
  std::uint64_t opens = 0;
  std::uint64_t locks = 0;
  Counters counters;
  std::vector<OpStat> ops;
};

struct Slab {
  std::string name;
  std::uint64_t active = 0;
  std::uint64_t total = 0;
  std::uint64_t size = 0;
};

struct Model {
  bool client = false;  // qtfs.ko is loaded
  bool server = false;  // qtfs_server.ko is
  bool details = false; // debugfs could be read
  std::string stuck;
  std::vector<Mount> mounts;
  std::vector<std::string> fstab; // where the machine mounts qtfs when it boots
  std::vector<Session> sessions;
  std::vector<InFlight> in_flight; // the oldest first
  std::string engine;              // running, stopped or failing
  Counters server_counters;
  std::vector<OpStat> server_ops;
  std::vector<Slab> slabs;
  std::map<std::string, std::string> log_levels; // by module
  std::map<std::string, std::string> releases;   // of the modules that are loaded
};

Model read_model(const Snapshot &snapshot);

// The lines of a file like latency, stats and ops.
std::vector<OpStat> parse_opstats(const std::string &text);
Counters parse_counters(const std::string &text);
std::vector<InFlight> parse_in_flight(const std::string &text, bool on_server);
// The mount points of fstab(5)'s lines for qtfs, but those with noauto.
std::vector<std::string> parse_fstab(const std::string &text);

// @now less @before, by name.
std::vector<OpStat> difference(const std::vector<OpStat> &now, const std::vector<OpStat> &before);
// All of both, by name.
std::vector<OpStat> sum(std::vector<OpStat> one, const std::vector<OpStat> &other);
OpStat total(const std::vector<OpStat> &ops);

} // namespace qtfs::qtinfo

#endif
