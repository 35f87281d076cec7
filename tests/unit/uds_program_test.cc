// SPDX-License-Identifier: GPL-2.0
//
// What two proxies do for programs of both machines.

#include "uds_fixture.hh"

#include <sys/mman.h>

namespace qtfs::uds::test {

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
  const Fd served = accept_one(listener);
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
  const Fd again = accept_one(listener);
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

// The size of the file that is passed; -1: none.
off_t receive_file(int socket)
{
  const Fd fd = receive_fd(socket);
  struct stat st;

  return fd && ::fstat(fd.get(), &st) == 0 ? st.st_size : -1;
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
    served.push_back(accept_one(listener));
  }
  for (const Fd &client : clients)
    pass(client.get(), file.get());
  for (const Fd &one : served)
    EXPECT_EQ(receive_file(one.get()), memory_size);
  EXPECT_EQ(status("a", "violations"), 0);
}

namespace {

// A connection whose end takes as long as its peer doesn't read.
std::array<Fd, 2> lingering()
{
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Fd sends(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  const linger patience = {1, 30};
  const std::array<char, 65536> data = {};

  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr *>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &size);
  EXPECT_EQ(::connect(sends.get(), reinterpret_cast<sockaddr *>(&address), size), 0);
  ::setsockopt(sends.get(), SOL_SOCKET, SO_LINGER, &patience, sizeof(patience));
  while (::send(sends.get(), data.data(), data.size(), MSG_DONTWAIT) > 0)
    ;
  return {std::move(sends), Fd(::accept(listener.get(), nullptr, nullptr))};
}

} // namespace

// What a program has passed may take long to end; nobody else waits for that.
TEST_F(Proxies, DoNotWaitForASlowEnd)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  auto [sends, unread] = lingering();
  const Fd client = connect_to(b("/run/s/x"));
  const Fd served = accept_one(listener);
  pass(client.get(), sends.get());
  sends.reset();
  ASSERT_TRUE(receive_fd(served.get())); // and closed at once
  const std::int64_t open = status("b", "open");
  EXPECT_GE(open, 1);
  EXPECT_TRUE(wait_until([&] { return status("b", "open") == 1; }));
  const Fd another = connect_to(b("/run/s/x"));
  pollfd comes = {listener.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&comes, 1, 5000), 1);
}

// Nor does it keep what no message will ever name.
TEST_F(Proxies, ForgetWhatNobodyTakes)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  const Fd file = memory_file();

  for (int i = 0; i < 8; i++) {
    const Fd client = connect_to(b("/run/s/x"));
    const Fd served = accept_one(listener);
    const std::int64_t before = status("b", "descriptors");
    pass(client.get(), file.get());
    // While it is under way.
    EXPECT_TRUE(wait_until([&] { return status("b", "descriptors") == before + 1; }));
  }
  const Fd client = connect_to(b("/run/s/x"));
  const Fd served = accept_one(listener);
  pass(client.get(), file.get());
  EXPECT_EQ(receive_file(served.get()), memory_size);
  EXPECT_EQ(status("a", "violations"), 0);
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
