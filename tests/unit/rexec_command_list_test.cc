// SPDX-License-Identifier: GPL-2.0
//
// The whitelist of rexec_server.

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "command_list.hh"
#include "temp_dir.hh"

namespace qtfs::rexec {

namespace {

using Verdict = CommandList::Verdict;

CommandList list_of(const std::string &text)
{
  Result<CommandList, std::string> list = CommandList::parse(text, "list");

  EXPECT_TRUE(list) << list.error();
  return list ? std::move(*list) : CommandList();
}

std::string wrong_with(const std::string &text)
{
  const Result<CommandList, std::string> list = CommandList::parse(text, "list");

  return list ? "" : list.error();
}

Verdict judge(const std::string &text, const std::string &path,
              const std::vector<std::string> &arguments)
{
  std::vector<std::string> argv = arguments;

  argv.insert(argv.begin(), path);
  return list_of(text).judge(path, argv);
}

} // namespace

TEST(CommandList, AllowsWhatIsListedAndNothingElse)
{
  EXPECT_EQ(judge("/opt/a\n", "/opt/a", {}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a\n", "/opt/a", {"-x", "y"}), Verdict::Allowed);
  EXPECT_EQ(judge("# comment\n\n  /opt/a  \r\n/opt/b", "/opt/b", {}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a\n", "/opt/ab", {}), Verdict::Unlisted);
  EXPECT_EQ(judge("/opt/a\n", "/opt/a/b", {}), Verdict::Unlisted);
  EXPECT_EQ(judge("", "/opt/a", {}), Verdict::Unlisted);
}

TEST(CommandList, ComparesArgumentsOneByOne)
{
  const std::string list = "/opt/ctl status *\n/opt/ctl show --all\n";

  EXPECT_EQ(judge(list, "/opt/ctl", {"status", "x"}), Verdict::Allowed);
  EXPECT_EQ(judge(list, "/opt/ctl", {"status", "/any/../thing"}), Verdict::Allowed);
  EXPECT_EQ(judge(list, "/opt/ctl", {"show", "--all"}), Verdict::Allowed);
  EXPECT_EQ(judge(list, "/opt/ctl", {"status"}), Verdict::Arguments);
  EXPECT_EQ(judge(list, "/opt/ctl", {"status", "x", "y"}), Verdict::Arguments);
  EXPECT_EQ(judge(list, "/opt/ctl", {"status x"}), Verdict::Arguments);
  EXPECT_EQ(judge(list, "/opt/ctl", {}), Verdict::Arguments);
  EXPECT_EQ(judge(list, "/opt/ctl", {"stop", "x"}), Verdict::Arguments);
}

TEST(CommandList, KnowsNoneAndAnyFurtherArguments)
{
  EXPECT_EQ(judge("/opt/a \"\"", "/opt/a", {}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a ''", "/opt/a", {"x"}), Verdict::Arguments);
  EXPECT_EQ(judge("/opt/a -q ...", "/opt/a", {"-q"}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a -q ...", "/opt/a", {"-q", "x", "y"}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a -q ...", "/opt/a", {"x"}), Verdict::Arguments);
}

TEST(CommandList, PatternsDontLeaveADirectory)
{
  const std::string list = "/opt/rm /srv/tmp/*";

  EXPECT_EQ(judge(list, "/opt/rm", {"/srv/tmp/x"}), Verdict::Allowed);
  EXPECT_EQ(judge(list, "/opt/rm", {"/srv/tmp/x/y"}), Verdict::Arguments);
  EXPECT_EQ(judge(list, "/opt/rm", {"/srv/tmp/.."}), Verdict::Arguments);
  EXPECT_EQ(judge(list, "/opt/rm", {"/srv/tmp/../../etc"}), Verdict::Arguments);
}

TEST(CommandList, QuotesAsAShell)
{
  EXPECT_EQ(judge("'/opt/a b' \"c d\" e\\ f", "/opt/a b", {"c d", "e f"}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a '*'", "/opt/a", {"*"}), Verdict::Allowed);
  EXPECT_EQ(judge("/opt/a '*'", "/opt/a", {"x"}), Verdict::Arguments);
  EXPECT_EQ(judge("/opt/a \\*", "/opt/a", {"x"}), Verdict::Arguments);
}

TEST(CommandList, NamesTheLineOfAMistake)
{
  EXPECT_NE(wrong_with("/opt/a\n\n/opt/b 'x\n").find("list:3: "), std::string::npos);
  EXPECT_NE(wrong_with("opt/a").find("list:1: "), std::string::npos);
  EXPECT_NE(wrong_with("/opt/a*").find("no patterns"), std::string::npos);
  EXPECT_NE(wrong_with("@evn X").find("@evn"), std::string::npos);
  EXPECT_NE(wrong_with("@env").find("list:1: "), std::string::npos);
  EXPECT_NE(wrong_with("@env A=b").find("A=b"), std::string::npos);
  EXPECT_NE(wrong_with("@env A*B").find("A*B"), std::string::npos);
  EXPECT_NE(wrong_with(std::string("/opt\0/a", 7)).find("NUL"), std::string::npos);
  EXPECT_NE(wrong_with("/opt/a \\"), "");
  const Result<CommandList, std::string> missing = CommandList::load("/nonexistent/list");
  EXPECT_FALSE(missing);
  EXPECT_NE(missing.error().find("/nonexistent/list: No such file"), std::string::npos);
}

TEST(CommandList, ResolvesWhatItNames)
{
  const test::TempDir dir;
  const std::string real = std::filesystem::canonical("/bin/sh");

  // A bare name is looked for as a command is.
  EXPECT_EQ(list_of("sh").judge(real, {"sh"}), Verdict::Allowed);
  std::filesystem::create_symlink("/bin", dir / "bin");
  EXPECT_EQ(list_of(std::string(dir / "bin") + "/sh").judge(real, {"sh"}), Verdict::Allowed);
  EXPECT_EQ(list_of("/nonexistent/x").warnings().size(), 1U);
}

// Of a program with many names only the one that is listed is allowed.
TEST(CommandList, AnotherNameIsAllowedByThatNameOnly)
{
  const test::TempDir dir;
  const std::string box = std::filesystem::canonical(dir / ".").string() + "/box";
  std::ofstream(box) << "#!/bin/sh\n";
  std::filesystem::permissions(box, std::filesystem::perms::owner_all);
  std::filesystem::create_symlink("box", dir / "wget");
  const CommandList list = list_of(dir / "wget");

  EXPECT_EQ(list.judge(box, {"/usr/bin/wget", "x"}), Verdict::Allowed);
  EXPECT_EQ(list.judge(box, {"wget"}), Verdict::Allowed);
  EXPECT_EQ(list.judge(box, {"sh"}), Verdict::Unlisted);
  EXPECT_EQ(list.judge(box, {box, "sh"}), Verdict::Unlisted);
}

TEST(CommandList, PassesHarmlessVariablesOnly)
{
  const CommandList list = list_of("");

  EXPECT_TRUE(list.passes("LANG=C.UTF-8"));
  EXPECT_TRUE(list.passes("LC_ALL=de_DE"));
  EXPECT_TRUE(list.passes("TERM=xterm"));
  EXPECT_FALSE(list.passes("TERM=/tmp/x"));
  EXPECT_FALSE(list.passes("LANG=../../x"));
  EXPECT_FALSE(list.passes("HOME=/root"));
  EXPECT_FALSE(list.passes("PATH=/tmp"));
  EXPECT_FALSE(list.passes("LD_PRELOAD=x"));
  EXPECT_FALSE(list.passes("FOO=x"));
  EXPECT_FALSE(list.passes("=x"));
  EXPECT_FALSE(list.passes("LANG"));
}

TEST(CommandList, PassesWhatItNames)
{
  const CommandList list = list_of("@env FOO BAR_* \n@env PATH");

  EXPECT_TRUE(list.passes("FOO=/x"));
  EXPECT_TRUE(list.passes("BAR_X=1"));
  EXPECT_TRUE(list.passes("PATH=/bin"));
  EXPECT_FALSE(list.passes("FOOD=1"));
}

TEST(CommandList, AllVariablesDontMeanTheLoaders)
{
  const CommandList all = list_of("@env *");

  EXPECT_TRUE(all.passes("ANY=/x"));
  for (const char *name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "GCONV_PATH", "BASH_ENV", "ENV",
                           "BASH_FUNC_ls%%", "GLIBC_TUNABLES"})
    EXPECT_FALSE(all.passes(std::string(name) + "=x")) << name;
  EXPECT_TRUE(list_of("@env LD_PRELOAD").passes("LD_PRELOAD=x"));
  EXPECT_FALSE(list_of("@env LD_PRELOAD").passes("LD_AUDIT=x"));
  EXPECT_TRUE(list_of("@env LD_*").passes("LD_AUDIT=x"));
  EXPECT_FALSE(list_of("@env L*").passes("LD_AUDIT=x"));
}

TEST(CommandList, TheSampleIsGood)
{
  const Result<CommandList, std::string> sample = CommandList::load(QTFS_CONFIG "/whitelist/rexec");

  ASSERT_TRUE(sample) << sample.error();
  EXPECT_EQ(sample->judge("/usr/bin/bash", {"bash"}), Verdict::Unlisted);
  EXPECT_FALSE(sample->passes("LD_PRELOAD=x"));
}

} // namespace qtfs::rexec
