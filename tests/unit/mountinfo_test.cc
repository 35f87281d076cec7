// SPDX-License-Identifier: GPL-2.0

#include <algorithm>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "mountinfo.hh"

namespace qtfs {

TEST(MountInfoTest, SaysWhatIsMountedWhere)
{
  const std::vector<MountInfo> mounts = parse_mountinfo(
    "21 1 8:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
    "31 21 0:41 /sub /mnt/with\\040space rw shared:9 master:1 - qtfs /a\\134b rw,x\n"
    "this is no line of mountinfo\n"
    "32 21 0:42 / /mnt/odd\\04 rw - qtfs / rw\n");

  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0].point, "/");
  EXPECT_EQ(mounts[0].type, "ext4");
  EXPECT_EQ(mounts[1].device, makedev(0, 41));
  EXPECT_EQ(mounts[1].root, "/sub");
  EXPECT_EQ(mounts[1].point, "/mnt/with space");
  EXPECT_EQ(mounts[1].type, "qtfs");
  EXPECT_EQ(mounts[1].source, "/a\\b");
  EXPECT_EQ(mounts[1].options, "rw,x");
  EXPECT_EQ(mounts[2].point, "/mnt/odd\\04");
}

TEST(MountInfoTest, IsThisMachines)
{
  const std::vector<MountInfo> mounts = read_mountinfo();

  EXPECT_NE(std::ranges::find(mounts, "/", &MountInfo::point), mounts.end());
}

} // namespace qtfs
