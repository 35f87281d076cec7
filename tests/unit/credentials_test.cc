// SPDX-License-Identifier: GPL-2.0

#include "credentials.hh"

#include <fcntl.h>
#include <fstream>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "engine_fixture.hh"
#include "proc_stat.hh"
#include "read_all.hh"

namespace qtfs::test {

namespace {

using engine::Caller;

// What the kernel thinks of the calling thread.
std::string status_of_thread(std::string_view key)
{
  const std::string text = *read_file("/proc/thread-self/status");

  return std::string(proc_status_value(text, key).value_or(""));
}

std::uint64_t effective()
{
  return std::stoull(status_of_thread("CapEff"), nullptr, 16);
}

std::uint64_t permitted()
{
  return std::stoull(status_of_thread("CapPrm"), nullptr, 16);
}

constexpr std::uint64_t bit(int cap)
{
  return std::uint64_t{1} << cap;
}

class CredentialsTest : public testing::Test {
protected:
  void SetUp() override
  {
    if (::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  // On a thread of its own.
  template <typename Body> void with_credentials(Body body)
  {
    std::thread thread([&] {
      Result<engine::Credentials> credentials = engine::Credentials::of_thread();

      ASSERT_TRUE(credentials);
      body(*credentials);
    });
    thread.join();
  }

  TempDir dir_;
};

} // namespace

TEST_F(CredentialsTest, TakesOnAllOfTheCaller)
{
  const std::vector<std::uint32_t> groups = {7, 8, 9000};

  with_credentials([&](engine::Credentials &credentials) {
    ASSERT_FALSE(
      credentials.assume({1000, 1001, bit(CAP_FOWNER) | bit(CAP_NET_ADMIN), 027, groups}));
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t1000");
    EXPECT_EQ(status_of_thread("Gid"), "0\t0\t0\t1001");
    EXPECT_EQ(status_of_thread("Groups"), "7 8 9000");
    EXPECT_EQ(status_of_thread("Umask"), "0027");
    EXPECT_EQ(effective(), bit(CAP_FOWNER)); // networks are no business of theirs
  });
}

TEST_F(CredentialsTest, ComesBackFromEveryone)
{
  with_credentials([](engine::Credentials &credentials) {
    const std::uint64_t all = permitted();
    const std::vector<std::uint32_t> many(1000, 5);

    ASSERT_FALSE(credentials.assume({1000, 1000, 0, 0, many}));
    EXPECT_EQ(effective(), 0u);
    ASSERT_FALSE(credentials.assume({2000, 2000, ~std::uint64_t{0}, 022, {}}));
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t2000");
    EXPECT_EQ(status_of_thread("Groups"), "");
    EXPECT_EQ(effective(), all & engine::Credentials::passable());
    ASSERT_FALSE(credentials.assume({0, 0, 0, 022, {}}));
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t0");
    EXPECT_EQ(effective(), 0u) << "user 0 without capabilities is a user like others";
    ASSERT_FALSE(credentials.assume({0, 0, ~std::uint64_t{0}, 022, {}}));
    EXPECT_EQ(effective(), all & engine::Credentials::passable());
    EXPECT_EQ(permitted(), all);
  });
}

TEST_F(CredentialsTest, IsTheCallerAsFarAsIsAskedForAndComesBack)
{
  using Real = engine::Credentials::Real;

  with_credentials([](engine::Credentials &credentials) {
    ASSERT_FALSE(credentials.assume({1000, 1001, bit(CAP_KILL), 0, {}}));
    ASSERT_FALSE(credentials.become(Real::Nobody));
    // A process of the caller's could signal this thread if the first or the third were 1000.
    EXPECT_EQ(status_of_thread("Uid"), "4294967293\t1000\t0\t1000");
    EXPECT_EQ(status_of_thread("Gid"), "4294967293\t1001\t0\t1001");
    EXPECT_EQ(effective(), bit(CAP_KILL));
    credentials.return_to_self();
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t0");
    EXPECT_EQ(status_of_thread("Gid"), "0\t0\t0\t0");

    ASSERT_FALSE(credentials.assume({1000, 1001, 0, 0, {}}));
    ASSERT_FALSE(credentials.become(Real::Caller));
    EXPECT_EQ(status_of_thread("Uid"), "1000\t1000\t0\t1000");
    EXPECT_EQ(status_of_thread("Gid"), "1001\t1001\t0\t1001");
    EXPECT_EQ(effective(), 0u);
    credentials.return_to_self();
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t0");
  });
}

// One thing at a time, so that nothing is taken to be as before.
TEST_F(CredentialsTest, NoticesEachChange)
{
  const std::vector<std::uint32_t> a = {1, 2};
  const std::vector<std::uint32_t> b = {1, 3};

  with_credentials([&](engine::Credentials &credentials) {
    ASSERT_FALSE(credentials.assume({1000, 1000, 0, 022, a}));
    ASSERT_FALSE(credentials.assume({1000, 1000, 0, 022, b}));
    EXPECT_EQ(status_of_thread("Groups"), "1 3");
    ASSERT_FALSE(credentials.assume({1000, 1002, 0, 022, b}));
    EXPECT_EQ(status_of_thread("Gid"), "0\t0\t0\t1002");
    ASSERT_FALSE(credentials.assume({1001, 1002, 0, 022, b}));
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t1001");
    ASSERT_FALSE(credentials.assume({1001, 1002, bit(CAP_CHOWN), 022, b}));
    EXPECT_EQ(effective(), bit(CAP_CHOWN));
    ASSERT_FALSE(credentials.assume({1001, 1002, bit(CAP_CHOWN), 077, b}));
    EXPECT_EQ(status_of_thread("Umask"), "0077");
    EXPECT_EQ(effective(), bit(CAP_CHOWN));
    EXPECT_EQ(status_of_thread("Groups"), "1 3");
  });
}

TEST_F(CredentialsTest, RefusesWhatIsNoId)
{
  with_credentials([](engine::Credentials &credentials) {
    EXPECT_EQ(credentials.assume({~0u, 0, 0, 022, {}}).value(), EPERM);
    EXPECT_EQ(credentials.assume({0, ~0u, 0, 022, {}}).value(), EPERM);
    // After a failure nothing is taken to be as before.
    ASSERT_FALSE(credentials.assume({1000, 1000, 0, 022, {}}));
    EXPECT_EQ(status_of_thread("Uid"), "0\t0\t0\t1000");
  });
}

TEST_F(CredentialsTest, FailsWhereItMayNotChange)
{
  std::thread thread([] {
    // As after dropping all capabilities.
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    ASSERT_EQ(::syscall(SYS_capset, &header, none), 0);

    Result<engine::Credentials> credentials = engine::Credentials::of_thread();
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->assume({1000, 1000, 0, 022, {}}).value(), EPERM);
    EXPECT_EQ(credentials->assume({1000, 1000, 0, 022, {}}).value(), EPERM) << "and stays failed";
  });
  thread.join();
}

TEST_F(CredentialsTest, LeavesOtherThreadsAlone)
{
  const std::string uid = status_of_thread("Uid");
  const std::string groups = status_of_thread("Groups");
  const std::string umask = status_of_thread("Umask");
  const std::uint64_t caps = effective();

  const std::vector<std::uint32_t> others = {4711};
  with_credentials([&](engine::Credentials &credentials) {
    ASSERT_FALSE(credentials.assume({1000, 1000, 0, 0111, others}));
    std::thread([] {}).join();
  });
  EXPECT_EQ(status_of_thread("Uid"), uid);
  EXPECT_EQ(status_of_thread("Groups"), groups);
  EXPECT_EQ(status_of_thread("Umask"), umask);
  EXPECT_EQ(effective(), caps);
}

TEST_F(CredentialsTest, DecideWhatTheKernelAllows)
{
  const std::string secret = dir_ / "secret";
  std::ofstream(secret) << "text";
  ::chmod(secret.c_str(), 0600);
  ASSERT_EQ(::chown(secret.c_str(), 4000, 4000), 0);
  const auto readable = [&] { return bool(Fd(::open(secret.c_str(), O_RDONLY | O_CLOEXEC))); };

  with_credentials([&](engine::Credentials &credentials) {
    ASSERT_FALSE(credentials.assume({1000, 1000, 0, 022, {}}));
    EXPECT_FALSE(readable());
    ASSERT_FALSE(credentials.assume({0, 0, 0, 022, {}}));
    EXPECT_FALSE(readable()) << "user 0 has no rights of its own";
    ASSERT_FALSE(credentials.assume({1000, 1000, bit(CAP_DAC_OVERRIDE), 022, {}}));
    EXPECT_TRUE(readable());
    ASSERT_FALSE(credentials.assume({4000, 1000, 0, 022, {}}));
    EXPECT_TRUE(readable());
  });
}

} // namespace qtfs::test
