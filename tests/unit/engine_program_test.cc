// SPDX-License-Identifier: GPL-2.0
//
// qtfs-engine as it is run, as far as that goes without the module.

#include <fcntl.h>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "engine_fixture.hh"
#include "read_all.hh"
#include "whitelist.hh"

namespace qtfs::test {

namespace {

struct Ended {
  int status = -1;
  std::string said;
};

constexpr int not_executed = 126;

// As user @uid, who must be able to reach the program.
Ended run(std::vector<std::string> args, uid_t uid = ::geteuid())
{
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd output(ends[0]);
  Fd input(ends[1]);

  args.insert(args.begin(), QTFS_ENGINE);
  std::vector<char *> argv;
  argv.reserve(args.size() + 1);
  for (std::string &arg : args)
    argv.push_back(arg.data());
  argv.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(input.get(), STDOUT_FILENO);
    ::dup2(input.get(), STDERR_FILENO);
    if (uid == ::geteuid() || ::setresuid(uid, uid, uid) == 0)
      ::execv(argv[0], argv.data());
    ::_exit(not_executed);
  }
  input.reset();

  Ended ended;
  int status = 0;
  ended.said = *read_all(output.get());
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
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
  const Ended ended = run({"--whitelist", file});

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find(file + ":4: unknown section \"Opne\""), std::string::npos)
    << ended.said;
}

TEST_F(Program, SaysWhatToDoWithoutAWhitelist)
{
  const Ended ended = run({"--whitelist", "/nonexistent/file"});

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find("/nonexistent/file: No such file"), std::string::npos) << ended.said;
  EXPECT_NE(ended.said.find("--whitelist"), std::string::npos) << ended.said;
}

TEST_F(Program, SaysWhatToDoWithoutTheModule)
{
  if (has_module())
    GTEST_SKIP() << "the module is loaded";
  const Ended ended = run({"--whitelist", whitelist("[Mount]\nPath=/srv\n")});

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find("is qtfs_server.ko loaded?"), std::string::npos) << ended.said;
}

TEST_F(Program, WantsRoot)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root to become another";
  const Ended ended = run({"--whitelist", whitelist("")}, 65534);
  if (ended.status == not_executed)
    GTEST_SKIP() << "the program can't be reached by other users";

  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.said.find("must run as root"), std::string::npos) << ended.said;
}

TEST_F(Program, ExplainsItsOptions)
{
  EXPECT_EQ(run({"--help"}).status, 0);
  EXPECT_EQ(run({"--version"}).status, 0);
  EXPECT_EQ(run({"--nonsense"}).status, 2);
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
