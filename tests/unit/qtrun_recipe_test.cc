// SPDX-License-Identifier: GPL-2.0

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "recipe.hh"

namespace qtfs::qtrun {

namespace {

TEST(Recipe, KnowsFlagsFromOptions)
{
  Recipe recipe;

  recipe.type = "tmpfs";
  recipe.add("ro");
  recipe.add("sync");
  recipe.add("rw");
  recipe.add("noswap");
  recipe.add("size", "1M");
  recipe.add("source", "words");
  EXPECT_EQ(recipe.flags, std::uint32_t{MS_SYNCHRONOUS});
  EXPECT_EQ(recipe.change, std::uint32_t{MS_SYNCHRONOUS | MS_RDONLY});
  EXPECT_EQ(recipe.options, "noswap,size=1M");
  EXPECT_EQ(recipe.source, "words");
  EXPECT_TRUE(recipe.complete);
}

// mount(2) would take the second half of it for another option.
TEST(Recipe, IsIncompleteWithACommaThatCannotBeSaid)
{
  Recipe other, overlay;

  other.type = "tmpfs";
  other.add("mpol", "bind:0,1");
  EXPECT_FALSE(other.complete);
  overlay.type = "overlay";
  overlay.add("lowerdir", "/a,b:/c");
  EXPECT_TRUE(overlay.complete);
  EXPECT_EQ(overlay.options, "lowerdir=/a\\,b:/c");
}

TEST(Recipe, IsIncompleteWithMoreThanFits)
{
  Recipe recipe;

  recipe.add("a", std::string(5000, 'x'));
  EXPECT_FALSE(recipe.complete);
}

TEST(Recipe, OfAMountHasWhatTheKernelSays)
{
  const std::vector<MountInfo> mounts = parse_mountinfo(
    "20 1 0:30 / /a rw,nosuid - overlay none ro,lowerdir=/l\\040x\\054y,upperdir=/u\n"
    "21 1 0:31 / /b rw - cgroup2 cgroup2 rw,memory_recursiveprot\n");
  ASSERT_EQ(mounts.size(), 2U);
  const Recipe overlay = Recipe::of(mounts[0]);

  EXPECT_EQ(overlay.type, "overlay");
  EXPECT_EQ(overlay.source, "none");
  EXPECT_EQ(overlay.flags, std::uint32_t{MS_RDONLY});
  EXPECT_EQ(overlay.options, "lowerdir=/l x\\,y,upperdir=/u");
  // This machine's, not the host's.
  EXPECT_EQ(Recipe::of(mounts[1]).options, "");
}

} // namespace

} // namespace qtfs::qtrun
