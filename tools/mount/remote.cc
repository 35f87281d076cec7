// SPDX-License-Identifier: GPL-2.0

#include "remote.hh"

#include <cstdint>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "ctl.h"
#include "fd.hh"
#include "mountinfo.hh"
#include "namer.hh"

namespace qtfs::mount {

namespace {

std::error_code ask(unsigned long request, void *argument)
{
  const Fd control(::open(QTFS_CTL_DEV, O_RDWR | O_CLOEXEC));

  if (!control || ::ioctl(control.get(), request, argument) != 0)
    return last_error();
  return {};
}

std::uint64_t pointer(const std::string &text)
{
  return text.empty() ? 0 : reinterpret_cast<std::uintptr_t>(text.c_str());
}

} // namespace

std::error_code mount_remotely(const std::string &source, const std::string &directory,
                               const MountCall &call)
{
  const Fd target(::open(directory.c_str(), O_PATH | O_CLOEXEC));
  if (!target)
    return last_error();
  Fd bound;
  std::string name, options;
  if (call.binds()) {
    bound.reset(::open(source.c_str(), O_PATH | O_CLOEXEC));
    if (!bound)
      return last_error();
  } else {
    const Namer namer(read_mountinfo(), directory);

    name = namer.server_path(source);
    for (const std::string &option : call.options)
      options += (options.empty() ? "" : ",") + namer.server_option(option);
  }

  qtfs_ctl_mount args = {};
  args.target = target.get();
  args.source = bound.get();
  args.flags = call.flags;
  args.name = pointer(name);
  args.type = pointer(call.type);
  args.options = pointer(options);
  return ask(QTFS_CTL_MOUNT, &args);
}

std::error_code unmount_remotely(const UmountLine &line)
{
  const Fd target(::open(line.directory.c_str(), O_PATH | O_CLOEXEC));
  qtfs_ctl_umount args = {};

  if (!target)
    return last_error();
  args.target = target.get();
  if (line.lazy)
    args.flags |= MNT_DETACH;
  if (line.force)
    args.flags |= MNT_FORCE;
  return ask(QTFS_CTL_UMOUNT, &args);
}

} // namespace qtfs::mount
