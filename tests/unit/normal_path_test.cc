// SPDX-License-Identifier: GPL-2.0

#include <gtest/gtest.h>

#include "normal_path.hh"

namespace qtfs {

TEST(NormalPath, LosesWhatMeansNothing)
{
  EXPECT_EQ(normal_path("/"), "/");
  EXPECT_EQ(normal_path("///"), "/");
  EXPECT_EQ(normal_path("/."), "/");
  EXPECT_EQ(normal_path("//a/./b///c/."), "/a/b/c");
  EXPECT_EQ(normal_path("/a.b/..c/.d/e../..."), "/a.b/..c/.d/e../...");
  EXPECT_EQ(normal_path("/with blank/ "), "/with blank/ ");
}

TEST(NormalPath, RefusesWhatItCantTell)
{
  for (const char *path : {"", "a", "./a", "../a", "/..", "/a/..", "/a/../b", "//../a"})
    EXPECT_EQ(normal_path(path), std::nullopt) << path;
}

} // namespace qtfs
