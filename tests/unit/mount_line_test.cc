// SPDX-License-Identifier: GPL-2.0
//
// mount.qtfs: command lines, and what options mean to mount(2).

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "options.hh"

namespace qtfs::test {

using namespace mount;

namespace {

template <typename Parse> auto parsed(Parse parse, std::vector<std::string> words)
{
  std::vector<char *> argv;

  argv.reserve(words.size() + 1);
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  return parse(static_cast<int>(words.size()), argv.data());
}

} // namespace

TEST(MountLine, IsThatOfMount8)
{
  const auto line = parsed(
    parse_mount_line, {"mount.qtfs", "/dev/x", "/mnt", "-s", "-o", "ro,size=1", "-t", "qtfs.ext4"});

  ASSERT_TRUE(line);
  EXPECT_EQ(line->source, "/dev/x");
  EXPECT_EQ(line->directory, "/mnt");
  EXPECT_EQ(line->options, "ro,size=1");
  EXPECT_EQ(line->type, "qtfs.ext4");
  EXPECT_FALSE(parsed(parse_mount_line, {"mount.qtfs", "/dev/x"}));
}

TEST(MountLine, OfUmount8)
{
  const auto line = parsed(parse_umount_line, {"umount.qtfs", "/mnt", "-l", "-t", "qtfs"});

  ASSERT_TRUE(line);
  EXPECT_EQ(line->directory, "/mnt");
  EXPECT_TRUE(line->lazy);
  EXPECT_FALSE(line->force);
}

TEST(MountCall, FlagsAndOptions)
{
  const auto call = mount_call("tmpfs", "rw,nosuid,ro,size=2M,_netdev,x-y=z,noatime,mode=0700");

  ASSERT_TRUE(call);
  EXPECT_EQ(call->flags, unsigned{MS_NOSUID | MS_RDONLY | MS_NOATIME});
  EXPECT_EQ(call->type, "tmpfs");
  EXPECT_EQ(call->options, std::vector<std::string>({"size=2M", "mode=0700"}));
  EXPECT_EQ(mount_call("tmpfs", "ro,rw")->flags, 0u);
  EXPECT_EQ(mount_call("overlay", "lowerdir=/a\\,b,ro")->options.at(0), "lowerdir=/a\\,b");
}

TEST(MountCall, BindAndPropagation)
{
  EXPECT_TRUE(mount_call("bind", "")->binds());
  EXPECT_TRUE(mount_call("none", "rbind")->binds());
  EXPECT_TRUE(mount_call("move", "")->binds());
  EXPECT_FALSE(mount_call("bind", "remount,ro")->binds());
  EXPECT_EQ(mount_call("none", "rshared")->flags, unsigned{MS_SHARED | MS_REC});
  EXPECT_FALSE(mount_call("ext4", "loop"));
}

} // namespace qtfs::test
