// SPDX-License-Identifier: GPL-2.0

#include "backoff.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include "fd.hh"

namespace qtfs::test {

using engine::backoff;
using engine::wait_out;
using std::chrono_literals::operator""ms;

TEST(Backoff, AFewDeathsCostNothing)
{
  for (unsigned crashes = 0; crashes <= 3; crashes++)
    EXPECT_EQ(backoff(crashes), 0ms) << crashes;
}

TEST(Backoff, GrowsUpToALimit)
{
  EXPECT_EQ(backoff(4), 100ms);
  EXPECT_EQ(backoff(5), 200ms);
  EXPECT_EQ(backoff(12), 25600ms);
  EXPECT_EQ(backoff(13), 30000ms);
  EXPECT_EQ(backoff(19), 30000ms);
}

TEST(Backoff, GivesUpAndBeginsAnew)
{
  EXPECT_EQ(backoff(20), std::nullopt);
  EXPECT_EQ(backoff(21), 0ms);
  EXPECT_EQ(backoff(25), 100ms);
  EXPECT_EQ(backoff(41), std::nullopt);
}

TEST(Backoff, ASignalEndsTheWait)
{
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd out(ends[0]);
  const Fd in(ends[1]);

  EXPECT_TRUE(wait_out(1ms, out.get()));
  ASSERT_EQ(::write(in.get(), "x", 1), 1);
  EXPECT_FALSE(wait_out(60000ms, out.get()));
}

} // namespace qtfs::test
