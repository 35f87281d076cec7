// SPDX-License-Identifier: GPL-2.0
//
// What becomes of a call that the filter has stopped.

#ifndef QTFS_QTRUN_ANSWER_HH
#define QTFS_QTRUN_ANSWER_HH

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "fd.hh"
#include "task.hh"

namespace qtfs::qtrun {

struct Answer {
  bool here = false;      // made on this machine, by the kernel, as if there were no filter
  int error = 0;          // else: the errno,
  std::int64_t value = 0; // or without one what the call returns,
  Fd file = Fd();         // or the file that it opens,
  bool inherited = false; // without FD_CLOEXEC;
  int place = -1;         // or that takes this number, besides the value
};

// Nothing is granted by this: the kernel reads the arguments again and checks what it
// always checks.
inline Answer go_on()
{
  return {.here = true};
}

inline Answer fail(int error)
{
  return {.error = error};
}

inline Answer succeed(std::int64_t value = 0)
{
  return {.value = value};
}

// @error: an errno, or 0.
inline Answer answer_with(int error)
{
  return error ? fail(error) : succeed();
}

class NewMounts;

// What the answers are made with.
struct World {
  Fd control;          // /dev/qtfs
  Fd proc;             // /proc of this machine
  Fd host_proc;        // of the host; none: nothing is known of its processes
  ino_t space = 0;     // the mount namespace that the program was started in
  ino_t own_space = 0; // that of this process
  std::string group;   // the control group that the program was started in
  NewMounts *new_mounts = nullptr;
};

Answer answer_mount(const Task &task, const World &world);
Answer answer_umount(const Task &task, const World &world);

Answer answer_fsopen(const Task &task, const World &world);
Answer answer_fspick(const Task &task, const World &world);
Answer answer_fsconfig(const Task &task, const World &world);
Answer answer_open_tree(const Task &task, const World &world);
Answer answer_move_mount(const Task &task, const World &world);
Answer answer_mount_setattr(const Task &task, const World &world);

Answer answer_kill(const Task &task, const World &world);
Answer answer_tgkill(const Task &task, const World &world);
Answer answer_set_cpus(const Task &task, const World &world);
Answer answer_get_cpus(const Task &task, const World &world);
Answer answer_limit(const Task &task, const World &world);
Answer answer_pidfd_open(const Task &task, const World &world);
Answer answer_pidfd_signal(const Task &task, const World &world);

} // namespace qtfs::qtrun

#endif
