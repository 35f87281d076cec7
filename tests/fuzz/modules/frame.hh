// SPDX-License-Identifier: GPL-2.0
//
// Frames as the fuzzers make and take them.

#ifndef QTFS_FUZZ_FRAME_HH
#define QTFS_FUZZ_FRAME_HH

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "abi.hh"

namespace qtfs::fuzz {

// The parts of a frame. encode() fills in what follows from others: lengths and counts.
struct Request {
  qtfs_hdr hdr{};
  qtfs_req req{};
  std::string body;
  std::string groups;
  std::array<std::string, 2> name;
  std::string data;

  explicit Request(unsigned op);
  unsigned op() const;
  std::string encode() const;
};

struct Reply {
  qtfs_hdr hdr{};
  std::string body;
  std::string data;

  // To the request with header @to.
  explicit Reply(const qtfs_hdr &to);
  std::string encode() const;
};

// A structure as the bytes of a body, and back: zeros where they are too few.
template <typename T> std::string bytes_of(const T &value)
{
  return {reinterpret_cast<const char *>(&value), sizeof(value)};
}

template <typename T> T value_of(std::string_view bytes)
{
  T value{};

  std::memcpy(&value, bytes.data(), bytes.size() < sizeof(value) ? bytes.size() : sizeof(value));
  return value;
}

// Puts the checksum of @frame into it.
void seal(std::string &frame);

// What is wrong with a whole frame that a server has sent, nothing if it is good.
std::string judge_reply(std::string_view frame, std::uint32_t max_data, bool crc);

} // namespace qtfs::fuzz

#endif
