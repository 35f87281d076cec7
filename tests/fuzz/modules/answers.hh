// SPDX-License-Identifier: GPL-2.0
//
// A server without files: what it says of a name is always the same, by the name's first letter,
// so that a client believes it.

#ifndef QTFS_FUZZ_ANSWERS_HH
#define QTFS_FUZZ_ANSWERS_HH

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "frame.hh"
#include "random.hh"

namespace qtfs::fuzz {

// Directories, files, links, FIFOs, sockets, a device, a file of no meaningful size, nothing.
constexpr std::array<const char *, 14> served_names = {"d0", "d1", "d2", "f0", "f1", "f2", "f3",
                                                       "l0", "l1", "p0", "s0", "c0", "u0", "n0"};

struct Agreed {
  std::uint32_t max_data = QTFS_DATA_DEFAULT;
  std::uint64_t session = 1;
  std::array<std::uint8_t, 16> boot{};
};

// The good answer to @request, which is whole. Nothing where none is due.
std::string good_answer(Random &random, std::string_view request, const Agreed &agreed);

// Events, most of them of files that the client may know.
std::string notify(Random &random);

} // namespace qtfs::fuzz

#endif
