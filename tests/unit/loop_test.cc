// SPDX-License-Identifier: GPL-2.0
//
// The event loop.

#include <array>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>

#include "loop.hh"
#include "temp_dir.hh"

namespace qtfs {

namespace {

using std::chrono::milliseconds;

struct Pipe {
  Fd reader, writer;

  Pipe()
  {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
};

} // namespace

TEST(LoopTest, TimersGoOffInTheirOrderAndOnce)
{
  Loop loop;
  std::string order;

  const Loop::Timer third = loop.after(milliseconds(20), [&] { loop.stop(7); });
  const Loop::Timer second = loop.after(milliseconds(10), [&] { order += '2'; });
  Loop::Timer first = loop.after(milliseconds(0), [&] { order += '1'; });
  const Loop::Timer moved = std::move(first);
  {
    const Loop::Timer dropped = loop.after(milliseconds(0), [&] { order += 'x'; });
  }
  EXPECT_EQ(loop.run(), 7);
  EXPECT_EQ(order, "12");
  EXPECT_FALSE(moved);
}

TEST(LoopTest, ATimerMayBeSetAgainByItself)
{
  Loop loop;
  Loop::Timer timer;
  int n = 0;
  const Loop::Action again = [&] {
    if (++n == 3)
      loop.stop();
    else
      timer = loop.after(milliseconds(0), again);
  };

  timer = loop.after(milliseconds(0), again);
  loop.run();
  EXPECT_EQ(n, 3);
}

TEST(LoopTest, WhatAnEventEndsIsntCalledInTheSameRound)
{
  Loop loop;
  const std::array<Pipe, 2> pipes;
  std::array<Loop::Watch, 2> watches;
  int calls = 0;

  for (std::size_t i = 0; i < 2; i++) {
    ASSERT_EQ(::write(pipes[i].writer.get(), "x", 1), 1);
    watches[i] = loop.watch(pipes[i].reader.get(), EPOLLIN, [&](std::uint32_t) {
      calls++;
      watches[0].reset();
      watches[1].reset();
      loop.defer([&] { loop.stop(); });
    });
  }
  loop.run();
  EXPECT_EQ(calls, 1);
}

// A pipe that nobody writes to any more would wake the loop without end.
TEST(LoopTest, WhatIsntWantedIsntEvenAHangUp)
{
  Loop loop;
  Pipe pipe;
  int calls = 0;
  int rounds = 0;

  Loop::Watch watch = loop.watch(pipe.reader.get(), 0, [&](std::uint32_t) {
    calls++;
    watch.want(0);
  });
  pipe.writer.reset();
  const Loop::Action count = [&] {
    if (++rounds == 3) {
      EXPECT_EQ(calls, 0);
      watch.want(EPOLLIN);
    }
    if (rounds == 6)
      loop.stop();
  };
  Loop::Timer timer;
  const Loop::Action tick = [&] {
    count();
    timer = loop.after(milliseconds(1), tick);
  };
  timer = loop.after(milliseconds(1), tick);
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(LoopTest, ErrorsComeWithoutBeingWanted)
{
  Loop loop;
  Pipe pipe;
  std::uint32_t got = 0;

  const Loop::Watch watch = loop.watch(pipe.writer.get(), EPOLLERR, [&](std::uint32_t events) {
    got = events;
    loop.stop();
  });
  pipe.reader.reset();
  loop.run();
  EXPECT_TRUE(got & EPOLLERR);
}

TEST(LoopTest, AFileIsAlwaysReadyWhereItIsWanted)
{
  const test::TempDir dir;
  const std::string name = dir.path() + "/file";
  const Fd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  Loop loop;
  Loop::Timer end;
  int calls = 0;

  ASSERT_TRUE(file);
  Loop::Watch watch = loop.watch(file.get(), EPOLLERR, [&](std::uint32_t events) {
    EXPECT_EQ(events, std::uint32_t{EPOLLOUT});
    if (++calls < 2)
      return;
    watch.want(0);
    end = loop.after(milliseconds(10), [&] { loop.stop(); });
  });
  const Loop::Timer want = loop.after(milliseconds(1), [&] {
    EXPECT_EQ(calls, 0);
    watch.want(EPOLLOUT);
  });
  loop.run();
  EXPECT_EQ(calls, 2);
}

TEST(LoopTest, WhatItCantWatchIsAnError)
{
  Loop loop;

  EXPECT_THROW(static_cast<void>(loop.watch(-1, EPOLLIN, [](std::uint32_t) {})), std::system_error);
}

} // namespace qtfs
