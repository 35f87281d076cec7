// SPDX-License-Identifier: GPL-2.0
//
// Frames between two udsproxyd, and paths in them: what is right is understood,
// and nothing else.

#include "frame.hh"

#include <gtest/gtest.h>
#include <random>

namespace qtfs::uds::test {

namespace {

std::optional<Header> decoded(FrameType type, std::uint8_t flags, std::uint16_t rights,
                              std::uint32_t stream, std::uint32_t length)
{
  return decode_header(encode(Header{type, flags, rights, stream, length}));
}

Bytes random_bytes(std::minstd_rand &random, std::size_t size)
{
  Bytes bytes(size);
  for (std::byte &byte : bytes)
    byte = static_cast<std::byte>(random());
  return bytes;
}

} // namespace

TEST(UdsHeader, IsUnderstood)
{
  const std::optional<Header> header = decoded(FrameType::Data, 0, 3, 0x12345678, 12 + 100);

  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, FrameType::Data);
  EXPECT_EQ(header->rights, 3);
  EXPECT_EQ(header->stream, 0x12345678U);
  EXPECT_EQ(header->length, 112U);
}

TEST(UdsHeader, OfNoTypeIsRefused)
{
  EXPECT_FALSE(decoded(static_cast<FrameType>(0), 0, 0, 0, 0));
  EXPECT_FALSE(decoded(static_cast<FrameType>(16), 0, 0, 0, 4));
  EXPECT_FALSE(decoded(static_cast<FrameType>(255), 0, 0, 0, 0));
}

TEST(UdsHeader, NamesAStreamWhereThereIsOne)
{
  EXPECT_TRUE(decoded(FrameType::Ping, 0, 0, 0, 0));
  EXPECT_FALSE(decoded(FrameType::Ping, 0, 0, 1, 0));
  EXPECT_TRUE(decoded(FrameType::Credit, 0, 0, 1, 4));
  EXPECT_FALSE(decoded(FrameType::Credit, 0, 0, 0, 4));
  EXPECT_TRUE(decoded(FrameType::Look, 0, 0, 0, 4));
  EXPECT_FALSE(decoded(FrameType::Looked, 0, 0, 1, 4));
}

TEST(UdsHeader, IsNotTooLongNorTooShort)
{
  EXPECT_TRUE(decoded(FrameType::Data, 0, 0, 1, max_data));
  EXPECT_FALSE(decoded(FrameType::Data, 0, 0, 1, max_data + 1));
  EXPECT_TRUE(decoded(FrameType::Data, 0, 1, 1, max_data + 4));
  EXPECT_FALSE(decoded(FrameType::Data, 0, 2, 1, max_data + 12));
  EXPECT_FALSE(decoded(FrameType::Data, 0, 2, 1, 7));
  EXPECT_FALSE(decoded(FrameType::Data, 0, max_rights + 1, 1, 4 * (max_rights + 1)));
  EXPECT_FALSE(decoded(FrameType::Hello, 0, 0, 0, 15));
  EXPECT_FALSE(decoded(FrameType::Hello, 0, 0, 0, 49));
  EXPECT_FALSE(decoded(FrameType::Open, 0, 0, 1, 0xffffffff));
  EXPECT_FALSE(decoded(FrameType::Withdraw, 0, 0, 0, max_path + 1));
}

TEST(UdsHeader, HasFlagsOfItsTypeAlone)
{
  EXPECT_TRUE(decoded(FrameType::Data, data_more, 0, 1, 5));
  EXPECT_FALSE(decoded(FrameType::Data, 0x02, 0, 1, 5));
  EXPECT_FALSE(decoded(FrameType::Data, data_more, 1, 1, 5)); // descriptors come with the end
  EXPECT_FALSE(decoded(FrameType::Ping, 1, 0, 0, 0));
  EXPECT_TRUE(decoded(FrameType::Announce, announce_made, 0, 0, 20));
  EXPECT_FALSE(decoded(FrameType::Announce, 2, 0, 0, 20));
  EXPECT_TRUE(decoded(FrameType::Shut, shut_read | shut_write, 0, 1, 0));
  EXPECT_FALSE(decoded(FrameType::Shut, 0, 0, 1, 0));
  EXPECT_FALSE(decoded(FrameType::Shut, 4, 0, 1, 0));
  EXPECT_FALSE(decoded(FrameType::Credit, 0, 1, 1, 4));
}

TEST(UdsPayload, ComesBack)
{
  const Announcement announcement = {SocketType::Seqpacket, 0751, 12, 34, "/run/a b;c"};
  EXPECT_EQ(decode_announcement(encode(announcement)), announcement);

  Opening opening = {SocketType::Datagram, {7, 8, {9, 10, 4294967294U}}, "/run/x"};
  const std::optional<Opening> opened = decode_opening(encode(opening));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->type, opening.type);
  EXPECT_EQ(opened->caller, opening.caller);
  EXPECT_EQ(opened->path, opening.path);

  const std::optional<Object> object =
    decode_object(encode(Object{ObjectKind::MemoryFile, 5, 1ULL << 20, "name"}));
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size, 1ULL << 20);
  EXPECT_EQ(object->name, "name");

  EXPECT_EQ(decode_number(encode_number(77)), 77U);
  EXPECT_EQ(decode_hello(encode(Hello{3, 65536}))->version, 3U);
}

