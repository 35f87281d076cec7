// SPDX-License-Identifier: GPL-2.0
//
// What chance says, the same for the same seed.

#ifndef QTFS_EXERCISER_RANDOM_HH
#define QTFS_EXERCISER_RANDOM_HH

#include <cstddef>
#include <cstdint>
#include <random>

namespace qtfs::exerciser {

class Random {
public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // 0 to @limit - 1; the library's distributions may differ from one library to the next.
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  std::size_t between(std::size_t least, std::size_t most)
  {
    return least + below(most - least + 1);
  }
  bool one_in(std::size_t n) { return below(n) == 0; }

private:
  std::mt19937_64 engine_;
};

} // namespace qtfs::exerciser

#endif
