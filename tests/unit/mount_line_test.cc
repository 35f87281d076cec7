// SPDX-License-Identifier: GPL-2.0
//
// mount.qtfs: command lines, and what options mean to mount(2).

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "options.hh"
#include "patience.hh"

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

TEST(MountPatience, IsAnOptionOfTheHelper)
{
  std::string options = "rw,retry=600,addr=10.0.0.1";
  EXPECT_EQ(*take_retry(options), 600U);
  EXPECT_EQ(options, "rw,addr=10.0.0.1");
  EXPECT_EQ(*take_retry(options), 0U);
  EXPECT_EQ(options, "rw,addr=10.0.0.1");
  for (const char *wrong : {"retry=", "retry=x", "retry=-1", "retry=1s", "retry=86401"}) {
    options = wrong;
    EXPECT_FALSE(take_retry(options)) << wrong;
  }
}

TEST(MountPatience, IsForWhatMayPass)
{
  EXPECT_TRUE(may_pass("mount: /mnt: mount(2) system call failed: Connection timed out.\n"));
  EXPECT_TRUE(may_pass("mount: /mnt: Connection refused."));
  EXPECT_FALSE(may_pass("mount: /mnt: permission denied."));
  EXPECT_FALSE(may_pass(""));
}

TEST(MountPatience, EndsWithTheFirstThatIsNoUseOrAfterItsTime)
{
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_patiently({"/bin/sh", "-c", "exit 0"}, std::chrono::seconds(9)), 0);
  EXPECT_EQ(run_patiently({"/bin/sh", "-c", "echo nonsense >&2; exit 32"}, std::chrono::seconds(9)),
            32);
  EXPECT_EQ(run_patiently({"/bin/sh", "-c", "echo Connection refused >&2; exit 32"},
                          std::chrono::seconds(1)),
            32);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "nonsense\nConnection refused\n");
}

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
