// SPDX-License-Identifier: GPL-2.0
//
// Frames between two udsproxyd: docs/udsproxy.md has them as a table.
//
// What is decoded comes from the peer: a function returns nothing where the
// bytes are not exactly what they should be, and allocates nothing before that
// is known.

#ifndef QTFS_UDS_FRAME_HH
#define QTFS_UDS_FRAME_HH

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qtfs::uds {

inline constexpr std::uint32_t protocol_version = 3;
inline constexpr std::size_t header_size = 12;
inline constexpr std::size_t max_payload = 65536 + 1024; // data, and what it passes
inline constexpr std::size_t max_data = 65536;           // of a message in one frame
inline constexpr std::size_t max_message = 1 << 20;
inline constexpr std::size_t max_rights = 253; // SCM_MAX_FD
inline constexpr std::size_t max_path = 4095;
inline constexpr std::size_t max_groups = 4096;
inline constexpr std::uint64_t max_memory_file = 64 << 20;

// What a frame of data costs of the receiver's window beside its bytes, so that
// empty messages aren't free.
inline constexpr std::uint32_t frame_cost = 64;

enum class FrameType : std::uint8_t {
  Hello = 1,
  Ping,
  Pong,
  Announce,
  Withdraw,
  Synced,
  Open,
  Object,
  Data,
  Credit,
  Shut,
  Reset,
  Prove,
  Look,
  Looked,
};

inline constexpr std::uint8_t announce_made = 0x01; // Announce: Announcement::made
inline constexpr std::uint8_t data_more = 0x01;     // Data: the message goes on
inline constexpr std::uint8_t shut_read = 0x01;     // Shut: nothing more is read here
inline constexpr std::uint8_t shut_write = 0x02;    // Shut: nothing more comes from here

struct Header {
  FrameType type;
  std::uint8_t flags = 0;
  std::uint16_t rights = 0; // Data: descriptors that are passed with it
  std::uint32_t stream = 0;
  std::uint32_t length = 0; // of the payload
};

using Nonce = std::array<std::byte, 32>;
using Proof = std::array<std::byte, 32>; // HMAC-SHA256

using Bytes = std::vector<std::byte>;
using Span = std::span<const std::byte>;

std::array<std::byte, header_size> encode(const Header &header);

// Nothing: no frame begins like that.
std::optional<Header> decode_header(std::span<const std::byte, header_size> bytes);

enum class SocketType : std::uint8_t { Stream = 1, Datagram = 2, Seqpacket = 3 };

int native(SocketType type); // SOCK_STREAM ...
std::optional<SocketType> socket_type(int native);
std::string_view name_of(SocketType type);

struct Hello {
  std::uint32_t version = protocol_version;
  std::uint32_t window = 0; // that each stream begins with, in both directions
  Nonce nonce = {};         // for proofs; all zero: without a key
};

// On whose behalf a connection is made.
struct Caller {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;

  bool operator==(const Caller &) const = default;
};

struct Announcement {
  SocketType type = SocketType::Stream;
  std::uint32_t mode = 0; // permissions
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string path;
  bool made = false; // the file is the receiver's already, who is asked to listen there

  bool operator==(const Announcement &) const = default;
};

struct Opening {
  SocketType type = SocketType::Stream;
  Caller caller;
  std::string path;
};

// What a descriptor that is passed becomes on the other side.
enum class ObjectKind : std::uint8_t {
  Nothing = 1,  // it can't be passed; name says what it is
  ReadEnd = 2,  // of a pipe: data goes from the frame's sender to its receiver
  WriteEnd = 3, // of a pipe: data goes the other way
  Stream = 4,   // sockets
  Datagram = 5,
  Seqpacket = 6,
  MemoryFile = 7, // its content comes as data, before it is passed
  ClientFile = 8, // open on a mount: by what the server knows it (files.hh)
  ServerFile = 9, // reached by the peer through a mount: by its path
};

struct Object {
  ObjectKind kind = ObjectKind::Nothing;
  std::uint32_t seals = 0; // MemoryFile; of the other files the flags, QTFS_UDS_FLAGS
  std::uint64_t size = 0;  // MemoryFile
  std::string name;        // MemoryFile: its name; Nothing: what it is; at most 200 bytes.
                           // ClientFile, ServerFile: which it is
};

Bytes encode(const Hello &hello);
Bytes encode(const Announcement &announcement);
Bytes encode(const Opening &opening);
Bytes encode(const Object &object);
Bytes encode_number(std::uint32_t number); // Credit, Reset, Look, Looked

std::optional<Hello> decode_hello(Span bytes);
std::optional<Announcement> decode_announcement(Span bytes);
std::optional<Opening> decode_opening(Span bytes);
std::optional<Object> decode_object(Span bytes);
std::optional<std::uint32_t> decode_number(Span bytes);
std::optional<std::string> decode_path(Span bytes); // Withdraw
std::optional<Proof> decode_proof(Span bytes);

std::uint32_t load32(const std::byte *bytes);
void store32(std::byte *bytes, std::uint32_t number);

// Whether @path is absolute and means what it says: no empty component, "." or
// "..", no NUL, and not too long.
bool is_plain_path(std::string_view path);

} // namespace qtfs::uds

#endif
