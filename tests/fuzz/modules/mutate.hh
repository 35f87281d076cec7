// SPDX-License-Identifier: GPL-2.0

#ifndef QTFS_FUZZ_MUTATE_HH
#define QTFS_FUZZ_MUTATE_HH

#include <string>

#include "random.hh"

namespace qtfs::fuzz {

// Makes a frame that was good another one: flipped bits, lengths at their bounds, a frame that
// ends too soon, another operation, slot or object. Where sums are checked, seal() comes after.
void mutate(Random &random, std::string &frame);

} // namespace qtfs::fuzz

#endif
