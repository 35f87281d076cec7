// SPDX-License-Identifier: GPL-2.0
//
// mount(2) and umount2(2).  What concerns a directory of the host, and not one where
// something of this machine is mounted, is done on the host.

#include <algorithm>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "answer.hh"
#include "ctl.h"
#include "mountinfo.hh"
#include "namer.hh"
#include "read_all.hh"
#include "wire.h"

namespace qtfs::qtrun {

namespace {

// On the host, and not the root of a mount of this machine: a mount of the host is none here.
bool is_hosts(int fd, const std::vector<MountInfo> &mounts)
{
  struct statx st;

  return ::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
         !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT) && is_on_qtfs(fd, mounts);
}

std::uint64_t pointer(const std::string &text)
{
  return text.empty() ? 0 : reinterpret_cast<std::uintptr_t>(text.c_str());
}

std::vector<MountInfo> mounts_of(const Task &task)
{
  const Fd file = task.open_in_proc("mountinfo", O_RDONLY);
  const Result<std::string> text = file ? read_all(file.get()) : last_error();

  return text ? parse_mountinfo(*text) : std::vector<MountInfo>();
}

struct MountArguments {
  std::string source, target, type, options;
  unsigned long flags = 0;

  bool binds() const { return !(flags & MS_REMOUNT) && flags & (MS_BIND | MS_MOVE); }
};

// Nothing where the program's memory hasn't got it: the kernel will say so itself.  Data that
// is too long is cut off by the kernel as well.
std::optional<MountArguments> arguments_of(const Task &task)
{
  const auto text = [&](unsigned which, std::size_t max) {
    return task.argument(which) ? task.read_string(task.argument(which), max)
                                : std::optional<std::string>(std::in_place);
  };
  const auto source = text(0, QTFS_PATH_MAX);
  const auto target = text(1, QTFS_PATH_MAX);
  const auto type = text(2, QTFS_PATH_MAX);
  const auto options = text(4, QTFS_MOUNT_OPTIONS_MAX);

  if (!source || !target || !type || !options)
    return std::nullopt;
  return MountArguments{*source, *target, *type, *options,
                        static_cast<unsigned long>(task.argument(3))};
}

} // namespace

Answer answer_mount(const Task &task, const World &world)
{
  const std::optional<MountArguments> arguments = arguments_of(task);
  if (!arguments)
    return go_on();
  const std::vector<MountInfo> mounts = mounts_of(task);

  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  const Fd target(::open(arguments->target.c_str(), O_PATH | O_CLOEXEC));
  if (!target || !is_hosts(target.get(), mounts))
    return go_on();

  Fd source;
  std::string name = arguments->source, options = arguments->options;
  if (arguments->binds()) {
    source.reset(::open(name.c_str(), O_PATH | O_CLOEXEC));
    if (!source)
      return fail(errno);
    name.clear();
  } else {
    const mount::Namer namer(mounts, arguments->target);

    name = namer.server_path(name);
    options = namer.server_options(options);
  }
  if (!task.waits())
    return fail(EINTR);

  qtfs_ctl_mount args = {};
  args.target = target.get();
  args.source = source.get();
  args.flags = arguments->flags;
  args.name = pointer(name);
  args.type = arguments->binds() ? 0 : pointer(arguments->type);
  args.options = pointer(options);
  return ::ioctl(world.control.get(), QTFS_CTL_MOUNT, &args) == 0 ? succeed() : fail(errno);
}

Answer answer_umount(const Task &task, const World &world)
{
  const std::optional<std::string> path = task.read_string(task.argument(0), QTFS_PATH_MAX);
  if (!path)
    return go_on();
  const std::vector<MountInfo> mounts = mounts_of(task);

  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  const auto flags = static_cast<std::uint32_t>(task.argument(1));
  const int follow = flags & UMOUNT_NOFOLLOW ? O_NOFOLLOW : 0;
  const Fd target(::open(path->c_str(), O_PATH | O_CLOEXEC | follow));
  if (!target || !is_hosts(target.get(), mounts))
    return go_on();
  if (!task.waits())
    return fail(EINTR);

  qtfs_ctl_umount args = {target.get(), flags};
  return ::ioctl(world.control.get(), QTFS_CTL_UMOUNT, &args) == 0 ? succeed() : fail(errno);
}

} // namespace qtfs::qtrun
