// SPDX-License-Identifier: GPL-2.0

#include "crash_mark.hh"

#include <atomic>
#include <csignal>
#include <unistd.h>

#include "result.hh"

namespace qtfs::engine {

namespace {

constinit thread_local std::atomic<qtfs_slot *> serving = nullptr;

// A signal of the processor's, or abort(3).
bool is_own_fault(const siginfo_t &info)
{
  return info.si_code > 0 || info.si_pid == ::getpid();
}

// Nothing but what is allowed in a handler; then the signal does what it does by default.
void on_fault(int signal, siginfo_t *info, void *)
{
  qtfs_slot *const slot = serving.load(std::memory_order_relaxed);

  if (slot && is_own_fault(*info))
    std::atomic_ref<__u32>(slot->crashed).store(1, std::memory_order_release);
  ::raise(signal);
}

} // namespace

std::error_code install_crash_mark()
{
  struct sigaction action = {};

  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    if (::sigaction(signal, &action, nullptr) != 0)
      return last_error();
  return {};
}

CrashMark::CrashMark()
{
  stack_t stack = {};

  stack.ss_sp = stack_.data();
  stack.ss_size = stack_.size();
  // Without it a stack at its end goes unmarked, and that is all.
  ::sigaltstack(&stack, nullptr);
}

CrashMark::~CrashMark()
{
  stack_t stack = {};

  serve(nullptr);
  stack.ss_flags = SS_DISABLE;
  ::sigaltstack(&stack, nullptr);
}

void CrashMark::serve(qtfs_slot *slot)
{
  serving.store(slot, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

} // namespace qtfs::engine
