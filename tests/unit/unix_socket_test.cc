// SPDX-License-Identifier: GPL-2.0

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <numeric>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proc_path.hh"
#include "temp_dir.hh"
#include "unix_socket.hh"

namespace qtfs {

namespace {

constexpr int stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

struct Pair {
  Fd here, there;

  explicit Pair(int type = SOCK_STREAM)
  {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), 0);
    here = Fd(ends[0]);
    there = Fd(ends[1]);
  }
};

} // namespace

TEST(UnixSocketTest, ListensWithItsModeInADirectoryThatItMakes)
{
  const test::TempDir dir;
  const std::string path = dir.path() + "/new/socket";
  const mode_t before = ::umask(077);
  const Result<Fd, std::string> listener = unix_listen(path, 0620);
  ::umask(before);
  struct stat st;

  ASSERT_TRUE(listener) << listener.error();
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode, S_IFSOCK | 0620U);
  EXPECT_TRUE(unix_connect(path, stream));
}

TEST(UnixSocketTest, TakesThePlaceOfTheDeadOnly)
{
  const test::TempDir dir;
  const std::string path = dir.path() + "/socket";

  {
    const Result<Fd, std::string> first = unix_listen(path, 0600);
    ASSERT_TRUE(first) << first.error();
    const Result<Fd, std::string> second = unix_listen(path, 0600);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), path + ": somebody is listening there already");
  }
  EXPECT_TRUE(unix_listen(path, 0600));

  const std::string file = dir.path() + "/file";
  ASSERT_TRUE(Fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
  EXPECT_EQ(unix_listen(file, 0600).error(), file + ": it is there, and not a socket");
}

TEST(UnixSocketTest, NamesHaveAnEnd)
{
  const test::TempDir dir;
  const std::string longest =
    dir.path() + "/" + std::string(longest_unix_path - dir.path().size() - 1, 'x');

  EXPECT_TRUE(unix_listen(longest, 0600));
  EXPECT_FALSE(unix_listen(longest + "x", 0600));
  EXPECT_EQ(unix_connect(longest + "x", stream).error().value(), ENAMETOOLONG);
  EXPECT_FALSE(unix_listen("relative", 0600));
}

TEST(UnixSocketTest, TellsWhoIsThere)
{
  const Pair pair;
  const Result<ucred> peer = unix_peer(pair.here.get());

  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_FALSE(unix_peer(-1));
}

TEST(UnixSocketTest, TellsHoweverManyGroups)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can have others";
  std::vector<gid_t> before(65536);
  before.resize(static_cast<std::size_t>(::getgroups(65536, before.data())));
  std::vector<gid_t> many(1000);
  std::iota(many.begin(), many.end(), 5000U);

  ASSERT_EQ(::setgroups(many.size(), many.data()), 0);
  const Pair pair;
  const Result<std::vector<gid_t>> groups = unix_peer_groups(pair.here.get());
  ASSERT_EQ(::setgroups(before.size(), before.data()), 0);
  ASSERT_TRUE(groups);
  EXPECT_EQ(*groups, many);
}

TEST(UnixSocketTest, MessagesTakeDescriptorsAndIdsAlong)
{
  const Pair pair;
  const Pair passed;
  const std::array rights = {passed.here.get(), passed.there.get()};
  const int on = 1;
  ASSERT_EQ(::setsockopt(pair.there.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
  std::string first = "x", second = "yz";
  const std::array<iovec, 2> parts = {{{first.data(), 1}, {second.data(), 2}}};

  const Result<std::size_t> sent =
    unix_send(pair.here.get(), parts, {rights, ucred{::getpid(), ::getuid(), ::getgid()}});
  ASSERT_TRUE(sent) << sent.error().message();
  EXPECT_EQ(*sent, 3U);
  std::array<char, 16> room;
  const Result<UnixMessage> got = unix_receive(pair.there.get(), std::span(room));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(std::string_view(room.data(), got->size), "xyz");
  ASSERT_EQ(got->rights.size(), 2U);
  EXPECT_EQ(name_of_fd(got->rights[0].get()), name_of_fd(passed.here.get()));
  EXPECT_EQ(name_of_fd(got->rights[1].get()), name_of_fd(passed.there.get()));
  EXPECT_EQ(::fcntl(got->rights[0].get(), F_GETFD), FD_CLOEXEC);
  ASSERT_TRUE(got->sender);
  EXPECT_EQ(got->sender->pid, ::getpid());
  EXPECT_FALSE(got->lost_rights);
}

TEST(UnixSocketTest, MessagesMayTakeNothingAlong)
{
  const Pair pair;
  std::array<char, 16> room;

  ASSERT_TRUE(unix_send(pair.here.get(), "x"));
  const Result<UnixMessage> got = unix_receive(pair.there.get(), std::span(room));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size, 1U);
  EXPECT_TRUE(got->rights.empty());
  EXPECT_FALSE(got->sender);
}

TEST(UnixSocketTest, AMessageThatIsTooLongIsGoneWithWhatItBrought)
{
  const Pair pair(SOCK_SEQPACKET);
  Pair passed;
  const std::array rights = {passed.there.get()};
  std::array<char, 3> room;

  ASSERT_TRUE(unix_send(pair.here.get(), "four", {.rights = rights}));
  ASSERT_TRUE(unix_send(pair.here.get(), "two"));
  passed.there.reset();
  EXPECT_EQ(unix_receive(pair.there.get(), std::span(room)).error().value(), EMSGSIZE);
  char end;
  EXPECT_EQ(::recv(passed.here.get(), &end, 1, MSG_DONTWAIT), 0) << "somebody still has it";
  EXPECT_EQ(unix_receive(pair.there.get(), std::span(room))->size, 3U);
}

TEST(UnixSocketTest, DatagramsHaveAddresses)
{
  const test::TempDir dir;
  const Fd asker(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd answerer(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::array<char, 16> room;
  ASSERT_FALSE(unix_bind(asker.get(), dir / "asker"));
  ASSERT_FALSE(unix_bind(answerer.get(), dir / "answerer"));
  ASSERT_FALSE(unix_connect(asker.get(), dir / "answerer"));

  ASSERT_TRUE(unix_send(asker.get(), "question"));
  const Result<UnixMessage> got = unix_receive(answerer.get(), std::span(room));
  ASSERT_TRUE(got);
  const auto address = std::as_bytes(std::span(&got->address, 1)).first(got->address_length);
  ASSERT_TRUE(unix_send(answerer.get(), "answer", {.address = address}));
  EXPECT_EQ(unix_receive(asker.get(), std::span(room))->size, 6U);
}

TEST(UnixSocketTest, NobodyIsKilledByWhoHasGone)
{
  Pair pair;
  std::array<char, 16> room;

  EXPECT_EQ(unix_receive(pair.here.get(), std::span(room), MSG_DONTWAIT).error().value(), EAGAIN);
  pair.there.reset();
  EXPECT_EQ(unix_send(pair.here.get(), "x").error().value(), EPIPE);
  EXPECT_EQ(unix_receive(pair.here.get(), std::span(room))->size, 0U);
}

} // namespace qtfs
