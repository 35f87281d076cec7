// SPDX-License-Identifier: GPL-2.0
//
// Names that are made: MKDIR, MKNOD, SYMLINK, LINK.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

// Makes name 0 by @make, which is a system call, and answers with what it leads
// to.  Where an engine died, a name that there was not and now is has been made
// by that engine if @ours finds that what it leads to is what was to be made.
template <typename Make, typename Ours> int make_name(Call &call, Make make, Ours ours)
{
  const int directory = call.slot.node();
  const Result<Identity> now = Identity::of(directory, call.name());
  if (!now)
    return now.error().value();

  const std::optional<Note> earlier = call.earlier();
  if (earlier && !earlier->before[0].present && now->present) {
    Fd fd(look_up(directory, call.name()));
    struct stat st;

    if (!fd || ::fstat(fd.get(), &st) != 0)
      return errno;
    if (!ours(fd.get(), st))
      return EEXIST;
    call.slot.set_fd(std::move(fd));
    return 0;
  }

  call.begin(*now);
  if (make() != 0)
    return errno;
  return call.reply(look_up(directory, call.name()));
}

bool leads_to(int link, const std::string &target)
{
  std::string found(target.size() + 1, '\0');
  const ssize_t len = ::readlinkat(link, "", found.data(), found.size());

  return len >= 0 && found.substr(0, static_cast<std::size_t>(len)) == target;
}

} // namespace

int exec_mkdir(Call &call)
{
  if (!call.judge.allows(Section::Mkdir, call.child()))
    return EACCES;

  const mode_t mode = le(call.slot.body<qtfs_mkdir>().mode);
  return make_name(
    call, [&] { return ::mkdirat(call.slot.node(), call.name(), mode); },
    [&](int, const struct stat &st) {
      return S_ISDIR(st.st_mode) && st.st_uid == call.slot.caller().uid;
    });
}

int exec_mknod(Call &call)
{
  if (!call.judge.allows(Section::Create, call.child()))
    return EACCES;

  const auto &body = call.slot.body<qtfs_mknod>();
  const mode_t mode = le(body.mode);
  const mode_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
  const std::uint32_t number = le(body.rdev);
  const dev_t device = makedev(number >> 20, number & 0xfffff);
  return make_name(
    call, [&] { return ::mknodat(call.slot.node(), call.name(), mode, device); },
    [&](int, const struct stat &st) {
      return (st.st_mode & S_IFMT) == type && st.st_uid == call.slot.caller().uid &&
             (!(S_ISCHR(type) || S_ISBLK(type)) || st.st_rdev == device);
    });
}

int exec_symlink(Call &call)
{
  if (!call.judge.allows(Section::Symlink, call.child()))
    return EACCES;

  return make_name(
    call, [&] { return ::symlinkat(call.name(1), call.slot.node(), call.name()); },
    [&](int fd, const struct stat &st) {
      return S_ISLNK(st.st_mode) && leads_to(fd, call.slot.name(1));
    });
}

// Following the magic link ends at the file itself, be it a symbolic link, and
// asks for no capability; an empty name with AT_EMPTY_PATH would.
int exec_link(Call &call)
{
  if (!call.judge.allows(Section::Link, call.child()) ||
      !call.judge.allows(Section::Link, call.slot.path(1)))
    return EACCES;

  struct stat file;
  if (::fstat(call.slot.node2(), &file) != 0)
    return errno;
  return make_name(
    call,
    [&] {
      return ::linkat(AT_FDCWD, ProcPath(call.slot.node2()).c_str(), call.slot.node(), call.name(),
                      AT_SYMLINK_FOLLOW);
    },
    [&](int, const struct stat &st) {
      return st.st_dev == file.st_dev && st.st_ino == file.st_ino;
    });
}

} // namespace qtfs::engine
