// SPDX-License-Identifier: GPL-2.0

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "proc_stat.hh"
#include "read_all.hh"
#include "thread_rights.hh"

namespace qtfs {

namespace {

std::string of_thread(std::string_view key)
{
  const std::string text = *read_file("/proc/thread-self/status");

  return std::string(proc_status_value(text, key).value_or(""));
}

} // namespace

TEST(ThreadRights, AreOfOneThread)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can be somebody else";
  const std::string uids = of_thread("Uid"), groups = of_thread("Groups"),
                    capabilities = of_thread("CapEff");

  std::thread([] {
    const std::vector<gid_t> others = {7, 8};
    const Capabilities before = *thread_capabilities();

    EXPECT_TRUE(before.permitted & capability(CAP_CHOWN));
    ASSERT_TRUE(set_thread_file_ids(5, 6, others));
    EXPECT_EQ(of_thread("Uid"), "0\t0\t0\t5");
    EXPECT_EQ(of_thread("Gid"), "0\t0\t0\t6");
    EXPECT_EQ(of_thread("Groups"), "7 8");
    EXPECT_FALSE(thread_capabilities()->effective & capability(CAP_CHOWN)) << "user 5 has none";
    ASSERT_TRUE(set_thread_capabilities({capability(CAP_CHOWN), before.permitted}));
    EXPECT_EQ(thread_capabilities()->effective, capability(CAP_CHOWN));
    EXPECT_FALSE(set_thread_groups(others)) << "without the capability";
    ASSERT_TRUE(set_thread_capabilities({0, capability(CAP_CHOWN)}));
    EXPECT_FALSE(set_thread_capabilities({capability(CAP_KILL), capability(CAP_CHOWN)}));
    EXPECT_FALSE(set_thread_file_ids(0, 0, {}));
  }).join();

  EXPECT_EQ(of_thread("Uid"), uids);
  EXPECT_EQ(of_thread("Groups"), groups);
  EXPECT_EQ(of_thread("CapEff"), capabilities);
}

} // namespace qtfs
