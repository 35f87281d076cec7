// SPDX-License-Identifier: GPL-2.0

#include <gtest/gtest.h>

#include "mount_flags.hh"

namespace qtfs {

TEST(MountFlags, BecomeAttributesAndFlagsAgain)
{
  for (const std::uint32_t flag : {MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NODIRATIME}) {
    EXPECT_NE(attributes_of_flags(flag), 0U);
    EXPECT_EQ(flags_of_attributes(attributes_of_flags(flag)), flag);
  }
  EXPECT_EQ(attributes_of_flags(MS_RDONLY | MS_NODEV), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
  EXPECT_EQ(attributes_of_flags(MS_BIND | MS_REMOUNT | MS_NOATIME), 0U);
}

TEST(MountFlags, AccessTimesAreOneOfThree)
{
  for (const std::uint32_t flag : {MS_NOATIME, MS_RELATIME, MS_STRICTATIME})
    EXPECT_EQ(access_time_of_attributes(access_time_of_flags(flag)), flag);
  EXPECT_EQ(access_time_of_flags(0), std::uint64_t{MOUNT_ATTR_RELATIME});
}

} // namespace qtfs
