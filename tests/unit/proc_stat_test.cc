// SPDX-License-Identifier: GPL-2.0

#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.hh"
#include "proc_stat.hh"
#include "read_all.hh"

namespace qtfs {

namespace {

constexpr const char *rest =
  " 1 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 100 18446744073709551615";

std::string line(const std::string &name)
{
  return "42 (" + name + ") S 7 -8 1" + std::string(rest) + "\n";
}

} // namespace

TEST(ProcStat, OfWhateverName)
{
  for (const char *name : {"sh", "", "a b", ") R 1 1 (", "x\ny", "(sd-pam)", ")"}) {
    const std::optional<ProcStat> stat = parse_proc_stat(line(name));

    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->parent, 7);
    EXPECT_EQ(stat->group, -8);
    EXPECT_EQ(stat->start, 4711U);
  }
}

TEST(ProcStat, WhatIsCutShortIsNone)
{
  const std::string text = line("sh");
  const std::size_t whole = text.find(" 4711 ") + sizeof("4711");

  for (std::size_t size = 0; size <= whole; size++)
    EXPECT_FALSE(parse_proc_stat(std::string_view(text).substr(0, size))) << size;
  EXPECT_TRUE(parse_proc_stat(std::string_view(text).substr(0, whole + 1)));
  EXPECT_FALSE(parse_proc_stat("42 (sh) S x -8 1" + std::string(rest)));
  EXPECT_FALSE(parse_proc_stat("42 (sh) SS 7 -8 1" + std::string(rest)));
}

TEST(ProcStat, OfAProcess)
{
  const Fd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_NAME, ") X 1 1 (");
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, WUNTRACED), child);

  const std::optional<ProcStat> stat = read_proc_stat(proc.get(), std::to_string(child) + "/stat");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'T');
  EXPECT_EQ(stat->parent, ::getpid());
  EXPECT_EQ(stat->group, child);
  EXPECT_GE(stat->start, read_proc_stat(proc.get(), "self/stat")->start);
  EXPECT_FALSE(read_proc_stat(proc.get(), std::to_string(child) + "/stat"));
}

TEST(ProcStat, ValuesOfStatus)
{
  const std::string text =
    "Name:\tTgid: 5\nUmask:\t0022\nTgid:\t77\nGroups:\t1 2 \nEmpty:\t \nEnd:\tx";

  EXPECT_EQ(proc_status_value(text, "Tgid"), "77");
  EXPECT_EQ(proc_status_value(text, "Groups"), "1 2");
  EXPECT_EQ(proc_status_value(text, "Empty"), "");
  EXPECT_EQ(proc_status_value(text, "End"), "x");
  EXPECT_EQ(proc_status_value(text, "Tg"), std::nullopt);
  EXPECT_EQ(proc_status_value("", "Tgid"), std::nullopt);
  EXPECT_EQ(proc_status_value(*read_file("/proc/self/status"), "Tgid"), std::to_string(::getpid()));
}

} // namespace qtfs
