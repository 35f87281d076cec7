// SPDX-License-Identifier: GPL-2.0

#include "message.hh"

#include <algorithm>
#include <csignal>
#include <cstring>

#include "bytes.hh"

namespace qtfs::rexec {

namespace {

class Writer : public ByteWriter<std::string> {
public:
  void count(std::size_t n) { u32(static_cast<std::uint32_t>(n)); }
  void string(std::string_view value)
  {
    count(value.size());
    bytes(value);
  }
  void strings(const std::vector<std::string> &values)
  {
    count(values.size());
    for (const std::string &value : values)
      string(value);
  }
};

class Reader : public ByteReader {
public:
  using ByteReader::ByteReader;

  // How many follow, each of at least @size bytes.
  std::size_t count(std::size_t most, std::size_t size)
  {
    const std::size_t n = u32();

    if (n <= most && n <= left() / size)
      return n;
    fail();
    return 0;
  }

  // For system calls: without NUL.
  std::string string()
  {
    const std::string_view text = bytes(u32());

    if (text.find('\0') != std::string_view::npos)
      fail();
    return std::string(text);
  }

  std::vector<std::string> strings()
  {
    const std::size_t n = count(request_max, sizeof(std::uint32_t));
    std::vector<std::string> values;

    values.reserve(n);
    for (std::size_t i = 0; i < n && good(); i++)
      values.push_back(string());
    return values;
  }
};

struct Sizes {
  std::size_t least;
  std::size_t most;
};

Sizes body_sizes(Type type)
{
  switch (type) {
  case Type::Hello:
    return {8, text_max};
  case Type::Exec:
    return {8, request_max};
  case Type::Started:
  case Type::Stopped:
  case Type::Exited:
  case Type::Credit:
    return {4, 4};
  case Type::Failed:
    return {8, 8 + text_max};
  case Type::Data:
    return {1, data_max};
  case Type::Signal:
  case Type::Resize:
    return {8, 8};
  case Type::Connection:
    return {12, 12};
  case Type::Eof:
  case Type::Reset:
  case Type::Continued:
  case Type::Free:
    break;
  }
  return {0, 0};
}

void put(Writer &writer, const WindowSize &size)
{
  writer.u16(size.rows);
  writer.u16(size.columns);
  writer.u16(size.xpixel);
  writer.u16(size.ypixel);
}

WindowSize get_size(Reader &reader)
{
  WindowSize size;

  size.rows = reader.u16();
  size.columns = reader.u16();
  size.xpixel = reader.u16();
  size.ypixel = reader.u16();
  return size;
}

void put(Writer &writer, const TerminalModes &modes)
{
  writer.u32(modes.iflag);
  writer.u32(modes.oflag);
  writer.u32(modes.cflag);
  writer.u32(modes.lflag);
  for (const std::uint8_t c : modes.cc)
    writer.u8(c);
}

TerminalModes get_modes(Reader &reader)
{
  TerminalModes modes;

  modes.iflag = reader.u32();
  modes.oflag = reader.u32();
  modes.cflag = reader.u32();
  modes.lflag = reader.u32();
  for (std::uint8_t &c : modes.cc)
    c = reader.u8();
  return modes;
}

// What is wrong with the descriptors, or nothing.
std::string check_descriptors(const Request &request)
{
  const auto streams = std::ranges::count_if(request.objects, &Object::is_stream);
  if (static_cast<std::size_t>(streams) > streams_max)
    return "it has " + std::to_string(streams) + " pipes, sockets and terminals, and at most " +
           std::to_string(streams_max) + " are possible";

  std::vector<std::uint32_t> numbers;
  for (const Descriptor &descriptor : request.descriptors) {
    if (descriptor.object >= request.objects.size())
      return "a descriptor without an object";
    if (descriptor.number > descriptor_number_max)
      return "a descriptor beyond " + std::to_string(descriptor_number_max);
    numbers.push_back(descriptor.number);
  }
  std::ranges::sort(numbers);
  if (std::ranges::adjacent_find(numbers) != numbers.end())
    return "a descriptor twice";
  return {};
}

// The same for all else.
std::string check_request(const Request &request)
{
  constexpr auto no_id = static_cast<std::uint32_t>(-1);

  if (request.flags & ~std::uint32_t{Request::all_flags})
    return "unknown flags";
  if (request.uid == no_id || request.gid == no_id)
    return "an id that doesn't exist";
  if (request.umask > 0777)
    return "a bad umask";
  if (request.grace_ms > grace_max_ms)
    return "too long a grace";
  if (request.cwd.empty() || request.cwd.front() != '/')
    return "a working directory that isn't absolute";
  if (request.argv.empty() || request.argv.front().empty())
    return "no command";

  const auto has_terminal = [](const Object &object) {
    return object.kind == Object::Kind::Terminal;
  };
  const auto terminals = std::ranges::count_if(request.objects, has_terminal);
  if (terminals != (request.flags & Request::terminal ? 1 : 0))
    return "not one terminal";
  if ((request.flags & Request::detach) && std::ranges::any_of(request.objects, &Object::is_stream))
    return "streams, though the caller doesn't stay";
  return check_descriptors(request);
}

} // namespace

void put_header(char *at, const Header &header)
{
  const __u32 length = le(header.length);
  const __u16 stream = le(header.stream);

  std::memcpy(at, &length, sizeof(length));
  at[4] = static_cast<char>(header.type);
  at[5] = static_cast<char>(header.descriptors);
  std::memcpy(at + 6, &stream, sizeof(stream));
}

std::optional<Header> get_header(std::string_view bytes)
{
  Reader reader(bytes.substr(0, header_size));
  Header header;

  header.length = reader.u32();
  const std::uint8_t type = reader.u8();
  header.descriptors = reader.u8();
  header.stream = reader.u16();
  if (!reader.good() || type == 0 || type > type_last)
    return std::nullopt;
  header.type = static_cast<Type>(type);

  const Sizes sizes = body_sizes(header.type);
  if (header.length < sizes.least || header.length > sizes.most ||
      header.stream >= objects_max + connections_max || header.descriptors > objects_max ||
      (header.descriptors != 0 && header.type != Type::Exec))
    return std::nullopt;
  if ((header.type == Type::Connection || header.type == Type::Free) &&
      !is_connection(header.stream))
    return std::nullopt;
  return header;
}

std::size_t Request::passed() const
{
  return static_cast<std::size_t>(std::ranges::count_if(
    objects, [](const Object &object) { return object.kind == Object::Kind::Passed; }));
}

std::string encode(const Greeting &greeting)
{
  Writer writer;

  writer.u32(protocol_magic);
  writer.u16(greeting.version);
  writer.u16(0);
  writer.string(greeting.machine);
  return writer.take();
}

std::string encode(const Request &request)
{
  Writer writer;

  writer.u32(protocol_magic);
  writer.u16(protocol_version);
  writer.u16(0);
  writer.u32(request.flags);
  writer.u32(request.uid);
  writer.u32(request.gid);
  writer.u32(request.umask);
  writer.u32(request.grace_ms);
  writer.u64(request.ignored);
  writer.u64(request.blocked);
  writer.u64(request.lacking);
  put(writer, request.size);
  put(writer, request.modes);
  writer.count(request.limits.size());
  for (const Limit &limit : request.limits) {
    writer.u64(limit.soft);
    writer.u64(limit.hard);
  }
  writer.count(request.groups.size());
  for (const std::uint32_t group : request.groups)
    writer.u32(group);
  writer.count(request.objects.size());
  for (const Object &object : request.objects)
    writer.u8(static_cast<std::uint8_t>(object.kind));
  writer.count(request.descriptors.size());
  for (const Descriptor &descriptor : request.descriptors) {
    writer.u32(descriptor.number);
    writer.u32(descriptor.object);
  }
  writer.string(request.cwd);
  writer.strings(request.argv);
  writer.strings(request.environment);
  return writer.take();
}

std::string encode(const Failure &failure)
{
  Writer writer;

  writer.u32(static_cast<std::uint32_t>(failure.reason));
  writer.string(std::string_view(failure.text).substr(0, text_max));
  return writer.take();
}

std::string encode(const WindowSize &size)
{
  Writer writer;

  put(writer, size);
  return writer.take();
}

std::string encode(const Connected &connected)
{
  Writer writer;

  writer.u32(connected.object);
  writer.u32(connected.uid);
  writer.u32(connected.gid);
  return writer.take();
}

std::string encode_number(std::uint32_t number)
{
  Writer writer;

  writer.u32(number);
  return writer.take();
}

std::string encode_signal(int signal, bool group)
{
  Writer writer;

  writer.u32(static_cast<std::uint32_t>(signal));
  writer.u32(group ? 1 : 0);
  return writer.take();
}

Result<Greeting, std::string> parse_greeting(std::string_view body)
{
  Reader reader(body);
  Greeting greeting;

  if (reader.u32() != protocol_magic)
    return std::string("it is no rexec_server");
  greeting.version = reader.u16();
  reader.u16();
  if (greeting.version != protocol_version)
    return "it speaks version " + std::to_string(greeting.version) + " of the protocol, not " +
           std::to_string(protocol_version);
  greeting.machine = reader.string();
  if (!reader.complete())
    return std::string("its greeting is garbled");
  return greeting;
}

Result<Request, std::string> parse_request(std::string_view body)
{
  Reader reader(body);
  Request request;

  if (reader.u32() != protocol_magic)
    return std::string("no request of rexec");
  if (const std::uint16_t version = reader.u16(); version != protocol_version)
    return "version " + std::to_string(version) + " of the protocol, not " +
           std::to_string(protocol_version);
  reader.u16();
  request.flags = reader.u32();
  request.uid = reader.u32();
  request.gid = reader.u32();
  request.umask = reader.u32();
  request.grace_ms = reader.u32();
  request.ignored = reader.u64();
  request.blocked = reader.u64();
  request.lacking = reader.u64();
  request.size = get_size(reader);
  request.modes = get_modes(reader);

  request.limits.resize(reader.count(RLIM_NLIMITS, 2 * sizeof(std::uint64_t)));
  for (Limit &limit : request.limits) {
    limit.soft = reader.u64();
    limit.hard = reader.u64();
  }
  request.groups.resize(reader.count(groups_max, sizeof(std::uint32_t)));
  for (std::uint32_t &group : request.groups)
    group = reader.u32();
  request.objects.resize(reader.count(objects_max, 1));
  for (Object &object : request.objects) {
    const std::uint8_t kind = reader.u8();

    if (kind > static_cast<std::uint8_t>(Object::Kind::Listener))
      return std::string("an unknown kind of object");
    object.kind = static_cast<Object::Kind>(kind);
  }
  request.descriptors.resize(reader.count(descriptors_max, 2 * sizeof(std::uint32_t)));
  for (Descriptor &descriptor : request.descriptors) {
    descriptor.number = reader.u32();
    descriptor.object = reader.u32();
  }
  request.cwd = reader.string();
  request.argv = reader.strings();
  request.environment = reader.strings();
  if (!reader.complete())
    return std::string("it is garbled");

  std::string wrong = check_request(request);
  if (!wrong.empty())
    return wrong;
  return request;
}

std::optional<Failure> parse_failure(std::string_view body)
{
  Reader reader(body);
  Failure failure;

  const std::uint32_t reason = reader.u32();
  failure.text = reader.string();
  if (!reader.complete() || reason > static_cast<std::uint32_t>(Failure::Reason::Descriptors))
    return std::nullopt;
  failure.reason = static_cast<Failure::Reason>(reason);
  return failure;
}

std::optional<WindowSize> parse_size(std::string_view body)
{
  Reader reader(body);
  const WindowSize size = get_size(reader);

  return reader.complete() ? std::optional(size) : std::nullopt;
}

std::optional<Connected> parse_connected(std::string_view body)
{
  Reader reader(body);
  Connected connected;

  connected.object = reader.u32();
  connected.uid = reader.u32();
  connected.gid = reader.u32();
  return reader.complete() ? std::optional(connected) : std::nullopt;
}

std::optional<std::uint32_t> parse_number(std::string_view body)
{
  Reader reader(body);
  const std::uint32_t number = reader.u32();

  return reader.complete() ? std::optional(number) : std::nullopt;
}

std::optional<SignalMessage> parse_signal(std::string_view body)
{
  Reader reader(body);
  const std::uint32_t signal = reader.u32();
  const std::uint32_t group = reader.u32();

  if (!reader.complete() || signal == 0 || signal >= NSIG || group > 1)
    return std::nullopt;
  return SignalMessage{static_cast<int>(signal), group == 1};
}

} // namespace qtfs::rexec
