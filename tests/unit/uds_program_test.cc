// SPDX-License-Identifier: GPL-2.0
//
// Two udsproxyd as they are run, on one machine: what is the other machine's is
// below another directory.

#include <algorithm>
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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

#include "control.hh"
#include "fd.hh"
#include "frame.hh"
#include "unix_socket.hh"

namespace qtfs::uds::test {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

bool wait_until(const std::function<bool()> &condition, std::chrono::seconds limit = 20s)
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
  Process(std::vector<std::string> args, const std::string &output, int input = STDIN_FILENO)
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
  pid_t pid_ = -1;
};

std::string read_file(const std::string &name)
{
  std::ifstream file(name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string unused_port()
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
Fd connect_to(const std::string &path, int type = SOCK_STREAM)
{
  Result<Fd> fd = errno_code(ECONNREFUSED);

  wait_until([&] {
    fd = unix_connect(path, type | SOCK_CLOEXEC);
    return fd || fd.error().value() != ECONNREFUSED;
  });
  return fd ? std::move(*fd) : Fd();
}

Fd listen_on(const std::string &path)
{
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

  EXPECT_FALSE(unix_bind(fd.get(), path));
  EXPECT_EQ(::listen(fd.get(), 64), 0);
  return fd;
}

// What comes within a time; "-" for nothing, "" for the end.
std::string receive(int fd, int ms = 20000)
{
  std::array<char, 256> data;
  pollfd poll = {fd, POLLIN, 0};

  if (::poll(&poll, 1, ms) != 1)
    return "-";
  const ssize_t n = ::recv(fd, data.data(), data.size(), 0);
  return n < 0 ? std::string(::strerrorname_np(errno))
               : std::string(data.data(), static_cast<std::size_t>(n));
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

} // namespace

TEST_F(Proxies, ShowASocketAndItsEnd)
{
  Fd listener = listen_on(a("/run/s/x"));
  ::chmod(a("/run/s/x").c_str(), 0640);
  ASSERT_EQ(::chown(a("/run/s/x").c_str(), 12, 34), 0);

  struct stat st = {};
  EXPECT_TRUE(wait_until([&] {
    return ::stat(b("/run/s/x").c_str(), &st) == 0 && st.st_uid == 12 &&
           (st.st_mode & 0777) == 0640;
  }));
  EXPECT_EQ(st.st_gid, 34U);

  ::unlink(a("/run/s/x").c_str());
  EXPECT_TRUE(wait_until([&] { return !fs::exists(b("/run/s/x")); }));

  // One whose program ends and leaves the file.
  listener = listen_on(a("/run/s/y"));
  EXPECT_TRUE(wait_until([&] { return is_socket(b("/run/s/y")); }));
  listener.reset();
  EXPECT_TRUE(wait_until([&] { return !fs::exists(b("/run/s/y")); }));

  // And the other way round, in a directory that isn't there yet.
  fs::create_directory(b("/run/s/deep"));
  listener = listen_on(b("/run/s/deep/z"));
  EXPECT_TRUE(wait_until([&] { return is_socket(a("/run/s/deep/z")); }));
}

TEST_F(Proxies, LeaveAloneWhatIsThere)
{
  std::ofstream(b("/run/s/file")) << "content";
  const Fd own = listen_on(b("/run/s/own"));
  const Fd listener = listen_on(a("/run/s/file"));
  const Fd other = listen_on(a("/run/s/own"));
  const Fd last = listen_on(a("/run/s/last"));

  EXPECT_TRUE(wait_until([&] { return is_socket(b("/run/s/last")); }));
  EXPECT_EQ(read_file(b("/run/s/file")), "content");
  const Fd client = connect_to(b("/run/s/own"));
  pollfd poll = {own.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 5000), 1); // it is the local one's
  // What is in the way may go.
  fs::remove(b("/run/s/file"));
  EXPECT_TRUE(wait_until([&] { return is_socket(b("/run/s/file")); }));
}

TEST_F(Proxies, DoNotShowWhatIsNotListed)
{
  const Fd outside = listen_on(a("/run/other/x"));
  fs::create_symlink("/run/other/x", a("/run/s/link"));
  const Fd last = listen_on(a("/run/s/last"));

  EXPECT_TRUE(wait_until([&] { return is_socket(b("/run/s/last")); }));
  EXPECT_FALSE(fs::exists(b("/run/other/x")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(b("/run/s/link"))));
}

// Each line that the program tells must be the same as between two local processes.
TEST_F(Proxies, BehaveAsLocalSockets)
{
  fs::create_directory(dir_ + "/local");
  const auto run = [&](const std::string &serve, const std::string &ask, const std::string &name) {
    Process server({SOCKETS, "serve", serve}, dir_ + "/" + name + ".server");
    EXPECT_TRUE(
      wait_until([&] { return is_socket(ask + "/datagram") && is_socket(ask + "/stream"); }));
    EXPECT_EQ(Process({SOCKETS, "ask", ask}, dir_ + "/" + name).wait(), 0);
    std::string told = read_file(dir_ + "/" + name);
    // A name is a path below the root, as a program sees it whose root that is.
    for (std::size_t at; (at = told.find(" /run/s/")) != std::string::npos;)
      told.erase(at + 1, 6);
    return told.substr(0, told.find("\n- "));
  };
  const std::string local = run(dir_ + "/local", dir_ + "/local", "l");

  EXPECT_GT(local.size(), 500U);
  EXPECT_EQ(run(a("/run/s"), b("/run/s"), "ab"), local);
  EXPECT_NE(read_file(dir_ + "/ab").find("- a directory: x:EBADF 1"), std::string::npos);
  EXPECT_TRUE(wait_until([&] { return !fs::exists(b("/run/s/stream")); }));
  fs::remove_all(a("/run/s"));
  fs::create_directory(a("/run/s"));
  EXPECT_EQ(run(b("/run/s"), a("/run/s"), "ba"), local);
}

TEST_F(Proxies, BreakAndComeBack)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  Fd client = connect_to(b("/run/s/x"));
  const Fd served(::accept(listener.get(), nullptr, nullptr));
  ASSERT_EQ(::send(client.get(), "1", 1, 0), 1);
  EXPECT_EQ(receive(served.get()), "1");

  // The open connection ends, the socket stays, and who connects now waits.
  a_.end(SIGKILL);
  EXPECT_EQ(receive(client.get()), "");
  EXPECT_EQ(receive(served.get()), "");
  EXPECT_TRUE(is_socket(b("/run/s/x")));
  client = connect_to(b("/run/s/x"));
  ASSERT_TRUE(client);
  EXPECT_EQ(::send(client.get(), "2", 1, 0), 1);
  start_a();
  const Fd again(::accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(receive(again.get()), "2");
  ASSERT_EQ(::send(again.get(), "3", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(receive(client.get()), "3");

  // But not for ever.
  a_.end(SIGKILL);
  EXPECT_EQ(receive(client.get()), "");
  client = connect_to(b("/run/s/x"));
  EXPECT_EQ(receive(client.get()), "");

  // What has gone meanwhile goes when the link is back.
  ::unlink(a("/run/s/x").c_str());
  start_a();
  EXPECT_TRUE(wait_until([&] { return !fs::exists(b("/run/s/x")); }));
}

TEST_F(Proxies, LoseNoDescriptor)
{
  Process server({SOCKETLOAD, "serve", a("/run/s/load")}, dir_ + "/server");
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/load")); }));
  ASSERT_TRUE(wait_until([&] { return status("a", "links_made") == 2; }));
  ASSERT_TRUE(wait_until([&] { return status("b", "links_made") == 2; }));
  const std::size_t before_a = descriptors(a_), before_b = descriptors(b_);

  EXPECT_EQ(Process({SOCKETLOAD, "cycles", b("/run/s/load"), "2000"}, dir_ + "/cycles").wait(), 0);
  EXPECT_EQ(Process({SOCKETLOAD, "many", b("/run/s/load"), "500"}, dir_ + "/many").wait(), 0);
  // Those who never read don't stop the others.
  Process stuck({SOCKETLOAD, "stuck", b("/run/s/load"), "5"}, dir_ + "/stuck");
  EXPECT_TRUE(wait_until([&] { return read_file(dir_ + "/stuck") == "stuck\n"; }));
  EXPECT_EQ(Process({SOCKETLOAD, "send", b("/run/s/load"), "16"}, dir_ + "/send").wait(), 0);
  stuck.end(SIGKILL);
  server.end(SIGKILL);
  EXPECT_TRUE(
    wait_until([&] { return descriptors(a_) <= before_a && descriptors(b_) <= before_b; }))
    << descriptors(a_) << " " << before_a << " " << descriptors(b_) << " " << before_b;
}

namespace {

constexpr off_t memory_size = 64 << 20; // the most that is copied

Fd memory_file()
{
  Fd fd(::memfd_create("test", MFD_CLOEXEC));

  EXPECT_EQ(::ftruncate(fd.get(), memory_size), 0);
  return fd;
}

void pass(int socket, int fd)
{
  char byte = 'p';
  iovec part = {&byte, 1};
  msghdr message = {};
  Ancillary ancillary;

  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ancillary.put(message, std::array{fd});
  EXPECT_EQ(::sendmsg(socket, &message, MSG_NOSIGNAL), 1);
}

// The size of the file that is passed; -1: none.
off_t receive_file(int socket)
{
  char byte = 0;
  iovec part = {&byte, 1};
  msghdr message = {};
  Ancillary ancillary;
  struct stat st;

  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ancillary.make_room(message);
  pollfd poll = {socket, POLLIN, 0};
  if (::poll(&poll, 1, 60000) != 1 || ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
    return -1;
  const Ancillary::Received got = Ancillary::take(message);
  return got.rights.size() == 1 && ::fstat(got.rights[0].get(), &st) == 0 ? st.st_size : -1;
}

} // namespace

// More than the peer would keep for messages that haven't come.
TEST_F(Proxies, PassMuchMemoryAtATime)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  const Fd file = memory_file();
  std::vector<Fd> clients;
  std::vector<Fd> served;

  for (int i = 0; i < 6; i++) {
    clients.push_back(connect_to(b("/run/s/x")));
    served.emplace_back(::accept(listener.get(), nullptr, nullptr));
  }
  for (const Fd &client : clients)
    pass(client.get(), file.get());
  for (const Fd &one : served)
    EXPECT_EQ(receive_file(one.get()), memory_size);
  EXPECT_EQ(status("a", "violations"), 0);
}

// Nor does it keep what no message will ever name.
TEST_F(Proxies, ForgetWhatNobodyTakes)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  const Fd file = memory_file();

  for (int i = 0; i < 8; i++) {
    const Fd client = connect_to(b("/run/s/x"));
    const Fd served(::accept(listener.get(), nullptr, nullptr));
    const std::int64_t before = status("b", "descriptors");
    pass(client.get(), file.get());
    // While it is under way.
    EXPECT_TRUE(wait_until([&] { return status("b", "descriptors") == before + 1; }));
  }
  const Fd client = connect_to(b("/run/s/x"));
  const Fd served(::accept(listener.get(), nullptr, nullptr));
  pass(client.get(), file.get());
  EXPECT_EQ(receive_file(served.get()), memory_size);
  EXPECT_EQ(status("a", "violations"), 0);
}

namespace {

// A peer that says whatever it likes.
class Malicious {
public:
  explicit Malicious(const std::string &port)
  {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
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

  // The error that a stream is refused with; -1: the link ends.
  int refusal(std::uint32_t stream)
  {
    for (;;) {
      std::array<std::byte, header_size> head;
      if (!receive(head))
        return -1;
      const std::optional<Header> header = decode_header(head);
      EXPECT_TRUE(header);
      Bytes payload(header->length);
      if (!receive(payload))
        return -1;
      if (header->type == FrameType::Reset && header->stream == stream)
        return static_cast<int>(*decode_number(payload));
    }
  }
  bool ends() { return refusal(0xffffffff) == -1; }

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

} // namespace

TEST_F(Proxies, RefuseWhatIsNotListed)
{
  const Fd listener = listen_on(a("/run/s/x"));
  const Fd outside = listen_on(a("/run/other/x"));
  const Fd theirs = listen_on(b("/run/s/theirs"));
  fs::create_symlink("/run/other/x", a("/run/s/link"));
  fs::create_symlink("/run/other", a("/run/s/dir"));
  fs::create_symlink("/proc/self/root", a("/run/s/root"));
  std::ofstream(a("/run/s/file")) << "";
  fs::create_directory(a("/run/s/private"));
  const Fd inside = listen_on(a("/run/s/private/x"));
  fs::permissions(a("/run/s/private"), fs::perms::owner_all);
  fs::permissions(a("/run/s/private/x"), fs::perms::all);
  ASSERT_TRUE(wait_until([&] { return is_socket(a("/run/s/theirs")); }));

  Malicious peer(port_a_);
  peer.hello();
  std::uint32_t stream = 1;
  const auto refusal = [&](const std::string &path, std::uint32_t uid = 0) {
    peer.open(stream += 2, path, uid);
    return peer.refusal(stream);
  };
  EXPECT_EQ(refusal("/run/other/x"), EACCES);
  EXPECT_EQ(refusal("/run/s/link"), EACCES);
  EXPECT_EQ(refusal("/run/s/dir/x"), EACCES);
  EXPECT_EQ(refusal("/run/s/root/etc"), ENOENT);
  EXPECT_EQ(refusal("/run/s/file"), ECONNREFUSED);
  EXPECT_EQ(refusal("/run/s/none"), ENOENT);
  EXPECT_EQ(refusal("/run/s/private/x", 1000), EACCES); // the directory is root's
  EXPECT_EQ(refusal("/run/s/theirs"), ELOOP);           // what is the peer's own
  EXPECT_GE(status("a", "refused"), 8);

  // No path at all: the end of this link, and of nothing else.
  for (const std::string &path : {std::string("/run/s/../other/x"), std::string("/run/s/x\0y", 10),
                                  std::string("run/s/x"), std::string("/run/s//x")}) {
    Malicious worse(port_a_);
    worse.hello();
    worse.open(1, path);
    EXPECT_TRUE(worse.ends()) << path;
  }
  EXPECT_GE(status("a", "violations"), 4);
  EXPECT_TRUE(connect_to(b("/run/s/x")));
  EXPECT_TRUE(Fd(::accept(listener.get(), nullptr, nullptr)));
}

TEST_F(Proxies, EndTheLinkOfWhoBreaksTheRules)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  const Bytes much(60000, std::byte{'x'});
  const Bytes id = encode_number(4);
  const std::vector<std::function<void(Malicious &)>> offences = {
    [](Malicious &peer) {
      peer.raw(encode(Announcement{SocketType::Stream, 0, 0, 0, "/x"}));
    },
    [](Malicious &peer) { peer.open(1, "/run/s/x"); }, // no HELLO
    [](Malicious &peer) { peer.hello(), peer.hello(); },
    [](Malicious &peer) { peer.hello(), peer.open(2, "/run/s/x"); }, // the other side's number
    [](Malicious &peer) { peer.hello(), peer.open(3, "/run/s/x"), peer.open(3, "/run/s/x"); },
    [](Malicious &peer) { peer.hello(), peer.open(3, "/run/s/x"), peer.open(1, "/run/s/x"); },
    [](Malicious &peer) { peer.hello(), peer.send(FrameType::Shut, 77, {}, shut_read); },
    [](Malicious &peer) { peer.hello(), peer.send(FrameType::Credit, 78, encode_number(1)); },
    [](Malicious &peer) {
      peer.hello();
      peer.send(FrameType::Announce, 0,
                encode(Announcement{SocketType::Stream, 0, 0, 0, "/etc/x"}));
    },
    [](Malicious &peer) {
      peer.hello(), peer.open(1, "/run/s/x");
      peer.send(FrameType::Credit, 1, encode_number(0xffffffff));
    },
    [&](Malicious &peer) { // more than the window
      peer.hello(), peer.open(1, "/run/s/x");
      for (int i = 0; i < 200; i++)
        peer.send(FrameType::Data, 1, much);
    },
    [&](Malicious &peer) { // descriptors that were never described
      peer.hello(), peer.open(1, "/run/s/x");
      peer.send(FrameType::Data, 1, id, 0, 1);
    },
    [&](Malicious &peer) { // and one that is claimed twice
      const Bytes twice = {std::byte{'d'}, std::byte{3}, {}, {}, {}, std::byte{3}, {}, {}, {}};
      peer.hello(), peer.open(1, "/run/s/x");
      peer.send(FrameType::Object, 3, encode(Object{ObjectKind::ReadEnd, 0, 0, ""}));
      peer.send(FrameType::Data, 1, twice, 0, 2);
    },
    [](Malicious &peer) { // more than will ever be claimed
      peer.hello();
      for (std::uint32_t i = 0; i < 2000; i++)
        peer.send(FrameType::Object, 2 * i + 1, encode(Object{ObjectKind::Nothing, 0, 0, ""}));
    },
  };
  for (std::size_t i = 0; i < offences.size(); i++) {
    Malicious peer(port_a_);
    offences[i](peer);
    EXPECT_TRUE(peer.ends()) << i;
    EXPECT_EQ(status("a", "violations"), static_cast<std::int64_t>(i + 1));
  }
  EXPECT_TRUE(connect_to(b("/run/s/x")));
}

// A connection that can't be accepted must not keep the processor busy.
TEST_F(Proxies, RestWhereThereAreNoDescriptorsLeft)
{
  ASSERT_TRUE(wait_until([&] { return status("b", "links_made") == 2; }));
  const std::string warning = "the peer has to wait: Too many open files";
  const rlimit none = {3, 3};

  ASSERT_EQ(::prlimit(b_.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  const Malicious peer(port_b_);
  EXPECT_TRUE(
    wait_until([&] { return read_file(dir_ + "/b.log").find(warning) != std::string::npos; }));
}

namespace {

// The listening socket of that name which the process has.
Fd socket_of(pid_t pid, const std::string &name)
{
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));

  for (int i = 0; i < 256; i++) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), i, 0)));
    sockaddr_un address = {};
    socklen_t size = sizeof(address);
    if (!fd && errno == EPERM)
      break;
    if (fd && ::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&address), &size) == 0 &&
        address.sun_family == AF_UNIX && name == address.sun_path)
      return fd;
  }
  return {};
}

} // namespace

