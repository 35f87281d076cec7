// SPDX-License-Identifier: GPL-2.0
//
// A peer that means harm: it is refused, that is logged, and nothing else is affected.

#include "uds_fixture.hh"

#include <fmt/format.h>
#include <set>
#include <sys/resource.h>

namespace qtfs::uds::test {

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
  EXPECT_EQ(refusal("/run/s/link"), ELOOP); // no link is followed
  EXPECT_EQ(refusal("/run/s/dir/x"), ELOOP);
  EXPECT_EQ(refusal("/run/s/root/etc"), ELOOP);
  EXPECT_EQ(refusal("/run/s/file"), ECONNREFUSED);
  EXPECT_EQ(refusal("/run/s/none"), ENOENT);
  EXPECT_EQ(refusal("/run/s/private/x", 1000), EACCES); // the directory is root's
  EXPECT_EQ(refusal("/run/s/theirs"), ELOOP);           // what is the peer's own
  EXPECT_GE(status("a", "refused"), 8);
  EXPECT_NE(read_file(dir_ + "/a.log").find("refused a connection to /run/other/x to uid 0"),
            std::string::npos);

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
  EXPECT_TRUE(accept_one(listener));
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
    [](Malicious &peer) { peer.hello(), peer.send(FrameType::Looked, 0, encode_number(1)); },
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

// A frame that is cut off, by the end of the connection or by silence.
TEST_F(Proxies, AreNotHeldUpByHalfAFrame)
{
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  const Bytes opening = encode(Opening{SocketType::Stream, {}, "/run/s/x"});
  Bytes frame;
  for (const std::byte byte :
       encode(Header{FrameType::Open, 0, 0, 1, static_cast<std::uint32_t>(opening.size())}))
    frame.push_back(byte);
  frame.insert(frame.end(), opening.begin(), opening.end());

  for (std::size_t size = 0; size < frame.size(); size++) {
    Malicious peer(port_a_);
    peer.hello();
    peer.raw(Span(frame).first(size));
  }
  Malicious silent(port_a_);
  silent.hello();
  silent.raw(Span(frame).first(frame.size() - 1));
  // What is whole is taken, however it comes.
  Malicious slow(port_a_);
  slow.hello();
  for (const std::byte &byte : frame)
    slow.raw(Span(&byte, 1));
  EXPECT_TRUE(accept_one(listener));
  EXPECT_TRUE(connect_to(b("/run/s/x")));
  EXPECT_TRUE(accept_one(listener));
  EXPECT_EQ(status("a", "violations"), 0);
}

// Files are named by the peer, who may name what he likes; of those that are on no mount, and
// that no client has open, nobody gets any.
TEST_F(Proxies, OpenNoFileThatIsForged)
{
  const Fd listener = listen_on(a("/run/s/x"));
  struct stat st = {};
  ASSERT_EQ(::stat("/etc/passwd", &st), 0);
  const std::vector<Object> forged = {
    {ObjectKind::ServerFile, 0, 0, fmt::format("0:{}:0:0:/etc/passwd", st.st_ino)},
    {ObjectKind::ServerFile, 0, 0, "0:0:0:0:/etc/../etc/passwd"},
    {ObjectKind::ServerFile, 0, 0, "-1:0:0:0:/etc/passwd"},
    {ObjectKind::ServerFile, 0xffffffff, 0, "0:0:0:0:/etc/passwd"},
    {ObjectKind::ServerFile, 0, 0, ""},
    {ObjectKind::ClientFile, 0, 0, "0:1:2:3:4:"},
    {ObjectKind::ClientFile, 0, 0, "0:1:2:3:4"},
    {ObjectKind::ClientFile, 0, 0, "99999999999999999999:1:2:3:4:"},
  };
  Malicious peer(port_a_);
  peer.hello();
  peer.open(1, "/run/s/x");
  const Fd served = accept_one(listener);
  std::uint32_t id = 1;
  for (const Object &object : forged) {
    id += 2;
    Bytes message = {std::byte{'f'}};
    for (const std::byte byte : encode_number(id))
      message.push_back(byte);
    peer.send(FrameType::Object, id, encode(object));
    peer.send(FrameType::Data, 1, message, 0, 1);
    // Something of no use, as for all that can't be passed.
    const Fd got = receive_fd(served.get());
    char byte = 0;
    EXPECT_TRUE(got) << object.name;
    EXPECT_TRUE(::read(got.get(), &byte, 1) < 0 && errno == EBADF) << object.name;
  }
  EXPECT_EQ(status("a", "violations"), 0);
}

// Who connects to a socket that has just been made isn't refused for want of news.
TEST_F(Proxies, AnnounceWhatThereIsBeforeTheySayThatTheyLooked)
{
  Malicious peer(port_a_);
  std::vector<Fd> listeners;
  std::set<std::string> announced;

  peer.hello();
  for (std::uint32_t i = 1; i <= 50; i++) {
    const std::string path = "/run/s/" + std::to_string(i);
    listeners.push_back(listen_on(a(path)));
    peer.send(FrameType::Look, 0, encode_number(i));
    for (std::uint32_t looked = 0; looked < i;) {
      const auto frame = peer.receive_frame();
      ASSERT_TRUE(frame);
      if (frame->first.type == FrameType::Announce)
        announced.insert(decode_announcement(frame->second)->path);
      else if (frame->first.type == FrameType::Looked)
        looked = *decode_number(frame->second);
      ASSERT_LE(looked, i);
    }
    EXPECT_TRUE(announced.contains(path)) << path;
  }
}

namespace {

// Whom the proxy connects to, and who then says whatever it likes.
class MaliciousServer : public Malicious {
public:
  explicit MaliciousServer(const std::string &port) : listener_(listen(port)) {}

