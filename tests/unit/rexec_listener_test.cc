// SPDX-License-Identifier: GPL-2.0
//
// The server's listening sockets: nobody finds them, and who connects is who it is said to be.

#include <filesystem>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

Fd accept_from(const Fd &listening)
{
  return Fd(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

} // namespace

TEST(RexecListener, IsReachedByWhoHasIt)
{
  Result<Listener> listener = Listener::make();
  ASSERT_TRUE(listener) << listener.error().message();
  const Fd listening = listener->take();

  const Result<Fd> connection = listener->connect(::geteuid(), ::getegid());
  ASSERT_TRUE(connection) << connection.error().message();
  const Fd accepted = accept_from(listening);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(::send(connection->get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(RexecListener, HasNoNameThatLeadsToIt)
{
  Result<Listener> listener = Listener::make();
  ASSERT_TRUE(listener);
  const Fd listening = listener->take();
  sockaddr_un address = {};
  socklen_t size = sizeof(address);

  ASSERT_EQ(::getsockname(listening.get(), reinterpret_cast<sockaddr *>(&address), &size), 0);
  const std::filesystem::path path(address.sun_path);
  EXPECT_TRUE(path.is_absolute());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path.parent_path()));
}

TEST(RexecListener, TellsWhoConnects)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "root alone connects for others";
  Result<Listener> listener = Listener::make();
  ASSERT_TRUE(listener);
  const Fd listening = listener->take();

  ASSERT_TRUE(listener->connect(1234, 2345));
  const Fd accepted = accept_from(listening);
  const Result<ucred> peer = unix_peer(accepted.get());
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, 1234U);
  EXPECT_EQ(peer->gid, 2345U);
  EXPECT_EQ(::geteuid(), 0U);
}

TEST(RexecListener, RefusesWhereNobodyListens)
{
  Result<Listener> listener = Listener::make();
  ASSERT_TRUE(listener);
  listener->take().reset();

  const Result<Fd> connection = listener->connect(::geteuid(), ::getegid());
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().value(), ECONNREFUSED);
}

} // namespace qtfs::rexec
