// SPDX-License-Identifier: GPL-2.0

#include "channel.hh"

#include <gtest/gtest.h>

namespace qtfs::test {

using engine::Channel;

TEST(Channel, SaysWhatToDoWithoutTheModule)
{
  const Result<Channel, std::string> channel = Channel::open("/nonexistent/qtfs_server");

  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error(), "/nonexistent/qtfs_server: is qtfs_server.ko loaded?");
}

TEST(Channel, IsNotAnyDevice)
{
  const Result<Channel, std::string> null = Channel::open("/dev/null");

  ASSERT_FALSE(null);
  EXPECT_EQ(null.error(), "/dev/null isn't the device of qtfs_server.ko");
}

} // namespace qtfs::test
