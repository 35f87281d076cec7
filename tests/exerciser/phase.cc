// SPDX-License-Identifier: GPL-2.0

#include "phase.hh"

#include <algorithm>
#include <span>

namespace qtfs::exerciser {

namespace {

// Append is a way, but has no offset, so it is a kind as well.
constexpr std::array<unsigned, kinds> kind_weights = {30, 40, 3, 6, 3, 2, 4, 3, 2,
                                                      3,  3,  5, 2, 4, 3, 1, 1};
constexpr std::array<unsigned, ways> way_weights = {6, 4, 4, 2, 1, 5, 3, 0};
constexpr std::array<std::size_t, 4> looks_every = {1, 1, 4, 40};

// One index, by weight.
std::size_t choose(Random &random, std::span<const unsigned> weights)
{
  std::size_t sum = 0;
  for (const unsigned weight : weights)
    sum += weight;

  std::size_t at = random.below(sum);
  std::size_t i = 0;
  while (at >= weights[i])
    at -= weights[i++];
  return i;
}

// Each weight a quarter, as it is, or four times, and some nothing; not the first.
void distort(Random &random, std::span<const unsigned> from, std::span<unsigned> to)
{
  for (std::size_t i = 0; i < from.size(); i++) {
    to[i] = from[i] << (2 * random.below(3));
    if (i > 0 && random.one_in(4))
      to[i] = 0;
  }
}

} // namespace

const char *name_of(Kind kind)
{
  static constexpr std::array<const char *, kinds> names = {
    "read",     "write",  "append", "resize", "allocate", "keep",   "punch",  "zero", "zero-keep",
    "collapse", "insert", "copy",   "seek",   "sync",     "forget", "reopen", "empty"};

  return names.at(static_cast<std::size_t>(kind));
}

Phase::Phase(Random &random, std::size_t max_size)
{
  distort(random, kind_weights, kind_weights_);
  distort(random, way_weights, way_weights_);
  look_every_ = looks_every.at(random.below(looks_every.size()));
  const std::array<std::size_t, 4> lengths = {200, 6000, max_size / 8, max_size / 2};
  max_length_ = std::max<std::size_t>(lengths.at(random.below(lengths.size())), 1);
}

Kind Phase::kind(Random &random) const
{
  return static_cast<Kind>(choose(random, kind_weights_));
}

Way Phase::way(Random &random) const
{
  return static_cast<Way>(choose(random, way_weights_));
}

} // namespace qtfs::exerciser
