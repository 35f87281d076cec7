// SPDX-License-Identifier: GPL-2.0
//
// Two udsproxyd as they are run, on one machine: what is the other machine's is
// below another directory.

#ifndef QTFS_UDS_FIXTURE_HH
#define QTFS_UDS_FIXTURE_HH

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

#include "control.hh"
#include "fd.hh"
#include "frame.hh"
#include "read_all.hh"
#include "unix_socket.hh"

namespace qtfs::uds::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline bool wait_until(const std::function<bool()> &condition, std::chrono::seconds limit = 20s)
{
  const auto end = std::chrono::steady_clock::now() + limit;

  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

// A program that ends with its owner.
class Process {
public:
  Process() = default;
  // @given: its descriptors behind standard error.
  Process(std::vector<std::string> args, const std::string &output, int input = STDIN_FILENO,
          const std::vector<int> &given = {})
  {
    std::vector<char *> argv;
    argv.reserve(args.size() + 1);
    for (std::string &arg : args)
      argv.push_back(arg.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      Fd out(::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
      ::dup2(input, STDIN_FILENO);
      ::dup2(out.get(), STDOUT_FILENO);
      ::dup2(out.get(), STDERR_FILENO);
      give(given);
      ::execv(argv[0], argv.data());
      ::_exit(126);
    }
  }
  Process(Process &&other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Process &operator=(Process &&other) noexcept
  {
    end(SIGTERM);
    pid_ = std::exchange(other.pid_, -1);
    return *this;
  }
  ~Process() { end(SIGTERM); }

  pid_t pid() const { return pid_; }
  // Its exit status.
  int wait()
  {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void end(int signal)
  {
    if (pid_ < 0)
      return;
    ::kill(pid_, signal);
    wait();
  }

private:
  // First out of the way, then into place.
  static void give(std::vector<int> given)
  {
    for (int &fd : given)
      fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 100);
    for (std::size_t i = 0; i < given.size(); i++)
      ::dup2(given[i], STDERR_FILENO + 1 + static_cast<int>(i));
  }

  pid_t pid_ = -1;
};

inline std::string read_file(const std::string &name)
{
  const Result<std::string> text = qtfs::read_file(name);

  return text ? *text : std::string();
}

inline std::string unused_port()
{
  const Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  socklen_t size = sizeof(address);

  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&address), &size);
  return std::to_string(ntohs(address.sin_port));
}

// The name is there a moment before somebody listens.
inline Fd connect_to(const std::string &path, int type = SOCK_STREAM)
{
  Result<Fd> fd = errno_code(ECONNREFUSED);

  wait_until([&] {
    fd = unix_connect(path, type | SOCK_CLOEXEC);
    return fd || fd.error().value() != ECONNREFUSED;
  });
  return fd ? std::move(*fd) : Fd();
}

inline Fd listen_on(const std::string &path)
{
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

  EXPECT_FALSE(unix_bind(fd.get(), path));
  EXPECT_EQ(::listen(fd.get(), 64), 0);
  return fd;
}

// Who connects within a time.
inline Fd accept_one(const Fd &listener)
{
  pollfd poll = {listener.get(), POLLIN, 0};

  return ::poll(&poll, 1, 20000) == 1 ? Fd(::accept(listener.get(), nullptr, nullptr)) : Fd();
}

// What comes within a time; "-" for nothing, "" for the end.
inline std::string receive(int fd, int ms = 20000)
{
  std::array<char, 256> data;
  pollfd poll = {fd, POLLIN, 0};

  if (::poll(&poll, 1, ms) != 1)
    return "-";
  const ssize_t n = ::recv(fd, data.data(), data.size(), 0);
  return n < 0 ? std::string(::strerrorname_np(errno))
               : std::string(data.data(), static_cast<std::size_t>(n));
}

// Descriptors, with a byte each.
inline void pass(int socket, int fd)
{
  EXPECT_TRUE(unix_send(socket, "p", {.rights = std::array{fd}}));
}

inline Fd receive_fd(int socket)
{
  std::array<char, 1> byte;
  pollfd poll = {socket, POLLIN, 0};

  if (::poll(&poll, 1, 60000) != 1)
    return {};
  Result<UnixMessage> got = unix_receive(socket, std::span(byte));
  return got && got->rights.size() == 1 ? std::move(got->rights[0]) : Fd();
}

class Proxies : public testing::Test {
protected:
  void SetUp() override
  {
    if (::geteuid() != 0)
      GTEST_SKIP() << "needs root for the control sockets";
    std::string name = testing::TempDir() + "udsXXXXXX";
    dir_ = ::mkdtemp(name.data());
    for (const char *side : {"a", "b"}) {
      fs::create_directories(dir_ + "/" + side + "/run/s");
      fs::create_directories(dir_ + "/" + side + "/run/other");
      fs::permissions(dir_ + "/" + side + "/run/s", fs::perms::all);
    }
    std::ofstream(dir_ + "/whitelist") << "[Udsconnect]\nPath=/run/s\n";
    port_a_ = unused_port();
    port_b_ = unused_port();
    start_a();
    start_b();
  }
  void TearDown() override
  {
    if (HasFailure())
      for (const char *side : {"a", "b"})
        std::cerr << side << ":\n" << read_file(dir_ + "/" + side + ".log");
    a_ = {};
    b_ = {};
    if (!dir_.empty())
      fs::remove_all(dir_);
  }

