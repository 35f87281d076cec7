// SPDX-License-Identifier: GPL-2.0
//
// Requests of a client that knows what it is about, more or less.

#ifndef QTFS_FUZZ_REQUESTS_HH
#define QTFS_FUZZ_REQUESTS_HH

#include <cstdint>
#include <string_view>
#include <vector>

#include "frame.hh"
#include "random.hh"

namespace qtfs::fuzz {

// What a server has given to a client.
class Objects {
public:
  // Takes what is new out of a good reply.
  void learn(std::string_view reply);
  void forget_some(Random &random);
  void clear();

  std::uint64_t node(Random &random) const;
  std::uint64_t directory(Random &random) const;
  std::uint64_t open(Random &random) const;

private:
  void add_node(std::uint64_t number, std::uint32_t mode);

  std::vector<std::uint64_t> nodes_;
  std::vector<std::uint64_t> directories_;
  std::vector<std::uint64_t> opens_;
};

// A request that is good, but for what it names perhaps.
Request any_request(Random &random, const Objects &objects, std::uint32_t max_data);

} // namespace qtfs::fuzz

#endif
