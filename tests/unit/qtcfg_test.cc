// SPDX-License-Identifier: GPL-2.0

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

#include "check.hh"
#include "options.hh"
#include "permissions.hh"

namespace qtfs::test {

using namespace qtcfg;

namespace {

Result<qtcfg::Options, int> parse(std::vector<const char *> args)
{
  args.insert(args.begin(), "qtcfg");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Result<qtcfg::Options, int> options =
    qtcfg::parse_options(static_cast<int>(args.size()), args.data());
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
  return options;
}

bool allowed(const char *text, const char *operation, const char *path)
{
  return judge(*WhitelistText::parse(text, "w"), *find_operation(operation), path).allowed();
}

} // namespace

TEST(QtcfgOptions, HistoricalFormsMeanCommands)
{
  const Result<qtcfg::Options, int> add = parse({"-w", "udsconnect", "-x", "/var/run/rexec"});
  ASSERT_TRUE(add);
  EXPECT_EQ(add->command, Command::Add);
  EXPECT_EQ(add->section, Section::Udsconnect);
  EXPECT_EQ(add->item, "/var/run/rexec");
  EXPECT_FALSE(add->save);

  const Result<qtcfg::Options, int> remove = parse({"-w", "open", "-y", "3", "--save"});
  ASSERT_TRUE(remove);
  EXPECT_EQ(remove->command, Command::Remove);
  EXPECT_EQ(remove->index, 3u);
  EXPECT_TRUE(remove->save);

  for (const std::vector<const char *> &args : std::vector<std::vector<const char *>>{
         {"-w", "read", "-z"}, {"-z", "-w", "read"}, {"-zread"}, {"list", "Read"}}) {
    const Result<qtcfg::Options, int> list = parse(args);
    ASSERT_TRUE(list);
    EXPECT_EQ(list->command, Command::List);
    EXPECT_EQ(list->section, Section::Read);
  }
  const Result<qtcfg::Options, int> all = parse({"-z"});
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->section);
}

TEST(QtcfgOptions, MistakesAreUsageErrors)
{
  for (const std::vector<const char *> &args :
       std::vector<std::vector<const char *>>{{},
                                              {"-x", "/a"},
                                              {"-w", "open"},
                                              {"-w", "opem", "-z"},
                                              {"-zopem"},
                                              {"-w", "open", "-x", "/a", "-y", "1"},
                                              {"-w", "open", "-y", "-1"},
                                              {"-w", "open", "-y", "x"},
                                              {"add", "open"},
                                              {"check", "fly", "/a"},
                                              {"nonsense"},
                                              {"list", "-w", "open", "-z"}}) {
    const Result<qtcfg::Options, int> options = parse(args);
    ASSERT_FALSE(options) << (args.empty() ? "" : args[0]);
    EXPECT_EQ(options.error(), 2);
  }
  EXPECT_EQ(parse({"--help"}).error(), 0);
}

TEST(QtcfgCheck, NeedsEachSection)
{
  EXPECT_TRUE(allowed("[Mount]\nPath=/\n[Open]\nPath=/a\n[Read]\nPath=/a\n", "read", "/a/b"));
  EXPECT_FALSE(allowed("[Mount]\nPath=/\n[Open]\nPath=/a\n[Read]\nPath=/b\n", "read", "/a/b"));
  EXPECT_FALSE(allowed("[Open]\nPath=/a\n[Read]\nPath=/a\n", "read", "/a/b"));
  EXPECT_FALSE(allowed("[Mount]\nPath=/\n[Open]\nPath=/a\n[Read]\nPath=/a\n", "write", "/a/b"));
  EXPECT_TRUE(allowed("[Mount]\nPath=/\n[Create]\nPath=/a\n", "LINK", "/a/b"));
  EXPECT_FALSE(allowed("[Mount]\nPath=/\n[Create]\nPath=/a\n[Link]\n", "link", "/a/b"));
  EXPECT_TRUE(allowed("[Kill]\nPath=qemu-kvm\n", "kill", "qemu-kvm"));
  EXPECT_EQ(find_operation("nothing"), nullptr);
}

TEST(QtcfgCheck, FollowsLinksAsAClientWould)
{
  namespace fs = std::filesystem;
  const fs::path dir = fs::canonical(testing::TempDir()) / ("qtcfg-" + std::to_string(::getpid()));

  fs::create_directories(dir / "in");
  std::ofstream(dir / "target") << "x";
  fs::create_symlink("../target", dir / "in/link");
  fs::create_symlink("in", dir / "dir");
  const std::string link = dir / "in/link";
  EXPECT_EQ(resolve(*find_operation("read"), link), (dir / "target").string());
  EXPECT_EQ(resolve(*find_operation("unlink"), link), link);
  EXPECT_EQ(resolve(*find_operation("mkdir"), dir / "dir/new/"), (dir / "in/new").string());
  EXPECT_EQ(resolve(*find_operation("create"), dir / "dir/../in/x"), (dir / "in/x").string());
  EXPECT_EQ(resolve(*find_operation("read"), "/"), "/");
  fs::remove_all(dir);
}

TEST(QtcfgPermissions, AreTheUsers)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root to become another";
  const Result<User, std::string> nobody = find_user("65534");
  ASSERT_TRUE(nobody);
  EXPECT_EQ(try_access(*nobody, *find_operation("read"), "/etc/shadow"), EACCES);
  EXPECT_EQ(try_access(*nobody, *find_operation("read"), "/etc/passwd"), 0);
  EXPECT_EQ(try_access(*nobody, *find_operation("write"), "/etc/passwd"), EACCES);
  EXPECT_EQ(try_access(*nobody, *find_operation("create"), "/etc/new"), EACCES);
  EXPECT_EQ(try_access(*nobody, *find_operation("create"), "/tmp/new"), 0);
  EXPECT_EQ(try_access(*nobody, *find_operation("setattr"), "/etc/passwd"), EPERM);
  EXPECT_EQ(try_access(*nobody, *find_operation("read"), "/nonexistent"), ENOENT);
  EXPECT_EQ(find_user("root")->uid, 0u);
  EXPECT_FALSE(find_user("no such user"));
}

} // namespace qtfs::test
