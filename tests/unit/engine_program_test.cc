// SPDX-License-Identifier: GPL-2.0
//
// qtfs-engine as it is run, as far as that goes without the module.

#include <cstdio>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_fixture.hh"
#include "whitelist.hh"

namespace qtfs::test {

namespace {

struct Ended {
  int status = -1;
  std::string said;
};

Ended run(const std::string &args, const std::string &prefix = {})
{
  const std::string command = prefix + " '" QTFS_ENGINE "' " + args + " 2>&1";
  Ended ended;
  FILE *output = ::popen(command.c_str(), "re");

  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output))
    ended.said += static_cast<char>(c);
  const int status = ::pclose(output);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

class Program : public testing::Test {
protected:
  std::string whitelist(const std::string &text)
  {
    std::string file = dir_ / "whitelist";

    std::ofstream(file) << text;
    return file;
  }

  static bool has_module() { return ::access("/dev/qtfs_server", F_OK) == 0; }

  TempDir dir_;
};

} // namespace

TEST_F(Program, NamesTheLineOfAMistake)
{
  const std::string file = whitelist("[Mount]\nPath=/srv\n\n[Opne]\n");
  const Ended ended = run("--whitelist " + file);

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find(file + ":4: unknown section \"Opne\""), std::string::npos)
    << ended.said;
}

TEST_F(Program, SaysWhatToDoWithoutAWhitelist)
{
  const Ended ended = run("--whitelist /nonexistent/file");

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find("/nonexistent/file: No such file"), std::string::npos) << ended.said;
  EXPECT_NE(ended.said.find("--whitelist"), std::string::npos) << ended.said;
}

TEST_F(Program, SaysWhatToDoWithoutTheModule)
{
  if (has_module())
    GTEST_SKIP() << "the module is loaded";
  const Ended ended = run("--whitelist " + whitelist("[Mount]\nPath=/srv\n"));

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find("is qtfs_server.ko loaded?"), std::string::npos) << ended.said;
}

TEST_F(Program, WantsRoot)
{
  if (::geteuid() != 0 || ::access("/usr/bin/setpriv", X_OK) != 0)
    GTEST_SKIP() << "needs root and setpriv";
  // Only where a user may execute what was built.
  const std::string as_user = "setpriv --reuid 65534 --regid 65534 --clear-groups";
  if (::system((as_user + " test -x '" QTFS_ENGINE "'").c_str()) != 0)
    GTEST_SKIP() << "the program can't be reached by other users";

  const Ended ended = run("--whitelist " + whitelist(""), as_user);
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find("must run as root"), std::string::npos) << ended.said;
}

TEST_F(Program, ExplainsItsOptions)
{
  EXPECT_EQ(run("--help").status, 0);
  EXPECT_EQ(run("--version").status, 0);
  EXPECT_EQ(run("--nonsense").status, 2);
}

TEST(SampleWhitelist, IsGood)
{
  const Result<Whitelist, Whitelist::Error> sample = Whitelist::load(QTFS_CONFIG "/whitelist/qtfs");

  ASSERT_TRUE(sample) << sample.error().text();
  EXPECT_TRUE(sample->allows(Section::Mount, "/srv/qtfs"));
  for (const char *path : {"/", "/etc", "/srv", "/proc", "/root"})
    for (std::size_t i = 0; i < section_count; i++)
      EXPECT_FALSE(sample->allows(static_cast<Section>(i), path)) << path;
}

} // namespace qtfs::test
