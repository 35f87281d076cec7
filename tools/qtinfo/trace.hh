// SPDX-License-Identifier: GPL-2.0
//
// Operations as they happen, by the modules' tracepoints.  In an instance of
// tracing of its own, which goes with it, so that nobody else's is disturbed.

#ifndef QTFS_QTINFO_TRACE_HH
#define QTFS_QTINFO_TRACE_HH

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace qtfs::qtinfo {

struct TraceEvent {
  std::string time; // seconds since boot
  std::string name;
  std::map<std::string, std::string> fields;

  std::int64_t number(const std::string &field) const; // 0 where there is none
};

// A line of trace_pipe.
std::optional<TraceEvent> parse_trace(const std::string &line);

struct TraceFilter {
  std::string op;            // empty: all
  bool errors = false;       // only those with an error
  std::uint64_t slow_us = 0; // only those that took so long
  bool every_event = false;  // not only the end of each operation

  bool wants(const TraceEvent &event) const;
};

// One line, without its end.
std::string trace_text(const TraceEvent &event);
std::string trace_json(const TraceEvent &event);

struct TraceOptions {
  TraceFilter filter;
  std::uint64_t count = 0;   // ends after so many lines; 0: not
  std::uint64_t seconds = 0; // or so long; 0: not
  bool json = false;
};

// Until a signal comes or the options say so.  The exit status.
int run_trace(const TraceOptions &options);

} // namespace qtfs::qtinfo

#endif
