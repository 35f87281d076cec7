// SPDX-License-Identifier: GPL-2.0
//
// What rexec and rexec_server say to each other: docs/rexec-protocol.md.
//
// Frames on a stream of bytes: a header of eight bytes and a body.  Nothing
// that comes from the other side is believed: a length is checked against what
// its type may have before anything is allocated for it, a count against the
// bytes that are there to fill it.

#ifndef QTFS_REXEC_MESSAGE_HH
#define QTFS_REXEC_MESSAGE_HH

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <termios.h>
#include <vector>

#include "result.hh"

namespace qtfs::rexec {

inline constexpr std::uint32_t protocol_magic = 0x63786572; // "rexc"
inline constexpr std::uint16_t protocol_version = 2;

inline constexpr std::size_t header_size = 8;
inline constexpr std::size_t data_max = 65536;
inline constexpr std::size_t request_max = 4 << 20; // twice what Linux takes as arguments
inline constexpr std::size_t text_max = 4096;
inline constexpr std::size_t objects_max = 250; // of which SCM_RIGHTS takes 253 at once
inline constexpr std::size_t streams_max = 64;
inline constexpr std::size_t connections_max = 64; // at a time
inline constexpr std::size_t descriptors_max = 1024;
inline constexpr std::uint32_t descriptor_number_max = 65535;
inline constexpr std::size_t groups_max = 65536;
inline constexpr std::uint32_t grace_max_ms = 3600 * 1000;

// Bytes of a stream that may be under way, in each direction.
inline constexpr std::uint32_t window = 256 << 10;

enum class Type : std::uint8_t {
  Hello = 1,  // the server's first: Greeting
  Exec,       // Request; with the passed objects as SCM_RIGHTS
  Started,    // le32 pid
  Failed,     // Failure; nothing has run
  Data,       // bytes of a stream
  Eof,        // no more bytes of a stream in this direction
  Reset,      // nobody reads the stream any more
  Credit,     // le32: so many more bytes of the stream may come
  Signal,     // le32 signal, le32 whether for the whole process group
  Resize,     // WindowSize
  Stopped,    // le32 signal
  Continued,  // -
  Exited,     // le32 status as of waitpid(): all output from before has been sent
  Connection, // Connected: a new stream, to a listening socket of the command's
  Free,       // the number of a connection that has ended
};

inline constexpr std::uint8_t type_last = static_cast<std::uint8_t>(Type::Free);

struct Header {
  std::uint32_t length = 0; // of the body
  Type type = Type::Hello;
  std::uint8_t descriptors = 0; // SCM_RIGHTS that came with it
  std::uint16_t stream = 0;
};

// @at has header_size bytes.
void put_header(char *at, const Header &header);
// Nothing if no frame may begin like this.
std::optional<Header> get_header(std::string_view bytes);

struct Greeting {
  std::uint16_t version = protocol_version;
  std::string machine; // the kernel's boot_id
};

struct WindowSize {
  std::uint16_t rows = 0, columns = 0, xpixel = 0, ypixel = 0;
};

// An open file of the caller; several descriptors may be the same one.
struct Object {
  enum class Kind : std::uint8_t {
    Input,    // a stream that the command reads
    Output,   // a stream that the command writes
    Duplex,   // a stream in both directions: a socket
    Passed,   // the next one of the SCM_RIGHTS
    Null,     // /dev/null
    Terminal, // the new terminal; stream
    Listener, // a listening socket, whose connections are streams
  };

  Kind kind = Kind::Null;

  bool is_stream() const
  {
    return kind != Kind::Passed && kind != Kind::Null && kind != Kind::Listener;
  }
  bool command_reads() const
  {
    return kind == Kind::Input || kind == Kind::Duplex || kind == Kind::Terminal;
  }
  bool command_writes() const
  {
    return kind == Kind::Output || kind == Kind::Duplex || kind == Kind::Terminal;
  }
};

struct Descriptor {
  std::uint32_t number = 0;
  std::uint32_t object = 0;
};

struct TerminalModes {
  std::uint32_t iflag = 0, oflag = 0, cflag = 0, lflag = 0;
  std::array<std::uint8_t, NCCS> cc = {};
};

struct Limit {
  std::uint64_t soft = 0, hard = 0; // ~0: unlimited
};

// What a command needs to run as if it had been started by the caller.
struct Request {
  enum Flags : std::uint32_t {
    terminal = 1, // a pseudo terminal of its own
    orphan = 2,   // it goes on when the caller is lost
    detach = 4,   // the caller doesn't stay
    has_modes = 8,
    no_new_privs = 16, // prctl(2)
    all_flags = 31,
  };

  std::uint32_t flags = 0;
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t umask = 022;
  std::uint32_t grace_ms = 0;
  std::uint64_t ignored = 0, blocked = 0; // signals: bit n - 1
  std::uint64_t lacking = 0;              // capabilities that can't be had: bit n
  WindowSize size;
  TerminalModes modes;
  std::vector<Limit> limits; // by number: RLIMIT_*
  std::vector<std::uint32_t> groups;
  std::vector<Object> objects;
  std::vector<Descriptor> descriptors;
  std::string cwd;
  std::vector<std::string> argv;
  std::vector<std::string> environment;

  std::size_t passed() const; // objects that come as SCM_RIGHTS
};

// Numbers of streams: an object's is its own, connections have those beyond.
constexpr bool is_connection(std::uint16_t stream)
{
  return stream >= objects_max;
}

// Somebody has connected to a listening socket.
struct Connected {
  std::uint32_t object = 0;       // whose
  std::uint32_t uid = 0, gid = 0; // who
};

// Why a command hasn't been started.
struct Failure {
  enum class Reason : std::uint32_t {
    Other,
    NotFound,    // exit status 127
    Refused,     // 126: by policy, or by the system
    Descriptors, // SCM_RIGHTS got lost on the way
  };

  Reason reason = Reason::Other;
  std::string text;
};

std::string encode(const Greeting &greeting);
std::string encode(const Request &request);
std::string encode(const Failure &failure);
std::string encode(const WindowSize &size);
std::string encode(const Connected &connected);
std::string encode_number(std::uint32_t number);
std::string encode_signal(int signal, bool group);

// The error is a sentence.
Result<Greeting, std::string> parse_greeting(std::string_view body);
Result<Request, std::string> parse_request(std::string_view body);
std::optional<Failure> parse_failure(std::string_view body);
std::optional<WindowSize> parse_size(std::string_view body);
std::optional<Connected> parse_connected(std::string_view body);
std::optional<std::uint32_t> parse_number(std::string_view body);

struct SignalMessage {
  int signal = 0;
  bool group = false;
};
std::optional<SignalMessage> parse_signal(std::string_view body);

} // namespace qtfs::rexec

#endif
