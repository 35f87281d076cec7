// SPDX-License-Identifier: GPL-2.0
//
// The fuzzers' chance: the same seed gives the same choices.

#ifndef QTFS_FUZZ_RANDOM_HH
#define QTFS_FUZZ_RANDOM_HH

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace qtfs::fuzz {

class Random {
public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  // From 0 to @n - 1; @n isn't 0.
  std::uint64_t below(std::uint64_t n) { return bits() % n; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high)
  {
    return low + below(high - low + 1);
  }
  bool chance(unsigned percent) { return below(100) < percent; }

  template <typename List> decltype(auto) pick(List &&list)
  {
    return list[static_cast<std::size_t>(below(std::size(list)))];
  }

  // A number at which something ends: zero, powers of two, the largest of a type, or next to one.
  std::uint64_t boundary()
  {
    const std::uint64_t edge = below(8) ? std::uint64_t{1} << below(64) : 0;

    return edge + below(5) - 2;
  }

  std::string bytes(std::size_t size)
  {
    std::string bytes(size, '\0');

    for (char &byte : bytes)
      byte = static_cast<char>(bits());
    return bytes;
  }

private:
  std::mt19937_64 engine_;
};

} // namespace qtfs::fuzz

#endif
