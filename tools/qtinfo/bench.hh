// SPDX-License-Identifier: GPL-2.0
//
// What a mount's transport does without a file system: round trips and streams of
// ECHO, which the server's module answers at once; see kmod/client/bench.c.

#ifndef QTFS_QTINFO_BENCH_HH
#define QTFS_QTINFO_BENCH_HH

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "json.hh"
#include "result.hh"

namespace qtfs::qtinfo {

struct BenchOptions {
  std::string mount;    // its number or a mount point; empty: the only one
  unsigned ms = 1000;   // each measurement
  unsigned streams = 4; // requests at a time, where there are several
};

struct Measurement {
  const char *name;
  std::uint32_t out = 0; // bytes of each request's data, and of its reply's
  std::uint32_t in = 0;
  unsigned at_a_time = 1;
  std::uint64_t count = 0;
  std::uint64_t ns = 0;     // that all took, on average over those at a time
  std::uint64_t min_ns = 0; // the shortest round trip

  double mean_us() const;
  double bytes_per_second() const;
};

struct Bench {
  std::string place;
  std::string transport;
  std::vector<Measurement> measurements;
};

// Takes some seconds: @progress is told before each measurement how many were done, of how many.
// The error is for people.
Result<Bench, std::string> run_bench(
  const BenchOptions &options,
  const std::function<void(const Measurement &next, std::size_t done, std::size_t all)> &progress);

std::string bench_text(const Bench &bench);
Json bench_json(const Bench &bench);

} // namespace qtfs::qtinfo

#endif
