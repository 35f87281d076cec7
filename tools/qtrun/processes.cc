// SPDX-License-Identifier: GPL-2.0
//
// Calls about processes.  A number is one of this machine's processes if that one is the
// program's (kin.hh); any other number is the host's.

#include <algorithm>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "answer.hh"
#include "ctl.h"
#include "kin.hh"
#include "wire.h"

namespace qtfs::qtrun {

namespace {

// The numbers of a task in another pid namespace are of that one.
bool counts_otherwise(const Task &task, const World &world)
{
  const Fd space = task.open_in_proc("ns/pid", O_RDONLY);
  struct stat st;

  return !space || ::fstat(space.get(), &st) != 0 ||
         st.st_ino != space_of(world.proc.get(), "self/ns/pid");
}

// What programs ask most, and with the least to look at.  In a pid namespace of its own it may
// be wrong, but says what is right: the call is this machine's.
bool is_of_the_same_process(const Task &task, const World &world, pid_t thread)
{
  const std::string path = std::to_string(task.number()) + "/task/" + std::to_string(thread);

  return ::faccessat(world.proc.get(), path.c_str(), F_OK, 0) == 0;
}

// Whether a call about process @pid is this machine's.
bool is_here(const Task &task, const World &world, pid_t pid)
{
  return !world.host_proc || pid <= 0 || is_of_the_same_process(task, world, pid) ||
         counts_otherwise(task, world) || belongs(world, pid);
}

// As what kill(2) and the others may say.
Answer answer_of(int error)
{
  switch (error) {
  case 0:
    return succeed();
  case EACCES:
    return fail(EPERM);
  case ENOENT:
    return fail(ESRCH);
  default:
    return fail(error);
  }
}

// Asks the host about @target.
int ask(const World &world, int target, qtfs_ctl_process &args)
{
  args.target = target;
  return target >= 0 && ::ioctl(world.control.get(), QTFS_CTL_PROCESS, &args) == 0 ? 0 : errno;
}

// About what @path, relative to the host's /proc, is.
int ask_about(const Task &task, const World &world, const std::string &path, qtfs_ctl_process &args)
{
  const Disguise disguise(task, world.proc.get());

  if (!disguise)
    return EPERM;
  const Fd target(::openat(world.host_proc.get(), path.c_str(), O_PATH | O_CLOEXEC));
  if (!target)
    return errno;
  return task.waits() ? ask(world, target.get(), args) : EINTR;
}

qtfs_ctl_process wanted(std::uint32_t what, std::uint64_t arg = 0)
{
  qtfs_ctl_process args = {};

  args.what = what;
  args.arg = static_cast<std::uint32_t>(arg);
  return args;
}

pid_t pid_of(const Task &task, unsigned which)
{
  return static_cast<pid_t>(task.argument(which));
}

bool is_signal(std::uint64_t signal)
{
  return static_cast<std::uint32_t>(signal) <= QTFS_SIGNAL_MAX;
}

} // namespace

Answer answer_kill(const Task &task, const World &world)
{
  const pid_t pid = pid_of(task, 0);

  // 0 and -1 are whole sets, of this machine.
  if (!is_signal(task.argument(1)) || pid == 0 || pid == -1 || pid == INT32_MIN)
    return go_on();
  if (pid > 0) {
    qtfs_ctl_process args = wanted(QTFS_PROCESS_KILL, task.argument(1));

    if (is_here(task, world, pid))
      return go_on();
    return answer_of(ask_about(task, world, std::to_string(pid), args));
  }
  if (!world.host_proc || counts_otherwise(task, world) || group_belongs(world, -pid))
    return go_on();
  qtfs_ctl_process args = wanted(QTFS_PROCESS_KILL_GROUP, task.argument(1));
  args.group = static_cast<std::uint32_t>(-pid);
  return answer_of(ask_about(task, world, ".", args));
}

Answer answer_tgkill(const Task &task, const World &world)
{
  const pid_t pid = pid_of(task, 0);
  const pid_t thread = pid_of(task, 1);
  qtfs_ctl_process args = wanted(QTFS_PROCESS_KILL_THREAD, task.argument(2));

  if (!is_signal(task.argument(2)) || thread <= 0 || is_here(task, world, pid))
    return go_on();
  return answer_of(
    ask_about(task, world, std::to_string(pid) + "/task/" + std::to_string(thread), args));
}

Answer answer_set_cpus(const Task &task, const World &world)
{
  const pid_t pid = pid_of(task, 0);
  qtfs_ctl_process args = wanted(QTFS_PROCESS_SET_CPUS);

  if (is_here(task, world, pid))
    return go_on();
  const std::size_t size =
    std::min<std::uint64_t>(static_cast<std::uint32_t>(task.argument(1)), sizeof(args.cpus));
  const std::optional<std::string> mask = task.read(task.argument(2), size);
  if (!mask)
    return fail(EFAULT);
  std::copy(mask->begin(), mask->end(), args.cpus);
  return answer_of(ask_about(task, world, std::to_string(pid), args));
}

Answer answer_get_cpus(const Task &task, const World &world)
{
  const pid_t pid = pid_of(task, 0);
  const auto size = static_cast<std::uint32_t>(task.argument(1));
  qtfs_ctl_process args = wanted(QTFS_PROCESS_GET_CPUS);

  if (is_here(task, world, pid))
    return go_on();
  if (size % sizeof(long))
    return fail(EINVAL);
  if (const int error = ask_about(task, world, std::to_string(pid), args))
    return answer_of(error);
  const std::size_t n = std::min<std::size_t>(size, sizeof(args.cpus));
  if (std::any_of(args.cpus + n, std::end(args.cpus), [](auto byte) { return byte != 0; }))
    return fail(EINVAL);
  if (!task.write(task.argument(2), args.cpus, n))
    return fail(EFAULT);
  return succeed(static_cast<std::int64_t>(n));
}

Answer answer_limit(const Task &task, const World &world)
{
  const pid_t pid = pid_of(task, 0);
  const bool sets = task.argument(2) != 0;
  qtfs_ctl_process args =
    wanted(sets ? QTFS_PROCESS_SET_LIMIT : QTFS_PROCESS_GET_LIMIT, task.argument(1));
  rlimit64 limit;

  if (is_here(task, world, pid))
    return go_on();
  if (sets) {
    const std::optional<std::string> memory = task.read(task.argument(2), sizeof(limit));

    if (!memory)
      return fail(EFAULT);
    memory->copy(reinterpret_cast<char *>(&limit), sizeof(limit));
    args.soft = limit.rlim_cur;
    args.hard = limit.rlim_max;
  }
  if (const int error = ask_about(task, world, std::to_string(pid), args))
    return answer_of(error);
  limit = {args.soft, args.hard};
  if (task.argument(3) && !task.write(task.argument(3), &limit, sizeof(limit)))
    return fail(EFAULT);
  return succeed();
}

// A directory of the host's /proc stands for its process, as one of this machine's does for
// its own.  What it doesn't do is to tell poll(2) when the process ends.
Answer answer_pidfd_open(const Task &task, const World &world)
{
  const pid_t pid = pid_of(task, 0);

  if (is_here(task, world, pid))
    return go_on();
  if (task.argument(1))
    return fail(EINVAL);
  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  Fd file(::openat(world.host_proc.get(), std::to_string(pid).c_str(),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file ? Answer{.file = std::move(file)} : answer_of(errno);
}

Answer answer_pidfd_signal(const Task &task, const World &world)
{
  const Fd target =
    task.open_in_proc("fd/" + std::to_string(static_cast<int>(task.argument(0))), O_PATH);
  qtfs_ctl_process args = wanted(QTFS_PROCESS_KILL, task.argument(1));

  if (!target || !is_signal(task.argument(1)))
    return go_on();
  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  // What the host's process would be told of the sender can't be passed, nor is there a flag:
  // then nothing is sent, but it is found out whose process it is.
  const bool plain = !task.argument(2) && !task.argument(3);
  if (!plain)
    args.arg = 0;
  const int error = task.waits() ? ask(world, target.get(), args) : EINTR;
  if (error == EINVAL)
    return go_on(); // no process of the host
  return plain ? answer_of(error) : fail(EINVAL);
}

} // namespace qtfs::qtrun