// What an earlier process has left is only taken over if it still has its name.
TEST_F(Proxies, LeaveAloneWhoHasTakenTheirPlace)
{
  const std::string path = b("/run/s/x");
  Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(path); }));
  ASSERT_TRUE(connect_to(path));
  const Fd left = socket_of(b_.pid(), "/run/s/x");
  if (!left && errno == EPERM)
    GTEST_SKIP() << "others' descriptors can't be had here";
  ASSERT_TRUE(left);
  b_.end(SIGKILL);

  ASSERT_EQ(::unlink(path.c_str()), 0);
  const Fd service = listen_on(path);
  ASSERT_EQ(::unlink(a("/run/s/x").c_str()), 0);
  listener = listen_on(a("/run/s/y"));
  std::vector<std::string> args = command("b", port_b_, port_a_);
  args.insert(args.begin(),
              {"/bin/sh", "-c", "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"});
  b_ = Process(args, dir_ + "/b.log", left.get());
  // Then what the peer has and what is here have been compared.
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/y")); }));
  ASSERT_TRUE(wait_until([&] { return status("b", "shown") == 1; }));
  EXPECT_TRUE(is_socket(path));
}

TEST_F(Proxies, ExplainThemselves)
{
  const std::string output = dir_ + "/output";
  EXPECT_EQ(Process({UDSPROXYD, "--help"}, output).wait(), 0);
  EXPECT_EQ(Process({UDSPROXYD, "--version"}, output).wait(), 0);
  EXPECT_EQ(Process({UDSPROXYD}, output).wait(), 2);
  EXPECT_EQ(Process({UDSPROXYD, "1", "10", "1", "127.0.0.1", "2"}, output).wait(), 2);
  EXPECT_EQ(Process({UDSPROXYD, "1", "nonsense", "1", "2", "2"}, output).wait(), 2);
  EXPECT_NE(read_file(output).find("neither an IP address nor a vsock cid"), std::string::npos);
  auto taken = command("a", port_a_, port_b_);
  EXPECT_TRUE(wait_until([&] { return status("a", "pid") > 0; }));
  EXPECT_EQ(Process(taken, output).wait(), 1);
  EXPECT_NE(read_file(output).find("Address already in use"), std::string::npos);
}

} // namespace qtfs::uds::test
