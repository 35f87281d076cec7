// SPDX-License-Identifier: GPL-2.0
//
// The sockets outlive the proxy, with the service manager (FDSTORE).

#include "uds_fixture.hh"

#include <map>
#include <sys/syscall.h>

namespace qtfs::uds::test {

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

namespace {

// What a service manager does for a service: keeps what it is sent, by its name.
class Manager {
public:
  explicit Manager(const std::string &path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  {
    EXPECT_FALSE(unix_bind(socket_.get(), path));
  }

  const std::map<std::string, Fd> &kept()
  {
    while (receive())
      ;
    return kept_;
  }
  std::vector<int> numbers() const
  {
    std::vector<int> all;
    for (const auto &[name, fd] : kept_)
      all.push_back(fd.get());
    return all;
  }

private:
  bool receive()
  {
    std::array<char, 4096> text;
    Result<UnixMessage> got = unix_receive(socket_.get(), std::span(text), MSG_DONTWAIT);
    if (!got)
      return false;
    const std::string said(text.data(), got->size);
    const std::size_t at = said.find("FDNAME=");
    const std::string name = said.substr(at + 7, said.find('\n', at) - at - 7);
    if (said.starts_with("FDSTORE=1") && got->rights.size() == 1)
      kept_[name] = std::move(got->rights[0]);
    else if (said.starts_with("FDSTOREREMOVE=1"))
      kept_.erase(name);
    return true;
  }

  Fd socket_;
  std::map<std::string, Fd> kept_;
};

} // namespace

class Restart : public Proxies {
protected:
  // As a service whose predecessor has left @kept.
  void start_b_with(const std::vector<int> &kept)
  {
    std::vector<std::string> args = command("b", port_b_, port_a_);
    args.emplace_back("--keep-sockets");
    // The descriptors follow standard error.
    args.insert(args.begin(), {"/bin/sh", "-c",
                               "export LISTEN_PID=$$ LISTEN_FDS=" + std::to_string(kept.size()) +
                                 " NOTIFY_SOCKET=" + dir_ + "/notify; exec \"$@\"",
                               "sh"});
    b_ = Process(args, dir_ + "/b.log", STDIN_FILENO, kept);
  }
};

TEST_F(Restart, KeepsTheListenersAndWhoWaits)
{
  b_ = {};
  Manager manager(dir_ + "/notify");
  start_b_with({});
  const Fd x = listen_on(a("/run/s/x")), y = listen_on(a("/run/s/y"));
  ASSERT_TRUE(wait_until([&] { return manager.kept().size() == 2; }));
  struct stat before = {}, after = {};
  ASSERT_EQ(::stat(b("/run/s/x").c_str(), &before), 0);

  // Killed, or ended in good order: the sockets stay, and who connects waits in them.
  for (const int signal : {SIGKILL, SIGTERM}) {
    b_.end(signal);
    ASSERT_TRUE(is_socket(b("/run/s/x")));
    const Result<Fd> client = unix_connect(b("/run/s/x"), SOCK_STREAM | SOCK_CLOEXEC);
    ASSERT_TRUE(client) << client.error().message();
    ASSERT_EQ(::send(client->get(), "waited", 6, 0), 6);
    start_b_with(manager.numbers());
    const Fd served = accept_one(x);
    EXPECT_EQ(receive(served.get()), "waited");
    ASSERT_EQ(::stat(b("/run/s/x").c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    EXPECT_EQ(manager.kept().size(), 2U);
  }

  // What has gone meanwhile isn't kept by anybody.
  b_.end(SIGKILL);
  ::unlink(a("/run/s/y").c_str());
  start_b_with(manager.numbers());
  EXPECT_TRUE(wait_until([&] { return !fs::exists(b("/run/s/y")); }));
  EXPECT_TRUE(wait_until([&] { return manager.kept().size() == 1; }));
  EXPECT_TRUE(connect_to(b("/run/s/x")));
}

} // namespace qtfs::uds::test
