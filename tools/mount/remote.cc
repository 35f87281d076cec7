// SPDX-License-Identifier: GPL-2.0

#include "remote.hh"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "ctl.h"
#include "fd.hh"
#include "mountinfo.hh"

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

bool is_below(const std::string &path, const std::string &directory)
{
  return directory == "/" || path == directory || path.starts_with(directory + "/");
}

// The mount that @path, which has no symbolic links, is on.
std::optional<MountInfo> mount_of(const std::vector<MountInfo> &mounts, const std::string &path)
{
  std::optional<MountInfo> found;

  for (const MountInfo &mount : mounts)
    if (is_below(path, mount.point) && (!found || mount.point.size() >= found->point.size()))
      found = mount;
  return found;
}

std::string joined(std::string directory, std::string_view rest)
{
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  if (rest.empty())
    return directory;
  if (!directory.ends_with('/'))
    directory += '/';
  return directory.append(rest);
}

std::string resolved(const std::string &path)
{
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);

  return real ? std::string(real.get()) : std::string();
}

// The directories in an option of an overlay as the server calls them.
std::string server_option(const std::string &option, const std::string &mounted)
{
  const std::size_t at = option.find('=');
  const std::string key = option.substr(0, at);

  if (at == std::string::npos || (key != "lowerdir" && key != "upperdir" && key != "workdir" &&
                                  key != "lowerdir+" && key != "datadir+"))
    return option;

  std::string text = key + "=";
  const std::string value = option.substr(at + 1);
  for (std::size_t from = 0; from <= value.size();) {
    std::size_t end = from;

    while (end < value.size() && (value[end] != ':' || key != "lowerdir"))
      end += value[end] == '\\' && end + 1 < value.size() ? 2 : 1;
    const std::string path = value.substr(from, end - from);
    text +=
      path.empty() || path.find('\\') != std::string::npos ? path : server_path(path, mounted);
    if (end < value.size())
      text += ':';
    from = end + 1;
  }
  return text;
}

} // namespace

std::string server_path(const std::string &path, const std::string &mounted)
{
  const std::string real = path.starts_with('/') ? resolved(path) : std::string();
  const std::vector<MountInfo> mounts = read_mountinfo();
  const std::optional<MountInfo> mine = mount_of(mounts, real);
  const std::optional<MountInfo> wanted = mount_of(mounts, resolved(mounted));

  if (real.empty() || !mine || !wanted || !mine->type.starts_with("qtfs") ||
      mine->device != wanted->device)
    return path;
  const std::string_view rest =
    std::string_view(real).substr(mine->point == "/" ? 0 : mine->point.size());
  return joined(joined(mine->source, mine->root), rest);
}

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
    name = server_path(source, directory);
  }
  for (const std::string &option : call.options)
    options += (options.empty() ? "" : ",") + server_option(option, directory);

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
