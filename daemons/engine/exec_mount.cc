// SPDX-License-Identifier: GPL-2.0
//
// MOUNT and UMOUNT: mount(2) and umount2(2) on this machine.
//
// The mount point is a name in a directory that the module has pinned, and what is
// bound or moved is a descriptor; the kernel gets both as such.  A device is a path, and
// has to stay one, as it is what people see in the list of mounts: so the file system is
// made first, its device compared with the one that the policy allowed, and only then
// put in its place.
//
// What was there before tells the next engine, if this one dies, whether the mount had
// come or gone: the number of the mount on top of the mount point.

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>

#include "call.hh"
#include "mount_flags.hh"
#include "mount_options.hh"
#include "mount_types.hh"

namespace qtfs::engine {

namespace {

struct Request {
  std::uint32_t flags = 0;
  std::uint32_t change = 0;
  std::string type;
  std::string options;
};

bool may_mount(const Call &call)
{
  return call.slot.caller().caps & std::uint64_t{1} << CAP_SYS_ADMIN;
}

// The number of the mount that @name in @directory is on; where @name is empty, that
// of the directory itself.
Result<std::uint64_t> mount_number(int directory, const char *name)
{
  struct statx stat;
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;

  if (::statx(directory, name, flags, STATX_MNT_ID, &stat) != 0)
    return last_error();
  if (!(stat.stx_mask & STATX_MNT_ID))
    return errno_code(EOPNOTSUPP);
  return std::uint64_t{stat.stx_mnt_id};
}

std::optional<Request> request_of(const Call &call)
{
  const auto &body = call.slot.body<qtfs_mount>();
  const std::span<const std::byte> data = call.slot.data();
  Request request;

  request.flags = le(body.flags);
  request.change = le(body.change);
  request.type = reinterpret_cast<const char *>(body.type); // has its NUL: frame.h
  request.options.assign(reinterpret_cast<const char *>(data.data()), data.size());
  if (data.size() > QTFS_MOUNT_OPTIONS_MAX || request.options.find('\0') != std::string::npos)
    return std::nullopt;
  return request;
}

bool leads_elsewhere(const std::string &options)
{
  const std::vector<std::string> list = split_options(options);

  return std::ranges::any_of(list, option_leads_elsewhere);
}

int simple_mount(const char *source, int target, const Request &request, const std::string &options)
{
  return status_of(::mount(source, ProcPath(target).c_str(), request.type.c_str(), request.flags,
                           options.empty() ? nullptr : options.c_str()));
}

// Of the file system's own flags, tells those of @change.
int set_flags(int context, std::uint32_t flags, std::uint32_t change)
{
  struct Key {
    std::uint32_t flag;
    const char *on, *off; // no off: the kernel has no word for it
  };
  static constexpr Key table[] = {
    {MS_RDONLY, "ro", "rw"},
    {MS_SYNCHRONOUS, "sync", "async"},
    {MS_DIRSYNC, "dirsync", nullptr},
    {MS_LAZYTIME, "lazytime", "nolazytime"},
  };

  for (const Key &key : table) {
    if (!(change & key.flag))
      continue;
    const char *word = flags & key.flag ? key.on : key.off;
    if (!word)
      return EINVAL;
    if (::fsconfig(context, FSCONFIG_SET_FLAG, word, nullptr, 0) != 0)
      return errno;
  }
  return 0;
}

int set_options(int context, const std::string &options)
{
  for (const std::string &option : split_options(options)) {
    const std::size_t at = option.find('=');
    const bool flag = at == std::string::npos;
    const std::string key = option.substr(0, at);
    const std::string value = flag ? std::string() : option.substr(at + 1);

    if (::fsconfig(context, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key.c_str(),
                   flag ? nullptr : value.c_str(), 0) != 0)
      return errno;
  }
  return 0;
}

int configure(int context, const std::string &source, const Request &request)
{
  if (::fsconfig(context, FSCONFIG_SET_STRING, "source", source.c_str(), 0) != 0)
    return errno;
  if (const int status = set_flags(context, request.flags, request.flags))
    return status;
  if (const int status = set_options(context, request.options))
    return status;
  return status_of(::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
}

// Changes some flags of the mount that is there, or of the tree below it.
int change_mount(int target, const Request &request)
{
  const unsigned recursive = request.flags & MS_REC ? AT_RECURSIVE : 0;
  mount_attr attributes = {};

  attributes.attr_set = attributes_of_flags(request.flags & request.change);
  attributes.attr_clr = attributes_of_flags(request.change);
  if (request.change & access_times) {
    attributes.attr_set |= access_time_of_flags(request.flags);
    attributes.attr_clr |= MOUNT_ATTR__ATIME;
  }
  return status_of(
    ::mount_setattr(target, "", AT_EMPTY_PATH | recursive, &attributes, sizeof(attributes)));
}

// Changes the file system that is there, and nothing of its mount.
int change_file_system(int target, const Request &request)
{
  const Fd context(::fspick(target, "", FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH));

  if (!context)
    return errno;
  if (const int status = set_flags(context.get(), request.flags, request.change))
    return status;
  if (const int status = set_options(context.get(), request.options))
    return status;
  return status_of(::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0));
}

// Changes the mount that is there.
int change(Call &call, int target, const Request &request)
{
  if (leads_elsewhere(request.options))
    return EACCES;
  call.begin();
  if (!request.change)
    return simple_mount("none", target, request, request.options);
  return request.flags & MS_BIND ? change_mount(target, request)
                                 : change_file_system(target, request);
}

// Puts what is at node2 there as well, or there instead.
int bind_or_move(Call &call, int target, const Request &request, std::uint64_t before)
{
  if (call.slot.node2() < 0)
    return EINVAL;
  if (!call.judge.allows(Section::Remotemount, call.slot.path(1)))
    return EACCES;
  call.begin({}, {}, before);
  return simple_mount(ProcPath(call.slot.node2()).c_str(), target, request, {});
}

// Whether the file system of @mount is that of @device; where it has a number of its own
// (btrfs), whether the path still leads to the device.
bool is_on(int mount, dev_t device, const std::string &path)
{
  struct stat st;

  if (::fstat(mount, &st) == 0 && st.st_dev == device)
    return true;
  return major(st.st_dev) == 0 && ::lstat(path.c_str(), &st) == 0 && S_ISBLK(st.st_mode) &&
         st.st_rdev == device;
}

int mount_device(Call &call, int target, const Request &request, std::uint64_t before)
{
  if (leads_elsewhere(request.options))
    return EACCES;
  if (!call.slot.name(1).starts_with('/'))
    return call.slot.name(1).empty() ? EINVAL : ENOENT;
  const Fd device = open_path(call.slot.name(1));
  struct stat st;
  if (!device || ::fstat(device.get(), &st) != 0)
    return errno;
  const std::string path = place_of(device.get());
  if (!call.judge.allows(Section::Remotemount, path))
    return EACCES;
  if (!S_ISBLK(st.st_mode))
    return ENOTBLK;

  call.begin({}, {}, before);
  const Fd context(::fsopen(request.type.c_str(), FSOPEN_CLOEXEC));
  if (!context)
    return errno;
  if (const int status = configure(context.get(), path, request))
    return status;
  const auto attributes =
    static_cast<unsigned>(attributes_of_flags(request.flags) | access_time_of_flags(request.flags));
  const Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mount)
    return errno;
  if (!is_on(mount.get(), st.st_rdev, path))
    return ESTALE;
  return status_of(
    ::move_mount(mount.get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

// Without a device.  The source is a word for the list of mounts.
int mount_other(Call &call, const MountType &type, int target, const Request &request,
                std::uint64_t before)
{
  OverlayOptions options;

  if (type.kind == MountType::Overlay) {
    if (const int status = pin_overlay(request.options, call.judge, options))
      return status;
  } else {
    if (leads_elsewhere(request.options))
      return EACCES;
    options.text = request.options;
  }
  if (type.kind == MountType::View && !call.judge.allows(Section::Remotemount, type.place))
    return EACCES;
  call.begin({}, {}, before);
  const std::string &source = call.slot.name(1);
  return simple_mount(source.empty() ? "none" : source.c_str(), target, request, options.text);
}

int mount_new(Call &call, int target, const Request &request, std::uint64_t before)
{
  const MountType *type = find_mount_type(request.type);

  if (!type)
    return request.type.empty() ? EINVAL : ENODEV;
  if (type->kind == MountType::Block)
    return mount_device(call, target, request, before);
  return mount_other(call, *type, target, request, before);
}

// How often, and for how long in all, to try again what others keep busy for a moment:
// what clients had open and have just been asked to give back.
constexpr std::chrono::milliseconds pause{10};
constexpr int tries = 50;
constexpr int tries_for_nobody = 5;

int unmount(Call &call, const std::string &path, int flags)
{
  for (int i = 0;; i++) {
    int opens = 0;

    {
      const Fd top(look_up(call.slot.node(), call.name()));
      if (top)
        opens = call.let_go(top.get());
    }
    if (::umount2(path.c_str(), flags) == 0)
      return 0;
    if (errno != EBUSY || i == (opens > 0 ? tries : tries_for_nobody))
      return errno;
    std::this_thread::sleep_for(pause);
  }
}

} // namespace

int exec_mount(Call &call)
{
  const std::optional<Request> request = request_of(call);

  if (!request)
    return EINVAL;
  if (!may_mount(call))
    return EPERM;
  if (!call.judge.allows(Section::Remotemount, call.child()))
    return EACCES;

  const Fd target(look_up(call.slot.node(), call.name()));
  if (!target)
    return errno;
  if (request->flags & MS_REMOUNT)
    return change(call, target.get(), *request);
  if (!(request->flags & MS_BIND) && request->flags & propagations)
    return change(call, target.get(), *request);

  const Result<std::uint64_t> now = mount_number(call.slot.node(), call.name());
  if (!now)
    return now.error().value();
  if (const std::optional<Note> earlier = call.earlier(); earlier && earlier->number != *now)
    return 0;
  if (request->flags & (MS_BIND | MS_MOVE))
    return bind_or_move(call, target.get(), *request, *now);
  return mount_new(call, target.get(), *request, *now);
}

int exec_umount(Call &call)
{
  const int flags = static_cast<int>(le(call.slot.body<qtfs_umount>().flags)) | UMOUNT_NOFOLLOW;

  if (!may_mount(call))
    return EPERM;
  if (!call.judge.allows(Section::Remotemount, call.child()))
    return EACCES;

  const Result<std::uint64_t> now = mount_number(call.slot.node(), call.name());
  if (!now)
    return now.error().value();
  if (const std::optional<Note> earlier = call.earlier(); earlier && earlier->number != *now)
    return 0;
  const Result<std::uint64_t> around = mount_number(call.slot.node(), "");
  if (!around)
    return around.error().value();
  if (*around == *now)
    return EINVAL;

  call.begin({}, {}, *now);
  return unmount(call, std::string(ProcPath(call.slot.node()).c_str()) + "/" + call.name(), flags);
}

} // namespace qtfs::engine
