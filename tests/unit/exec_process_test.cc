// SPDX-License-Identifier: GPL-2.0
//
// PROCESS.  Signals to processes and groups are the module's to send: what is tested here
// is who the engine says may get them.

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

constexpr std::uint64_t cap_nice = std::uint64_t{1} << CAP_SYS_NICE;
constexpr std::uint64_t cap_resource = std::uint64_t{1} << CAP_SYS_RESOURCE;

class Process : public EngineTest {
protected:
  void SetUp() override
  {
    EngineTest::SetUp();
    if (IsSkipped())
      return;
    for (const std::string &program : {yes("sleep"), no("sleep")})
      std::filesystem::copy_file("/bin/sleep", program);
  }

  void TearDown() override
  {
    for (const pid_t pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

  // A process of that user that executes @program, in a group of its own or in @group.
  pid_t start(const std::string &program, uid_t uid = 0, pid_t group = 0)
  {
    const pid_t pid = ::fork();

    if (pid == 0) {
      if (::setpgid(0, group) == 0 && ::setresgid(uid, uid, uid) == 0 &&
          ::setresuid(uid, uid, uid) == 0)
        ::execl(program.c_str(), "sleep", "1000", nullptr);
      ::_exit(127);
    }
    children_.push_back(pid);
    const std::string exe = proc(pid) + "/exe";
    while (std::filesystem::read_symlink(exe) != program && ::kill(pid, 0) == 0)
      ::usleep(1000);
    return pid;
  }

  static std::string proc(pid_t pid) { return "/proc/" + std::to_string(pid); }

  static qtfs_process body(std::uint32_t what, std::uint32_t arg = 0)
  {
    qtfs_process process = {};

    process.what = le(what);
    process.arg = le(arg);
    return process;
  }

  FakeSlot &on(const std::string &path, const qtfs_process &process)
  {
    return slot_.request(QTFS_OP_PROCESS).node(path).body(process);
  }

  FakeSlot &kill(pid_t pid, std::uint32_t signal = SIGTERM)
  {
    return on(proc(pid), body(QTFS_PROCESS_KILL, signal));
  }

  FakeSlot &kill_group(pid_t group)
  {
    qtfs_process process = body(QTFS_PROCESS_KILL_GROUP, SIGTERM);

    process.group = le(static_cast<__u32>(group));
    return on("/proc", process);
  }

  std::uint32_t target() { return slot_.reply<qtfs_process_target>().pid; }

  std::vector<pid_t> children_;
};

} // namespace

TEST_F(Process, IsJudgedByItsProgram)
{
  const pid_t good = start(yes("sleep"));
  const pid_t bad = start(no("sleep"));

  kill(good);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(target(), static_cast<std::uint32_t>(good));
  EXPECT_GT(slot_.reply<qtfs_process_target>().start, 0u);
  EXPECT_NE(slot_.raw().state, std::uint32_t{QTFS_SLOT_EXECUTING}) << "nothing has begun";
  kill(bad);
  EXPECT_EQ(run(slot_), EACCES);
  kill(bad, 0);
  EXPECT_EQ(run(slot_), EACCES) << "questions, too";
  on(proc(bad), body(QTFS_PROCESS_GET_CPUS));
  EXPECT_EQ(run(slot_), EACCES);

  // What others may not look at is judged all the same.
  kill(good).caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
  kill(bad).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EACCES);

  std::filesystem::remove(yes("sleep"));
  kill(good);
  EXPECT_EQ(run(slot_), 0) << "a program that was replaced meanwhile";
}

TEST_F(Process, IsJudgedByItsName)
{
  const pid_t pid = start(no("sleep"));

  use_whitelist("[Kill]\nPath=sleep\n");
  kill(pid);
  EXPECT_EQ(run(slot_), 0);
  use_whitelist("[Kill]\nPath=slee\n");
  kill(pid);
  EXPECT_EQ(run(slot_), EACCES);
  use_whitelist(everything_but("Kill", "/"));
  kill(pid);
  EXPECT_EQ(run(slot_), EACCES) << "no section, no signals";
}

TEST_F(Process, IsNothingElse)
{
  const pid_t pid = start(yes("sleep"));

  for (const std::string &path :
       {yes(), yes("sleep"), std::string("/proc"), std::string("/proc/sys"), proc(pid) + "/task",
        proc(pid) + "/fd", std::string("/sys/kernel")}) {
    on(path, body(QTFS_PROCESS_KILL, SIGTERM));
    EXPECT_EQ(run(slot_), EINVAL) << path;
  }
  on(proc(pid), body(QTFS_PROCESS_KILL_THREAD, SIGTERM));
  EXPECT_EQ(run(slot_), EINVAL);

  // A path that looks like it.
  const int fd = ::open(yes().c_str(), O_PATH | O_CLOEXEC);
  slot_.request(QTFS_OP_PROCESS).node_fd(fd, proc(pid)).body(body(QTFS_PROCESS_KILL, SIGTERM));
  EXPECT_EQ(run(slot_), EINVAL);
  ::close(fd);
}

