// SPDX-License-Identifier: GPL-2.0
//
// qtrun.conf: what is whose, and what is wrong with it.

#include <gtest/gtest.h>

#include "config.hh"

namespace qtfs::qtrun {

namespace {

std::string wrong_with(const std::string &text)
{
  const Result<Config, std::string> config = parse_config(text, "f");

  return config ? "nothing" : config.error();
}

} // namespace

TEST(QtrunConfig, SaysWhoseADirectoryIs)
{
  const auto config = parse_config("# text\n[Host]\nMount = /mnt/host/\nPath=/srv//a/./b; /c\n"
                                   "Path=/d;\n[Local]\nPath=/c/e\n",
                                   "f");

  ASSERT_TRUE(config);
  EXPECT_EQ(config->mount, "/mnt/host");
  EXPECT_EQ(config->places,
            (std::vector<Place>{
              {"/", false}, {"/c", true}, {"/c/e", false}, {"/d", true}, {"/srv/a/b", true}}));
  EXPECT_TRUE(config->programs.empty());
}

TEST(QtrunConfig, TheRootMayBeTheHosts)
{
  const auto config = parse_config("[Host]\nMount=/h\nPath=/\n", "f");

  ASSERT_TRUE(config);
  EXPECT_EQ(config->places, (std::vector<Place>{{"/", true}}));
}

TEST(QtrunConfig, SaysWhatTheHostExecutes)
{
  const auto config =
    parse_config("[Host]\nMount=/h\nProgram=/usr/sbin/runc;/usr//bin/crun\nProgram=/x\n", "f");

  ASSERT_TRUE(config);
  EXPECT_EQ(config->programs, (std::vector<std::string>{"/usr/sbin/runc", "/usr/bin/crun", "/x"}));
}

TEST(QtrunConfig, NamesTheLineOfAMistake)
{
  EXPECT_EQ(wrong_with("[Host]\nMount=/h\nPath=a\n"),
            R"(f:3: Path: "a" is not an absolute path without "..")");
  EXPECT_EQ(wrong_with("[Host]\nPath=/a/../b\n"),
            R"(f:2: Path: "/a/../b" is not an absolute path without "..")");
  EXPECT_EQ(wrong_with("[Host]\nPath=/a;/a\n"), "f:2: Path: /a is there twice");
  EXPECT_EQ(wrong_with("[Host]\nPath=/a\n[Local]\nPath=/a/\n"), "f:4: Path: /a is there twice");
  EXPECT_EQ(wrong_with("[Host]\nProgram=runc\n"),
            R"(f:2: Program: "runc" is not an absolute path without "..")");
  EXPECT_EQ(wrong_with("[Host]\nProgram=/a;/a\n"), "f:2: Program: /a is there twice");
  EXPECT_EQ(wrong_with("[Host]\nProgram=/\n"), "f:2: Program: / is no program");
  EXPECT_EQ(wrong_with("[Local]\nProgram=/a\n"), R"(f:2: there is no key "Program" in [Local])");
  EXPECT_EQ(wrong_with("[Host]\nMount=/\n"),
            R"(f:2: Mount: "/" is not the absolute path of a mount)");
  EXPECT_EQ(wrong_with("[Else]\n"),
            "f:1: there is no section [Else]: there are [Host] and [Local]");
  EXPECT_EQ(wrong_with("Path=/a\n"), "f:1: a key comes before the first section");
  EXPECT_EQ(wrong_with("[Host]\nx\n"), R"(f:2: "x" is neither a section nor KEY=VALUE)");
  EXPECT_EQ(wrong_with("[Host]\nPath=/a\n"),
            "f: no Mount in [Host]: where the host's root is mounted on this machine");
}

TEST(QtrunConfig, TheSampleIsGood)
{
  const auto config = load_config(QTFS_CONFIG "/qtrun.conf");

  EXPECT_TRUE(config) << config.error();
}

} // namespace qtfs::qtrun
