// SPDX-License-Identifier: GPL-2.0

#include "frame.hh"

#include <algorithm>
#include <cstring>
#include <sys/socket.h>

#include "bytes.hh"

namespace qtfs::uds {

namespace {

constexpr std::string_view magic = "qtfs-uds";
constexpr std::size_t max_name = 200;
// A path, and numbers before it.
constexpr std::size_t max_file_name = max_path + 100;

// What a frame of each type may be.
struct Rule {
  std::uint8_t flags;
  bool stream; // names one
  std::size_t least;
  std::size_t most;
};

constexpr std::size_t hello_head = 16; // all there was in version 1
constexpr std::size_t hello_size = hello_head + sizeof(Nonce);
constexpr std::size_t announcement_head = 13;
constexpr std::size_t opening_head = 13;
constexpr std::size_t object_head = 13;

constexpr std::array<Rule, 16> rules = {{
  {},                                                                          // there is no type 0
  {0, false, hello_head, hello_size},                                          // Hello
  {0, false, 0, 0},                                                            // Ping
  {0, false, 0, 0},                                                            // Pong
  {announce_made, false, announcement_head + 1, announcement_head + max_path}, // Announce
  {0, false, 1, max_path},                                                     // Withdraw
  {0, false, 0, 0},                                                            // Synced
  {0, true, opening_head + 1, opening_head + 4 * max_groups + max_path},       // Open
  {0, true, object_head, object_head + max_file_name},                         // Object
  {data_more, true, 0, max_payload},                                           // Data
  {0, true, 4, 4},                                                             // Credit
  {shut_read | shut_write, true, 0, 0},                                        // Shut
  {0, true, 4, 4},                                                             // Reset
  {0, false, sizeof(Proof), sizeof(Proof)},                                    // Prove
  {0, false, 4, 4},                                                            // Look
  {0, false, 4, 4},                                                            // Looked
}};

using Writer = ByteWriter<Bytes>;
// The caller has looked at the length where it is fixed.
using Reader = ByteReader;

std::size_t most_of_name(ObjectKind kind)
{
  return kind == ObjectKind::ClientFile || kind == ObjectKind::ServerFile ? max_file_name
                                                                          : max_name;
}

std::optional<SocketType> type_of(std::uint8_t value)
{
  if (value < 1 || value > 3)
    return std::nullopt;
  return static_cast<SocketType>(value);
}

} // namespace

std::uint32_t load32(const std::byte *bytes)
{
  std::uint32_t value;

  std::memcpy(&value, bytes, sizeof(value));
  return le(value);
}

void store32(std::byte *bytes, std::uint32_t number)
{
  number = le(number);
  std::memcpy(bytes, &number, sizeof(number));
}

std::array<std::byte, header_size> encode(const Header &header)
{
  std::array<std::byte, header_size> bytes;

  bytes[0] = std::byte{static_cast<std::uint8_t>(header.type)};
  bytes[1] = std::byte{header.flags};
  bytes[2] = static_cast<std::byte>(header.rights & 0xff);
  bytes[3] = static_cast<std::byte>(header.rights >> 8);
  store32(&bytes[4], header.stream);
  store32(&bytes[8], header.length);
  return bytes;
}

std::optional<Header> decode_header(std::span<const std::byte, header_size> bytes)
{
  const auto number = std::to_integer<std::uint8_t>(bytes[0]);
  if (number == 0 || number >= rules.size())
    return std::nullopt;

  Header header{static_cast<FrameType>(number)};
  header.flags = std::to_integer<std::uint8_t>(bytes[1]);
  header.rights = static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[2]) |
                                             std::to_integer<unsigned>(bytes[3]) << 8);
  header.stream = load32(&bytes[4]);
  header.length = load32(&bytes[8]);

  const Rule &rule = rules[number];
  const std::size_t rights = header.type == FrameType::Data ? max_rights : 0;
  if ((header.flags & ~rule.flags) || (header.stream != 0) != rule.stream ||
      header.length < rule.least || header.length > rule.most || header.rights > rights)
    return std::nullopt;
  // Descriptors come with the end of a message.
  if (header.rights && (header.flags & data_more))
    return std::nullopt;
  if (header.type == FrameType::Data &&
      (header.length < 4U * header.rights || header.length - 4U * header.rights > max_data))
    return std::nullopt;
  if (header.type == FrameType::Shut && header.flags == 0)
    return std::nullopt;
  return header;
}

int native(SocketType type)
{
  switch (type) {
  case SocketType::Datagram:
    return SOCK_DGRAM;
  case SocketType::Seqpacket:
    return SOCK_SEQPACKET;
  default:
    return SOCK_STREAM;
  }
}

std::optional<SocketType> socket_type(int native)
{
  switch (native) {
  case SOCK_STREAM:
    return SocketType::Stream;
  case SOCK_DGRAM:
    return SocketType::Datagram;
  case SOCK_SEQPACKET:
    return SocketType::Seqpacket;
  default:
    return std::nullopt;
  }
}

std::string_view name_of(SocketType type)
{
  switch (type) {
  case SocketType::Datagram:
    return "datagram";
  case SocketType::Seqpacket:
    return "seqpacket";
  default:
    return "stream";
  }
}

Bytes encode(const Hello &hello)
{
  Bytes bytes = Writer(hello_size).bytes(magic).u32(hello.version).u32(hello.window).take();

  bytes.insert(bytes.end(), hello.nonce.begin(), hello.nonce.end());
  return bytes;
}

