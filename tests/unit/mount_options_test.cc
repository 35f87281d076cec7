// SPDX-License-Identifier: GPL-2.0
//
// Options of remote mounts: what the engine lets through, and what it makes of an overlay's.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "mount_options.hh"
#include "mount_types.hh"
#include "temp_dir.hh"

namespace qtfs::test {

using namespace engine;

namespace {

Whitelist whitelist(const std::string &items)
{
  return *Whitelist::parse("[Remotemount]\nPath=" + items + "\n", "test");
}

} // namespace

TEST(MountOptions, AreSplitAtCommas)
{
  using List = std::vector<std::string>;

  EXPECT_EQ(split_options(""), List());
  EXPECT_EQ(split_options("a"), List({"a"}));
  EXPECT_EQ(split_options("a=1,,b,"), List({"a=1", "b"}));
  EXPECT_EQ(split_options("c=\"x,y\",d"), List({"c=\"x,y\"", "d"}));
  EXPECT_EQ(split_options("lowerdir=/a\\,b,d\\"), List({"lowerdir=/a\\,b", "d\\"}));
}

TEST(MountOptions, WhatLeadsElsewhereIsRecognized)
{
  for (const char *option :
       {"journal_path=/dev/sda", "journal_path=sda", "device=x", "logdev=x", "fd=3", "anything=/x",
        "anything=../x", "release_agent=x", "journal_dev=0x801"})
    EXPECT_TRUE(option_leads_elsewhere(option)) << option;
  for (const char *option : {"size=1M", "mode=0700", "subvol=/a/b", "errors=remount-ro", "acl"})
    EXPECT_FALSE(option_leads_elsewhere(option)) << option;
}

TEST(MountTypes, AreAList)
{
  EXPECT_EQ(find_mount_type("fuse"), nullptr);
  EXPECT_EQ(find_mount_type("nfs"), nullptr);
  EXPECT_EQ(find_mount_type(""), nullptr);
  ASSERT_NE(find_mount_type("proc"), nullptr);
  EXPECT_EQ(find_mount_type("proc")->place, "/proc");
}

TEST(Overlay, DirectoriesAreDescriptors)
{
  const TempDir dir;
  const Whitelist list = whitelist(dir / "");
  Judge judge(list);
  OverlayOptions pinned;

  ::mkdir((dir / "a:b").c_str(), 0755);
  ::mkdir((dir / "c").c_str(), 0755);
  ASSERT_EQ(pin_overlay("lowerdir=" + (dir / "a\\:b") + ":" + (dir / "c") +
                          ",upperdir=" + (dir / "c") + ",index=off",
                        judge, pinned),
            0);
  ASSERT_EQ(pinned.directories.size(), 3u);
  EXPECT_EQ(place_of(pinned.directories[0].get()), dir / "a:b");
  const auto fd = [&](unsigned i) {
    return "/proc/self/fd/" + std::to_string(pinned.directories[i].get());
  };
  EXPECT_EQ(pinned.text, "lowerdir=" + fd(0) + ":" + fd(1) + ",upperdir=" + fd(2) + ",index=off");
}

TEST(Overlay, DirectoriesAreJudgedByWhereTheyAre)
{
  const TempDir dir;
  const Whitelist list = whitelist(dir / "yes");
  Judge judge(list);
  OverlayOptions pinned;

  ::mkdir((dir / "yes").c_str(), 0755);
  ::mkdir((dir / "no").c_str(), 0755);
  ASSERT_EQ(::symlink((dir / "no").c_str(), (dir / "yes/link").c_str()), 0);
  EXPECT_EQ(pin_overlay("lowerdir=" + (dir / "no"), judge, pinned), EACCES);
  EXPECT_EQ(pin_overlay("lowerdir=" + (dir / "yes/link"), judge, pinned), EACCES);
  EXPECT_EQ(pin_overlay("lowerdir=" + (dir / "yes/../no"), judge, pinned), EACCES);
  EXPECT_EQ(pin_overlay("lowerdir=/proc/self/fd/0", judge, pinned), ELOOP);
  EXPECT_EQ(pin_overlay("lowerdir=relative", judge, pinned), EINVAL);
  EXPECT_EQ(pin_overlay("lowerdir=" + (dir / "absent"), judge, pinned), ENOENT);
  EXPECT_EQ(pin_overlay("lowerdir=" + (dir / "yes") + ",other=/x", judge, pinned), EACCES);
}

} // namespace qtfs::test