TEST(UdsPayload, CutOffAnywhereIsRefused)
{
  const Bytes opening = encode(Opening{SocketType::Stream, {1, 2, {3, 4}}, "/a"});
  for (std::size_t size = 0; size + 1 < opening.size(); size++)
    EXPECT_FALSE(decode_opening(Span(opening).first(size))) << size;

  const Bytes announcement = encode(Announcement{SocketType::Stream, 0600, 0, 0, "/a"});
  for (std::size_t size = 0; size + 1 < announcement.size(); size++)
    EXPECT_FALSE(decode_announcement(Span(announcement).first(size))) << size;

  const Bytes hello = encode(Hello{protocol_version, 65536});
  for (std::size_t size = 0; size < hello.size(); size++)
    EXPECT_FALSE(decode_hello(Span(hello).first(size))) << size;
}

TEST(UdsPayload, OfAForgerIsRefused)
{
  Bytes bytes = encode(Opening{SocketType::Stream, {1, 2, {3}}, "/a"});
  store32(&bytes[9], 0x40000000); // groups, of which 4 times as many wraps to nothing
  EXPECT_FALSE(decode_opening(bytes));
  store32(&bytes[9], max_groups + 1);
  EXPECT_FALSE(decode_opening(bytes));

  // -1 means "leave it" in system calls.
  EXPECT_FALSE(decode_opening(encode(Opening{SocketType::Stream, {0xffffffff, 2, {}}, "/a"})));
  EXPECT_FALSE(decode_opening(encode(Opening{SocketType::Stream, {1, 0xffffffff, {}}, "/a"})));
  EXPECT_FALSE(decode_opening(encode(Opening{SocketType::Stream, {1, 2, {0xffffffff}}, "/a"})));

  EXPECT_FALSE(decode_announcement(encode(Announcement{SocketType::Stream, 04755, 0, 0, "/a"})));
  EXPECT_FALSE(
    decode_announcement(encode(Announcement{static_cast<SocketType>(4), 0, 0, 0, "/a"})));
  EXPECT_FALSE(decode_object(encode(Object{ObjectKind::MemoryFile, 0, max_memory_file + 1, ""})));
  EXPECT_FALSE(decode_object(encode(Object{ObjectKind::ReadEnd, 0, 1, ""})));
  EXPECT_FALSE(decode_object(encode(Object{ObjectKind::Nothing, 1, 0, ""})));
  EXPECT_FALSE(decode_object(encode(Object{ObjectKind::ClientFile, 0, 1, ""})));
  EXPECT_FALSE(decode_object(encode(Object{ObjectKind::ServerFile, 0, 0, std::string("/a\0", 3)})));
  EXPECT_FALSE(decode_object(encode(Object{static_cast<ObjectKind>(10), 0, 0, ""})));
  EXPECT_FALSE(decode_hello(encode(Hello{protocol_version, 0})));
  EXPECT_FALSE(decode_hello(encode(Hello{protocol_version, 0xffffffff})));
}

TEST(UdsPath, MeansWhatItSays)
{
  using namespace std::string_literals;

  for (const char *path : {"/a", "/run/x.sock", "/..a/b", "/a/...", "/ ", "/a\nb"})
    EXPECT_TRUE(is_plain_path(path)) << path;
  for (const std::string &path :
       {""s, "/"s, "a"s, "a/b"s, "./a"s, "/a/"s, "//a"s, "/a//b"s, "/."s, "/.."s, "/a/."s, "/a/.."s,
        "/../a"s, "/a/../b"s, "/a/./b"s, "/a\0"s, "/a\0b"s, "/"s + std::string(max_path, 'x')})
    EXPECT_FALSE(is_plain_path(path)) << path;
  EXPECT_TRUE(is_plain_path("/" + std::string(max_path - 1, 'x')));
}

// Whatever comes: no crash (sanitizers look on), and what is understood is
// understood again after it has been sent on.
TEST(UdsPayload, OfAnyBytesDoesNoHarm)
{
  std::minstd_rand random(1);

  for (int i = 0; i < 100000; i++) {
    Bytes bytes = random_bytes(random, random() % 64);
    if (bytes.size() > 13 && i % 2)
      bytes[13] = std::byte{'/'};
    if (bytes.size() > 13 && i % 4 > 1)
      store32(&bytes[9], 0);
    if (const std::optional<Opening> opening = decode_opening(bytes)) {
      EXPECT_EQ(encode(*opening), bytes);
    }
    if (const std::optional<Announcement> announcement = decode_announcement(bytes)) {
      EXPECT_EQ(encode(*announcement), bytes);
    }
    if (const std::optional<Object> object = decode_object(bytes)) {
      EXPECT_EQ(encode(*object), bytes);
    }
    decode_hello(bytes);
    decode_path(bytes);
    decode_number(bytes);
    if (bytes.size() >= header_size)
      decode_header(Span(bytes).first<header_size>());
  }
}

} // namespace qtfs::uds::test
