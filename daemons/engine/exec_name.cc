// SPDX-License-Identifier: GPL-2.0
//
// Names that are looked up: ATTACH, LOOKUP, READLINK.

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

// Where the object of @fd is, empty if that can't be told.
std::string path_of(int fd)
{
  std::array<char, QTFS_PATH_MAX + 1> buffer;
  const ssize_t len = ::readlink(ProcPath(fd).c_str(), buffer.data(), buffer.size());

  // What the engine's root doesn't lead to begins with something else.
  if (len <= 0 || static_cast<std::size_t>(len) == buffer.size() || buffer[0] != '/')
    return {};
  return {buffer.data(), static_cast<std::size_t>(len)};
}

// Opens what @path leads to from @directory, following nothing: ESTALE if that isn't the
// file that @body describes.  Its generation is the module's and the client's to compare.
int find(const qtfs_find &body, int directory, const std::string &path, std::uint64_t resolve,
         Fd &found)
{
  open_how how = {};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

  Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0)
    return errno;
  const std::uint32_t device = major(st.st_dev) << 20 | minor(st.st_dev);
  if (st.st_ino != le(body.ino) || device != le(body.dev) || (st.st_mode & S_IFMT) != le(body.type))
    return ESTALE;
  found = std::move(fd);
  return 0;
}

} // namespace

// The only path that a client ever sends.  It may lead through symbolic links,
// so that what counts is where it ended.
int exec_attach(Call &call)
{
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;

  Fd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, call.name(), &how, sizeof(how))));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0)
    return errno;
  if (st.st_nlink == 0) // its path isn't one
    return ENOENT;
  if (!call.judge.allows(Section::Mount, path_of(fd.get())))
    return EACCES;
  call.slot.set_fd(std::move(fd));
  return 0;
}

int exec_lookup(Call &call)
{
  if (!call.judge.allows(Section::Mount, call.child()))
    return EACCES;
  return call.reply(look_up(call.slot.node(), call.name()));
}

// A client comes back to a server that was restarted.  The path was made of names
// that it had looked up one by one, so that nothing in it is to be followed, and what
// counts for the policy is where the file is now.
//
// If the file isn't there any more, the module may have found it by its handle, as the
// second node.  That only says at which path to look: a handle opens nothing that its
// path, walked by this caller, doesn't lead to.
int exec_find(Call &call)
{
  const auto &body = call.slot.body<qtfs_find>();
  const std::string path = "." + call.slot.name(0);
  Fd fd;

  int status = find(body, call.slot.node(), path, RESOLVE_BENEATH, fd);
  if (status && call.slot.node2() >= 0 && !call.slot.path(1).empty() &&
      find(body, AT_FDCWD, std::string(call.slot.path(1)), 0, fd) == 0)
    status = 0;
  if (status)
    return status;
  if (!call.judge.allows(Section::Mount, path_of(fd.get())))
    return EACCES;
  call.slot.set_fd(std::move(fd));
  return 0;
}

int exec_readlink(Call &call)
{
  if (!call.judge.allows(Section::Mount, call.slot.path(0)))
    return EACCES;

  const std::span<std::byte> room = call.slot.room(QTFS_PATH_MAX + 1);
  const ssize_t len =
    ::readlinkat(call.slot.node(), "", reinterpret_cast<char *>(room.data()), room.size());
  if (len < 0) {
    struct stat st;

    // An empty name has an errno of its own for what isn't a link.
    if (errno == ENOENT && ::fstat(call.slot.node(), &st) == 0 && !S_ISLNK(st.st_mode))
      return EINVAL;
    return errno;
  }
  if (static_cast<std::size_t>(len) > QTFS_PATH_MAX)
    return ENAMETOOLONG;
  call.slot.set_data_len(static_cast<std::size_t>(len));
  return 0;
}

} // namespace qtfs::engine