  void accept()
  {
    attach(accept_one(listener_));
    hello();
  }
  void announce(const std::string &path, std::uint32_t mode = 0777)
  {
    send(FrameType::Announce, 0, encode(Announcement{SocketType::Stream, mode, 0, 0, path}));
  }

private:
  static Fd listen(const std::string &port)
  {
    const sockaddr_in address = address_of(port);
    const int on = 1;
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd.get(), 4), 0);
    return fd;
  }

  Fd listener_;
};

} // namespace

TEST_F(Proxies, ShowNothingWhereItIsNotAllowed)
{
  a_ = {};
  MaliciousServer peer(port_a_);
  std::ofstream(b("/run/s/file")) << "content";
  const Fd own = listen_on(b("/run/s/own"));
  fs::create_symlink("/run/other", b("/run/s/dir"));
  fs::create_symlink(dir_ + "/b/run/other", b("/run/s/outside"));
  peer.accept();
  for (const char *path : {"/run/other/x", "/run/x", "/etc/x", "/run/s", "/run/s/dir/x",
                           "/run/s/outside/x", "/run/s/file", "/run/s/own", "/run/s/file/x"})
    peer.announce(path);
  peer.announce("/run/s/last");
  EXPECT_TRUE(wait_until([&] { return is_socket(b("/run/s/last")); }));
  EXPECT_EQ(status("b", "shown"), 1);
  EXPECT_TRUE(fs::is_empty(b("/run/other")));
  EXPECT_EQ(read_file(b("/run/s/file")), "content");
  const Fd client = connect_to(b("/run/s/own"));
  pollfd poll = {own.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 5000), 1);

  // Paths that are none, permissions that are more, and what only the initiator may say.
  const std::vector<std::function<void()>> offences = {
    [&] { peer.announce("/run/s/../other/x"); },
    [&] { peer.announce("run/s/x"); },
    [&] { peer.announce(std::string("/run/s/x\0y", 10)); },
    [&] { peer.announce("/run/s/x", 04777); },
    [&] { peer.open(2, "/run/s/own"); },
  };
  for (std::size_t i = 0; i < offences.size(); i++) {
    offences[i]();
    EXPECT_TRUE(peer.ends()) << i;
    EXPECT_EQ(status("b", "violations"), static_cast<std::int64_t>(i + 1));
    peer.accept();
  }
  EXPECT_TRUE(fs::is_empty(b("/run/other")));
}

} // namespace qtfs::uds::test
