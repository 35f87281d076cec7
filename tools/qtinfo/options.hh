// SPDX-License-Identifier: GPL-2.0
//
// qtinfo's command line: subcommands, and the historical options.

#ifndef QTFS_QTINFO_OPTIONS_HH
#define QTFS_QTINFO_OPTIONS_HH

#include <string>

#include "bench.hh"
#include "control.hh"
#include "result.hh"
#include "top.hh"
#include "trace.hh"

namespace qtfs::qtinfo {

enum class Command {
  Summary,
  Stats,
  InFlight,
  Opens,
  Connections,
  Caches,
  Log,
  Ping,
  Bench,
  Top,
  Trace,
  Dump,
  All,       // -a
  Clear,     // -c
  Sizes,     // -t
  PollMode,  // -p
  Udsproxyd, // -u
  UdsLevel,  // -s
};

struct Options {
  Command command = Command::Summary;
  bool json = false;
  bool prometheus = false; // Stats
  bool histograms = false; // Stats
  bool counters = false;   // Stats
  std::string op;          // Stats, Trace
  std::string level;       // Log; empty: show
  std::string file;        // Dump; empty: standard output
  TopOptions top;
  BenchOptions bench;
  TraceOptions trace;
  std::string control = control_socket;
};

// The error is the exit status; all has been said.
Result<Options, int> parse_options(int argc, const char *const *argv);

} // namespace qtfs::qtinfo

#endif
