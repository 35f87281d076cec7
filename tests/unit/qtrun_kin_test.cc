// SPDX-License-Identifier: GPL-2.0
//
// Whose a process is: by its control group, as far as that goes without one.

#include <gtest/gtest.h>

#include "kin.hh"

namespace qtfs::qtrun {

TEST(ControlGroup, IsTheOneOfVersion2)
{
  EXPECT_EQ(control_group("0::/system.slice/libvirtd.service\n"), "/system.slice/libvirtd.service");
  EXPECT_EQ(control_group("3:cpu:/a\n1:name=systemd:/b\n0::/c\n"), "/c");
  EXPECT_EQ(control_group("0::/a b:c"), "/a b:c");
  EXPECT_EQ(control_group("3:cpu:/a\n"), "");
  EXPECT_EQ(control_group(""), "");
}

TEST(ControlGroup, HoldsWhatIsBelow)
{
  EXPECT_TRUE(is_of_group("/a/b", "/a/b"));
  EXPECT_TRUE(is_of_group("/a/b/c", "/a/b"));
  EXPECT_FALSE(is_of_group("/a/bc", "/a/b"));
  EXPECT_FALSE(is_of_group("/a", "/a/b"));
  EXPECT_FALSE(is_of_group("", ""));
}

// A process of the root group may be anybody's, but one there is as good as another.
TEST(ControlGroup, OfTheRootIsTheRootAlone)
{
  EXPECT_TRUE(is_of_group("/", "/"));
  EXPECT_FALSE(is_of_group("/a", "/"));
}

} // namespace qtfs::qtrun
