// SPDX-License-Identifier: GPL-2.0

#include "place.hh"

#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "proc_path.hh"

namespace qtfs::uds {

namespace {

std::string path_of_fd(int fd)
{
  std::string path = name_of_fd(fd);

  return path.starts_with('/') ? std::move(path) : std::string();
}

} // namespace

std::string_view name_in(std::string_view path)
{
  return path.substr(path.rfind('/') + 1);
}

std::string_view directory_of(std::string_view path)
{
  const std::size_t slash = path.rfind('/');

  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

Result<Root> Root::open(const std::string &directory)
{
  Root root;

  root.fd_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.fd_)
    return last_error();
  root.prefix_ = path_of_fd(root.fd_.get());
  if (root.prefix_ == "/")
    root.prefix_.clear();
  else if (root.prefix_.empty())
    return errno_code(ENOENT);
  return root;
}

Result<Fd> Root::look_up(std::string_view path, int flags) const
{
  const std::string text(path);
  open_how how = {};

  how.flags = static_cast<std::uint64_t>(flags) | O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, fd_.get(), text.c_str(), &how, sizeof(how))));
    if (fd)
      return fd;
    if (errno != EAGAIN && errno != EINTR) // somebody renames, just now
      return last_error();
  }
}

std::string Root::path_of(int fd) const
{
  std::string path = path_of_fd(fd);

  if (!path.starts_with(prefix_) || (path.size() > prefix_.size() && path[prefix_.size()] != '/'))
    return {};
  path.erase(0, prefix_.size());
  return path.empty() ? "/" : path;
}

// The capabilities come and go with the user, as the real and the saved one stay.
ActAs::ActAs(const Caller &caller)
{
  if (::geteuid() != 0 || (caller.uid == 0 && caller.gid == 0))
    return;
  std::vector<gid_t> groups(caller.groups.begin(), caller.groups.end());
  changed_ = true;
  if (::setgroups(groups.size(), groups.data()) != 0 ||
      ::setresgid(static_cast<gid_t>(-1), caller.gid, static_cast<gid_t>(-1)) != 0 ||
      ::setresuid(static_cast<uid_t>(-1), caller.uid, static_cast<uid_t>(-1)) != 0)
    error_ = last_error();
}

ActAs::~ActAs()
{
  if (!changed_)
    return;
  // Going on as somebody else would be going on with other rights.
  if (::setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) != 0 ||
      ::setresgid(static_cast<gid_t>(-1), 0, static_cast<gid_t>(-1)) != 0 ||
      (::setgroups(0, nullptr) != 0 && errno != EPERM))
    std::abort();
}

} // namespace qtfs::uds