TEST_F(Process, IsNoOtherOneLater)
{
  const pid_t pid = start(yes("sleep"));
  const int fd = ::open(proc(pid).c_str(), O_PATH | O_CLOEXEC);

  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  children_.clear();
  slot_.request(QTFS_OP_PROCESS).node_fd(fd, proc(pid)).body(body(QTFS_PROCESS_KILL, SIGTERM));
  EXPECT_EQ(run(slot_), ESRCH);
  ::close(fd);
}

TEST_F(Process, GroupsAreJudgedWhole)
{
  const pid_t leader = start(yes("sleep"));

  start(yes("sleep"), 1000, leader);
  kill_group(leader);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(target(), static_cast<std::uint32_t>(leader));
  EXPECT_EQ(slot_.reply<qtfs_process_target>().start, 0u);
  start(no("sleep"), 0, leader);
  kill_group(leader);
  EXPECT_EQ(run(slot_), EACCES);
  kill_group(0x7ffffff0);
  EXPECT_EQ(run(slot_), ESRCH);
}

TEST_F(Process, ThreadsGetSignalsOfWhoMaySendThem)
{
  const pid_t pid = start(yes("sleep"), 1000);
  const std::string thread = proc(pid) + "/task/" + std::to_string(pid);
  int status = 0;

  on(thread, body(QTFS_PROCESS_KILL_THREAD, SIGTERM)).caller(1001, 1001);
  EXPECT_EQ(run(slot_), EPERM);
  on(thread, body(QTFS_PROCESS_KILL_THREAD, SIGTERM)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  children_.clear();
}

TEST_F(Process, ThreadsAreNotSignalledTwice)
{
  const pid_t pid = start(yes("sleep"));
  const std::string thread = proc(pid) + "/task/" + std::to_string(pid);

  on(thread, body(QTFS_PROCESS_KILL_THREAD, SIGCONT));
  EXPECT_EQ(run(slot_), 0);
  on(thread, body(QTFS_PROCESS_KILL_THREAD, SIGCONT)).resent();
  EXPECT_EQ(run(slot_), EIO);
  on(thread, body(QTFS_PROCESS_KILL_THREAD, 0)).resent();
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Process, ProcessorsAreSetByWhoMay)
{
  const pid_t pid = start(yes("sleep"), 1000);
  cpu_set_t one;
  int first = 0;

  ASSERT_EQ(::sched_getaffinity(pid, sizeof(one), &one), 0);
  while (!CPU_ISSET(first, &one))
    first++;
  qtfs_process process = body(QTFS_PROCESS_SET_CPUS);
  process.cpus[first / 8] = static_cast<__u8>(1 << first % 8);

  on(proc(pid), process).caller(1001, 1001);
  EXPECT_EQ(run(slot_), EPERM);
  on(proc(pid), process).caller(0, 0);
  EXPECT_EQ(run(slot_), EPERM) << "root without capabilities";
  on(proc(pid), process).caller(1001, 1001, {}, cap_nice);
  EXPECT_EQ(run(slot_), 0);
  on(proc(pid), process).caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
  ASSERT_EQ(::sched_getaffinity(pid, sizeof(one), &one), 0);
  EXPECT_EQ(CPU_COUNT(&one), 1);
  on(proc(pid), body(QTFS_PROCESS_GET_CPUS)).caller(1001, 1001);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(slot_.reply<qtfs_process_rep>().cpus[first / 8], 1 << first % 8);
  on(proc(pid), body(QTFS_PROCESS_SET_CPUS));
  EXPECT_EQ(run(slot_), EINVAL) << "none";
}

TEST_F(Process, LimitsAreSetByWhoMay)
{
  const pid_t pid = start(yes("sleep"), 1000);
  rlimit64 before;
  qtfs_process process = body(QTFS_PROCESS_SET_LIMIT, RLIMIT_NOFILE);

  ASSERT_EQ(::getrlimit64(RLIMIT_NOFILE, &before), 0);
  process.soft = le(__u64{100});
  process.hard = le(__u64{before.rlim_max});
  const auto told = [&] { return le(slot_.reply<qtfs_process_rep>().soft); };

  on(proc(pid), process).caller(1001, 1001);
  EXPECT_EQ(run(slot_), EPERM);
  on(proc(pid), body(QTFS_PROCESS_GET_LIMIT, RLIMIT_NOFILE)).caller(1001, 1001);
  EXPECT_EQ(run(slot_), EPERM);
  on(proc(pid), process).caller(1000, 1000);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(told(), before.rlim_cur);
  on(proc(pid), process).caller(1000, 1000).resent();
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(told(), before.rlim_cur) << "again, what it was before the first time";
  on(proc(pid), body(QTFS_PROCESS_GET_LIMIT, RLIMIT_NOFILE)).caller(1000, 1000);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(told(), 100u);

  process.hard = le(__u64{before.rlim_max + 1});
  on(proc(pid), process).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM) << "nobody raises his own";
  // Where root itself may, which it mayn't everywhere.
  if (rlimit64 now; ::prlimit64(pid, RLIMIT_NOFILE, nullptr, &now) == 0) {
    on(proc(pid), process).caller(1001, 1001, {}, cap_resource);
    EXPECT_EQ(run(slot_), 0);
  }
  on(proc(pid), body(QTFS_PROCESS_GET_LIMIT, 200)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EINVAL);
}

} // namespace qtfs::test
