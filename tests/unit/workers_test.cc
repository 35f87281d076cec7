// SPDX-License-Identifier: GPL-2.0

#include "workers.hh"

#include <array>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>

namespace qtfs::test {

TEST(WorkersTest, DoWhatIsDoneElsewhereAndTellTheLoop)
{
  Loop loop;
  Workers workers(loop);
  std::thread::id where, told;

  workers.run([&] { where = std::this_thread::get_id(); },
              [&] {
                told = std::this_thread::get_id();
                loop.stop(7);
              });
  EXPECT_EQ(loop.run(), 7);
  EXPECT_EQ(told, std::this_thread::get_id());
  EXPECT_NE(where, told);
}

// As many as are stuck, but for the last; nor are they waited for at the end.
TEST(WorkersTest, GoOnBesideThoseThatAreStuck)
{
  std::array<int, 2> ends = {};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const auto stuck = std::make_shared<Fd>(ends[0]);
  const Fd other(ends[1]);
  Loop loop;
  {
    Workers workers(loop);
    for (unsigned i = 1; i < Workers::most; i++)
      workers.run([stuck] {
        char byte = 0;
        ::recv(stuck->get(), &byte, 1, 0);
      });
    unsigned done = 0;
    for (unsigned i = 0; i < 100; i++)
      workers.run([] {},
                  [&] {
                    if (++done == 100)
                      loop.stop(0);
                  });
    EXPECT_EQ(loop.run(), 0);
    EXPECT_EQ(done, 100U);
  }
  ::shutdown(other.get(), SHUT_RDWR); // they end
}

TEST(WorkersTest, EndWhatIsDropped)
{
  std::array<int, 2> ends = {};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Fd other(ends[1]);
  Loop loop;
  Workers workers(loop);

  workers.drop(Fd(ends[0]));
  char byte = 0;
  EXPECT_EQ(::recv(other.get(), &byte, 1, 0), 0);
}

} // namespace qtfs::test
