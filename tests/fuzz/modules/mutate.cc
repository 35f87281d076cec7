// SPDX-License-Identifier: GPL-2.0

#include "mutate.hh"

#include <algorithm>
#include <cstring>

#include "bytes.hh"
#include "frame.hh"

namespace qtfs::fuzz {

namespace {

void put(std::string &frame, std::size_t at, std::uint64_t value, std::size_t size)
{
  const std::uint64_t bytes = le(__u64{value});

  if (at < frame.size())
    std::memcpy(frame.data() + at, &bytes, std::min(size, frame.size() - at));
}

void flip_bits(Random &random, std::string &frame)
{
  for (std::uint64_t n = random.between(1, 8); n; n--) {
    char &byte = random.pick(frame);
    byte = static_cast<char>(byte ^ 1 << random.below(8));
  }
}

// A field is at a multiple of its size, most likely in the headers and the body.
void edge_of_field(Random &random, std::string &frame)
{
  const std::size_t size = std::size_t{1} << random.between(1, 3);
  const std::size_t range =
    random.chance(80) ? std::min<std::size_t>(frame.size(), 300) : frame.size();

  put(frame, random.below(range) / size * size, random.boundary(), size);
}

void near_length(Random &random, std::string &frame, std::size_t at, std::size_t size)
{
  std::uint64_t old = 0;

  if (at + size > frame.size())
    return;
  std::memcpy(&old, frame.data() + at, size);
  put(frame, at, random.chance(50) ? le(__u64{old}) + random.below(17) - 8 : random.boundary(),
      size);
}

void some_length(Random &random, std::string &frame)
{
  const std::size_t req = sizeof(qtfs_hdr);

  switch (random.below(6)) {
  case 0:
    return near_length(random, frame, offsetof(qtfs_hdr, len), 4);
  case 1:
    return near_length(random, frame, offsetof(qtfs_hdr, data_len), 4);
  case 2:
    return near_length(random, frame, offsetof(qtfs_hdr, body_len), 2);
  case 3:
    return near_length(random, frame, req + offsetof(qtfs_req, ngroups), 4);
  default:
    return near_length(random, frame, req + offsetof(qtfs_req, name_len) + 2 * random.below(2), 2);
  }
}

// The rest of a frame is another one, and all lengths say so: what is wrong is inside.
void other_data(Random &random, std::string &frame)
{
  const auto hdr = value_of<qtfs_hdr>(frame);
  const std::size_t data = std::min<std::size_t>(le(hdr.data_len), frame.size());
  const std::size_t begin = frame.size() - data;

  if (data == 0)
    return edge_of_field(random, frame);
  const std::size_t at = begin + random.below(data);
  if (random.chance(50))
    frame.resize(at);
  else
    frame.insert(at, random.bytes(random.between(1, 300)));
  put(frame, offsetof(qtfs_hdr, data_len), frame.size() - begin, 4);
  put(frame, offsetof(qtfs_hdr, len), frame.size(), 4);
}

} // namespace

void mutate(Random &random, std::string &frame)
{
  if (frame.size() < sizeof(qtfs_hdr))
    return;
  switch (random.below(8)) {
  case 0:
  case 1:
    return flip_bits(random, frame);
  case 2:
  case 3:
    return edge_of_field(random, frame);
  case 4:
    return some_length(random, frame);
  case 5:
    return other_data(random, frame);
  case 6:
    return put(frame, offsetof(qtfs_hdr, op), random.below(QTFS_OP_END + 2), 2);
  default:
    frame.resize(random.below(frame.size()));
  }
}

} // namespace qtfs::fuzz
