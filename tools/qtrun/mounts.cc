// SPDX-License-Identifier: GPL-2.0
//
// mount(2) and umount2(2).  What concerns a directory of the host, and not one where
// something of this machine is mounted, is done on the host.

#include <fcntl.h>
#include <sys/mount.h>

#include "host.hh"
#include "namer.hh"
#include "wire.h"

namespace qtfs::qtrun {

namespace {

struct MountArguments {
  std::string source, target, type, options;
  std::uint32_t flags = 0;

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
  return MountArguments{*source, *target, *type, *options, task.flags(3)};
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

  return answer_with(mount_on_host(world, {.target = target.get(),
                                           .source = source.get(),
                                           .flags = arguments->flags,
                                           .name = name,
                                           .type = arguments->binds() ? "" : arguments->type,
                                           .options = options}));
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
  const auto flags = task.flags(1);
  const int follow = flags & UMOUNT_NOFOLLOW ? O_NOFOLLOW : 0;
  const Fd target(::open(path->c_str(), O_PATH | O_CLOEXEC | follow));
  if (!target || !is_hosts(target.get(), mounts))
    return go_on();
  if (!task.waits())
    return fail(EINTR);
  return answer_with(unmount_on_host(world, target.get(), flags));
}

} // namespace qtfs::qtrun
