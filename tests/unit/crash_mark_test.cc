// SPDX-License-Identifier: GPL-2.0

#include <csignal>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_mark.hh"

namespace qtfs::engine {
namespace {

// A slot that a process and its child both have.
class CrashMarkTest : public testing::Test {
protected:
  CrashMarkTest()
      : slot_(static_cast<qtfs_slot *>(::mmap(nullptr, sizeof(qtfs_slot), PROT_READ | PROT_WRITE,
                                              MAP_SHARED | MAP_ANONYMOUS, -1, 0)))
  {
  }
  ~CrashMarkTest() override { ::munmap(slot_, sizeof(*slot_)); }

  // Runs @body in a child and returns the signal that it died of.
  static int death(const std::function<void()> &body)
  {
    const pid_t child = ::fork();
    int status = 0;

    if (child == 0) {
      if (!install_crash_mark())
        body();
      ::_exit(0);
    }
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  qtfs_slot *slot_;
};

TEST_F(CrashMarkTest, AFaultOfItsOwnIsMarked)
{
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    slot_->crashed = 0;
    EXPECT_EQ(death([&] {
                CrashMark mark;
                mark.serve(slot_);
                ::raise(signal);
              }),
              signal);
    EXPECT_EQ(slot_->crashed, 1U) << signal;
  }
}

TEST_F(CrashMarkTest, AbortIs)
{
  EXPECT_EQ(death([&] {
              CrashMark mark;
              mark.serve(slot_);
              std::abort();
            }),
            SIGABRT);
  EXPECT_EQ(slot_->crashed, 1U);
}

TEST_F(CrashMarkTest, AnotherProcessesSignalIsNot)
{
  EXPECT_EQ(death([&] {
              CrashMark mark;
              mark.serve(slot_);
              const pid_t killer = ::fork();
              if (killer == 0) {
                ::kill(::getppid(), SIGSEGV);
                ::_exit(0);
              }
              while (true)
                ::pause();
            }),
            SIGSEGV);
  EXPECT_EQ(slot_->crashed, 0U);
}

TEST_F(CrashMarkTest, NorIsOneBetweenRequests)
{
  EXPECT_EQ(death([&] {
              CrashMark mark;
              mark.serve(slot_);
              mark.serve(nullptr);
              std::abort();
            }),
            SIGABRT);
  EXPECT_EQ(slot_->crashed, 0U);
}

} // namespace
} // namespace qtfs::engine
