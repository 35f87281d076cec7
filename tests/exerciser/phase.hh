// SPDX-License-Identifier: GPL-2.0
//
// Some hundred operations that chance has given a character: which are frequent, how
// large they are, how often it is looked what they have done.  If all were as frequent
// as all others, and looked at each time, a page would seldom be dirty for long.

#ifndef QTFS_EXERCISER_PHASE_HH
#define QTFS_EXERCISER_PHASE_HH

#include <array>
#include <cstddef>

#include "file.hh"
#include "random.hh"

namespace qtfs::exerciser {

enum class Kind {
  Read,
  Write,
  Append,
  Resize,
  Allocate,
  Keep,
  Punch,
  Zero,
  ZeroKeep,
  Collapse,
  Insert,
  Copy,
  Seek,
  Sync,
  Forget,
  Reopen,
  Empty,
};
constexpr std::size_t kinds = 17;
const char *name_of(Kind kind);

class Phase {
public:
  Phase(Random &random, std::size_t max_size);

  Kind kind(Random &random) const;
  // To read or write by; never Appended.
  Way way(Random &random) const;
  bool looks(Random &random) const { return random.one_in(look_every_); }
  std::size_t max_length() const { return max_length_; }

private:
  std::array<unsigned, kinds> kind_weights_{};
  std::array<unsigned, ways> way_weights_{};
  std::size_t look_every_ = 1;
  std::size_t max_length_ = 0;
};

} // namespace qtfs::exerciser

#endif
