// SPDX-License-Identifier: GPL-2.0
//
// As whom, and with which environment, rexec_server executes.

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.hh"
#include "identity.hh"
#include "launch.hh"
#include "temp_dir.hh"

namespace qtfs::rexec {

namespace {

Request request_of(std::uint32_t uid, std::uint32_t gid)
{
  Request request;

  request.uid = uid;
  request.gid = gid;
  request.groups = {gid, 4, 27};
  request.cwd = "/srv";
  request.argv = {"true"};
  return request;
}

// Both ends are this process.
struct Connection {
  Fd here, there;

  Connection()
  {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    here = Fd(ends[0]);
    there = Fd(ends[1]);
  }
};

bool has(const std::vector<std::string> &list, const std::string &item)
{
  return std::ranges::find(list, item) != list.end();
}

} // namespace

TEST(Identity, RootMayBeAnybody)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can connect as root";
  const Connection connection;
  const Result<Identity, std::string> who =
    identify(request_of(12345, 23456), {1, 0, 0}, connection.here.get());

  ASSERT_TRUE(who) << who.error();
  EXPECT_TRUE(who->by_root);
  EXPECT_EQ(who->uid, 12345U);
  EXPECT_EQ(who->gid, 23456U);
  EXPECT_EQ(who->groups.size(), 3U);
}

TEST(Identity, OthersAreThemselves)
{
  const Connection connection;
  const int socket = connection.here.get();

  EXPECT_FALSE(identify(request_of(0, 0), {1, 12345, 12345}, socket));
  EXPECT_FALSE(identify(request_of(12346, 12345), {1, 12345, 12345}, socket));
  EXPECT_FALSE(identify(request_of(12345, 0), {1, 12345, 12345}, socket));
}

// A setuid program that was given the connection as its output isn't who asks.
TEST(Identity, RightsDontComeWithABorrowedConnection)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can become somebody else";
  ASSERT_EQ(::setresuid(static_cast<uid_t>(-1), 12345, static_cast<uid_t>(-1)), 0);
  const Connection connection; // SO_PEERCRED says who made it
  ASSERT_EQ(::setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)), 0);

  EXPECT_FALSE(identify(request_of(0, 0), {1, 0, 0}, connection.here.get()));
  EXPECT_FALSE(identify(request_of(1, 1), {1, 1, 1}, connection.here.get()));
  EXPECT_TRUE(identify(request_of(12345, 12345), {1, 12345, 12345}, connection.here.get()));
}

// The proxy vouches for the user; the groups are only what the caller says.
TEST(Identity, GroupsBehindAProxyAreTheMachinesOwn)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "the proxy is root";
  const Connection connection;
  const Result<Identity, std::string> who =
    identify(request_of(12345, 12345), {1, 12345, 12345}, connection.here.get());

  ASSERT_TRUE(who) << who.error();
  EXPECT_FALSE(who->by_root);
  EXPECT_EQ(who->groups, std::vector<std::uint32_t>{12345});
}

TEST(Environment, IsTheServersButForWhatIsPassed)
{
  Request request = request_of(0, 0);
  request.environment = {"LANG=C", "HOME=/evil", "PATH=/evil", "LD_PRELOAD=/evil", "X=1"};
  const Identity root = {0, 0, {}, true};
  const Result<CommandList, std::string> list = CommandList::parse("@env X\n", "list");
  const std::vector<std::string> environment = make_environment(request, root, *list);

  EXPECT_TRUE(has(environment, "LANG=C"));
  EXPECT_TRUE(has(environment, "X=1"));
  EXPECT_TRUE(has(environment, "PWD=/srv"));
  EXPECT_TRUE(has(environment, "HOME=/root"));
  EXPECT_TRUE(has(environment, std::string("PATH=") + default_path));
  EXPECT_TRUE(std::ranges::none_of(environment, [](const std::string &variable) {
    return variable.find("evil") != std::string::npos;
  }));
}

TEST(LookUp, IsAsTheShells)
{
  const test::TempDir dir;
  const std::vector<std::string> path = {"PATH=" + dir.path() + ":/usr/bin"};
  const auto reason = [&](const std::string &command) {
    const Result<std::string, Failure> found = look_up(command, path, "/");
    return found ? Failure::Reason::Other : found.error().reason;
  };

  EXPECT_EQ(*look_up("env", path, "/"), "/usr/bin/env");
  EXPECT_EQ(*look_up("bin/../bin/env", path, "/usr"), "/usr/bin/env");
  EXPECT_EQ(reason("nonexistent"), Failure::Reason::NotFound);
  EXPECT_EQ(reason("/nonexistent/x"), Failure::Reason::NotFound);
  EXPECT_EQ(reason("/etc/passwd"), Failure::Reason::Refused);
  EXPECT_EQ(reason("/usr"), Failure::Reason::Refused);
}

} // namespace qtfs::rexec
