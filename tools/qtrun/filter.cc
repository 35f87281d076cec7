// SPDX-License-Identifier: GPL-2.0

#include "filter.hh"

#include <array>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <memory>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

// Newer than the headers may be.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace qtfs::qtrun {

namespace {

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

// 0 in the first argument means the caller itself, which is nobody else's business.
constexpr std::array about_processes = {
  SCMP_SYS(kill),
  SCMP_SYS(sched_setaffinity),
  SCMP_SYS(sched_getaffinity),
  SCMP_SYS(prlimit64),
};

constexpr std::array others = {
  SCMP_SYS(mount),         SCMP_SYS(umount2),           SCMP_SYS(tgkill),
  SCMP_SYS(pidfd_open),    SCMP_SYS(pidfd_send_signal), SCMP_SYS(fsopen),
  SCMP_SYS(fspick),        SCMP_SYS(fsconfig),          SCMP_SYS(move_mount),
  SCMP_SYS(mount_setattr),
};

// The filter as the kernel takes it.
Result<std::vector<sock_filter>> make_program()
{
  const Filter filter(::seccomp_init(SCMP_ACT_ALLOW), &::seccomp_release);
  int error = filter ? 0 : -ENOMEM;

  // It's no barrier: system calls of another architecture are made here, as all that
  // isn't known.
  if (!error)
    error = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  const scmp_arg_cmp of_another = {0, SCMP_CMP_NE, 0, 0};
  for (const int call : about_processes)
    if (!error)
      error = ::seccomp_rule_add_array(filter.get(), SCMP_ACT_NOTIFY, call, 1, &of_another);
  for (const int call : others)
    if (!error)
      error = ::seccomp_rule_add(filter.get(), SCMP_ACT_NOTIFY, call, 0);
  // Without it, this is open(2) with O_PATH.
  const scmp_arg_cmp clones = {2, SCMP_CMP_MASKED_EQ, OPEN_TREE_CLONE, OPEN_TREE_CLONE};
  if (!error)
    error =
      ::seccomp_rule_add_array(filter.get(), SCMP_ACT_NOTIFY, SCMP_SYS(open_tree), 1, &clones);

  const Fd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!error && !file)
    return last_error();
  if (!error)
    error = ::seccomp_export_bpf(filter.get(), file.get());
  if (error)
    return errno_code(-error);

  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), program.size() * sizeof(sock_filter), 0) != size)
    return last_error();
  return program;
}

} // namespace

Result<Fd> install_filter()
{
  Result<std::vector<sock_filter>> program = make_program();
  if (!program)
    return program.error();

  const sock_fprog prog = {static_cast<unsigned short>(program->size()), program->data()};
  // Without WAIT_KILLABLE_RECV (before Linux 5.19) a signal makes the kernel begin a call
  // again that is being carried out.
  constexpr unsigned long wanted = SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                   SECCOMP_FILTER_FLAG_SPEC_ALLOW |
                                   SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  for (const unsigned long flags : {wanted, wanted & ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV}) {
    const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

    if (fd >= 0)
      return Fd(static_cast<int>(fd));
    if (errno != EINVAL)
      break;
  }
  return last_error();
}

} // namespace qtfs::qtrun
