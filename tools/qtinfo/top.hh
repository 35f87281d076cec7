// SPDX-License-Identifier: GPL-2.0
//
// What is going on now: operations since the last look, on a screen that is
// drawn again and again.

#ifndef QTFS_QTINFO_TOP_HH
#define QTFS_QTINFO_TOP_HH

#include <cstdint>
#include <string>
#include <vector>

#include "model.hh"

namespace qtfs::qtinfo {

struct TopOptions {
  double interval = 1;     // seconds
  std::uint64_t count = 0; // screens; 0: until q
  char sort = 'c';         // a key, as below
};

// The keys: c count, e errors, b bytes, t total time, l mean latency.
bool is_top_key(char key);

// One screen but for its head.
std::string top_table(std::vector<OpStat> ops, double interval, char sort);

int run_top(TopOptions options);

} // namespace qtfs::qtinfo

#endif
