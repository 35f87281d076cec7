// SPDX-License-Identifier: GPL-2.0
//
// Random numbers for tests: the same in each run, so that a failure comes back.

#ifndef QTFS_TEST_RANDOM_HH
#define QTFS_TEST_RANDOM_HH

#include <random>

namespace qtfs::test {

inline std::mt19937_64 reproducible_random(unsigned seed)
{
  return std::mt19937_64(seed);
}

} // namespace qtfs::test

#endif