  std::vector<std::string> command(const std::string &side, const std::string &own,
                                   const std::string &peer) const
  {
    return {UDSPROXYD,
            "--address",
            "127.0.0.1",
            "--port",
            own,
            "--peer-address",
            "127.0.0.1",
            "--peer-port",
            peer,
            "--root",
            dir_ + "/" + side,
            "--whitelist",
            dir_ + "/whitelist",
            "--log-level",
            "debug",
            "--patience",
            "3",
            "--control",
            dir_ + "/" + side + ".sock"};
  }
  void start_a() { a_ = Process(command("a", port_a_, port_b_), dir_ + "/a.log"); }
  void start_b() { b_ = Process(command("b", port_b_, port_a_), dir_ + "/b.log"); }

  // The same path on each machine.
  std::string a(const std::string &path) const { return dir_ + "/a" + path; }
  std::string b(const std::string &path) const { return dir_ + "/b" + path; }
  static bool is_socket(const std::string &path) { return fs::is_socket(fs::symlink_status(path)); }

  std::int64_t status(const std::string &side, const std::string &key) const
  {
    Json request = Json::object();
    request.set("op", "status");
    const Result<Json, std::string> answer =
      control_ask(dir_ + "/" + side + ".sock", request, 5000ms);
    return answer ? answer->number(key).value_or(-1) : -1;
  }
  static std::size_t descriptors(const Process &process)
  {
    std::size_t count = 0;
    for (const auto &entry :
         fs::directory_iterator("/proc/" + std::to_string(process.pid()) + "/fd"))
      count += !entry.path().empty();
    return count;
  }

  std::string dir_, port_a_, port_b_;
  Process a_, b_;
};

// A peer that says whatever it likes.
class Malicious {
public:
  explicit Malicious(const std::string &port)
  {
    const sockaddr_in address = address_of(port);
    EXPECT_TRUE(wait_until([&] { // it may have just been started
      fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      return ::connect(fd_.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) ==
             0;
    }));
  }

  void raw(Span bytes) { ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void send(FrameType type, std::uint32_t stream, Span payload = {}, std::uint8_t flags = 0,
            std::uint16_t rights = 0)
  {
    raw(encode(Header{type, flags, rights, stream, static_cast<std::uint32_t>(payload.size())}));
    raw(payload);
  }
  void hello() { send(FrameType::Hello, 0, encode(Hello{protocol_version, 65536})); }
  void open(std::uint32_t stream, const std::string &path, std::uint32_t uid = 0)
  {
    send(FrameType::Open, stream, encode(Opening{SocketType::Stream, {uid, uid, {}}, path}));
  }

  // The next frame; nothing: the link ends.
  std::optional<std::pair<Header, Bytes>> receive_frame()
  {
    std::array<std::byte, header_size> head;
    if (!receive(head))
      return std::nullopt;
    const std::optional<Header> header = decode_header(head);
    EXPECT_TRUE(header);
    Bytes payload(header->length);
    if (!receive(payload))
      return std::nullopt;
    return std::pair(*header, std::move(payload));
  }

  // The error that a stream is refused with; -1: the link ends.
  int refusal(std::uint32_t stream)
  {
    while (const auto frame = receive_frame())
      if (frame->first.type == FrameType::Reset && frame->first.stream == stream)
        return static_cast<int>(*decode_number(frame->second));
    return -1;
  }
  bool ends() { return refusal(0xffffffff) == -1; }

  // What every link begins with.
  std::optional<Hello> receive_hello()
  {
    std::array<std::byte, header_size> head;
    if (!receive(head))
      return std::nullopt;
    Bytes payload(decode_header(head)->length);
    return receive(payload) ? decode_hello(payload) : std::nullopt;
  }

protected:
  Malicious() = default;
  void attach(Fd fd) { fd_ = std::move(fd); }
  static sockaddr_in address_of(const std::string &port)
  {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    return address;
  }

private:
  bool receive(std::span<std::byte> room)
  {
    for (std::size_t got = 0; got < room.size();) {
      pollfd poll = {fd_.get(), POLLIN, 0};
      EXPECT_EQ(::poll(&poll, 1, 20000), 1);
      const ssize_t n = ::recv(fd_.get(), room.data() + got, room.size() - got, 0);
      if (n <= 0)
        return false;
      got += static_cast<std::size_t>(n);
    }
    return true;
  }

  Fd fd_;
};

} // namespace qtfs::uds::test

#endif