Bytes encode(const Announcement &announcement)
{
  return Writer(announcement_head + announcement.path.size())
    .u8(static_cast<std::uint8_t>(announcement.type))
    .u32(announcement.mode)
    .u32(announcement.uid)
    .u32(announcement.gid)
    .bytes(announcement.path)
    .take();
}

Bytes encode(const Opening &opening)
{
  const std::size_t groups = std::min(opening.caller.groups.size(), max_groups);
  Writer writer(opening_head + 4 * groups + opening.path.size());

  writer.u8(static_cast<std::uint8_t>(opening.type))
    .u32(opening.caller.uid)
    .u32(opening.caller.gid)
    .u32(static_cast<std::uint32_t>(groups));
  for (std::size_t i = 0; i < groups; i++)
    writer.u32(opening.caller.groups[i]);
  return writer.bytes(opening.path).take();
}

Bytes encode(const Object &object)
{
  return Writer(object_head + object.name.size())
    .u8(static_cast<std::uint8_t>(object.kind))
    .u32(object.seals)
    .u64(object.size)
    .bytes(std::string_view(object.name).substr(0, most_of_name(object.kind)))
    .take();
}

Bytes encode_number(std::uint32_t number)
{
  return Writer(4).u32(number).take();
}

std::optional<Hello> decode_hello(Span bytes)
{
  if (bytes.size() < hello_head || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    return std::nullopt;
  Reader reader(bytes.subspan(magic.size()));
  Hello hello;
  hello.version = reader.u32();
  hello.window = reader.u32();
  // Of another version no more is known than that it is another one.
  if (hello.version != protocol_version)
    return hello;
  // A window that takes no frame would stop everything.
  if (bytes.size() != hello_size || hello.window < 4096 || hello.window > 64 << 20)
    return std::nullopt;
  std::ranges::copy(bytes.subspan(hello_head), hello.nonce.begin());
  return hello;
}

std::optional<Announcement> decode_announcement(Span bytes)
{
  Reader reader(bytes);
  const std::optional<SocketType> type = type_of(reader.u8());
  Announcement announcement;

  announcement.mode = reader.u32();
  announcement.uid = reader.u32();
  announcement.gid = reader.u32();
  announcement.path = std::string(reader.rest());
  if (!type || !reader.good() || announcement.mode > 0777 || !is_plain_path(announcement.path))
    return std::nullopt;
  announcement.type = *type;
  return announcement;
}

std::optional<Opening> decode_opening(Span bytes)
{
  Reader reader(bytes);
  const std::optional<SocketType> type = type_of(reader.u8());
  Opening opening;

  opening.caller.uid = reader.u32();
  opening.caller.gid = reader.u32();
  const std::uint32_t groups = reader.u32();
  if (!type || !reader.good() || groups > max_groups || reader.left() < 4 * std::size_t{groups})
    return std::nullopt;
  opening.type = *type;
  opening.caller.groups.reserve(groups);
  for (std::uint32_t i = 0; i < groups; i++)
    opening.caller.groups.push_back(reader.u32());
  opening.path = std::string(reader.rest());

  // No user has that number: it means "leave it as it is" in system calls.
  constexpr auto none = static_cast<std::uint32_t>(-1);
  if (!is_plain_path(opening.path) || opening.caller.uid == none || opening.caller.gid == none ||
      std::ranges::find(opening.caller.groups, none) != opening.caller.groups.end())
    return std::nullopt;
  return opening;
}

std::optional<Object> decode_object(Span bytes)
{
  Reader reader(bytes);
  const std::uint8_t kind = reader.u8();
  Object object;

  object.seals = reader.u32();
  object.size = reader.u64();
  object.name = std::string(reader.rest());
  if (!reader.good() || kind < static_cast<std::uint8_t>(ObjectKind::Nothing) ||
      kind > static_cast<std::uint8_t>(ObjectKind::ServerFile) ||
      object.name.find('\0') != std::string::npos)
    return std::nullopt;
  object.kind = static_cast<ObjectKind>(kind);
  if (object.name.size() > most_of_name(object.kind) ||
      (object.kind == ObjectKind::MemoryFile ? object.size > max_memory_file : object.size != 0) ||
      (object.kind < ObjectKind::MemoryFile && object.seals != 0))
    return std::nullopt;
  return object;
}

std::optional<std::uint32_t> decode_number(Span bytes)
{
  if (bytes.size() != 4)
    return std::nullopt;
  return load32(bytes.data());
}

std::optional<std::string> decode_path(Span bytes)
{
  std::string path(Reader(bytes).rest());

  if (!is_plain_path(path))
    return std::nullopt;
  return path;
}

std::optional<Proof> decode_proof(Span bytes)
{
  Proof proof;

  if (bytes.size() != proof.size())
    return std::nullopt;
  std::ranges::copy(bytes, proof.begin());
  return proof;
}

bool is_plain_path(std::string_view path)
{
  if (path.size() < 2 || path.size() > max_path || path.front() != '/' ||
      path.find('\0') != std::string_view::npos)
    return false;
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view component = rest.substr(0, rest.find('/'));
    if (component.empty() || component == "." || component == "..")
      return false;
    rest.remove_prefix(component.size());
  }
  return true;
}

} // namespace qtfs::uds
