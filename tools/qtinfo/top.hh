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
  bool json = false;       // a line for each screen
};

// The keys: c count, e errors, b bytes, t total time, l mean latency.
bool is_top_key(char key);

// What @key counts most of comes first.
void sort_ops(std::vector<OpStat> &ops, char key);

// One side of a screen: @ops, in this order, of @interval seconds.
std::string top_table(const std::vector<OpStat> &ops, double interval);

int run_top(TopOptions options);

} // namespace qtfs::qtinfo

#endif
