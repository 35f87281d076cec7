// SPDX-License-Identifier: GPL-2.0

#include "place.hh"

#include <cstdlib>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/syscall.h>
#include <vector>

#include "mountinfo.hh"
#include "proc_path.hh"
#include "thread_rights.hh"

namespace qtfs::uds {

namespace {

std::string path_of_fd(int fd)
{
  std::string path = name_of_fd(fd);

  return path.starts_with('/') ? std::move(path) : std::string();
}

// The C library's functions change all threads, and so wait for one that is stuck.
bool become(uid_t uid, gid_t gid, const std::vector<gid_t> &groups)
{
  // Who comes back needs his rights first, who goes needs them last.
  if (uid == 0 && ::syscall(SYS_setresuid, no_id, uid, no_id) != 0)
    return false;
  if (!set_thread_groups(groups) && !(uid == 0 && errno == EPERM))
    return false;
  return ::syscall(SYS_setresgid, no_id, gid, no_id) == 0 &&
         (uid == 0 || ::syscall(SYS_setresuid, no_id, uid, no_id) == 0);
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

// ---- mounts ----

Mounts::Mounts() : changes_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

bool Mounts::has(std::string_view path)
{
  pollfd changed = {changes_.get(), POLLPRI, 0};

  if (points_.empty() || !changes_ || ::poll(&changed, 1, 0) != 0) {
    points_.clear();
    for (const MountInfo &mount : read_mountinfo())
      points_[mount.point] = is_qtfs(mount.type); // the last at one place is what is seen
  }
  for (;; path = directory_of(path)) {
    const auto found = points_.find(path);
    if (found != points_.end())
      return found->second;
    if (path.size() <= 1)
      return false;
  }
}

// ---- paths ----

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
  root.mounts_ = std::make_unique<Mounts>();
  return root;
}

Result<Fd> Root::look_up(std::string_view path, int flags) const
{
  const std::string text(path);
  open_how how = {};

  if (mounts_->has(outside(path)))
    return errno_code(EXDEV);
  how.flags = static_cast<std::uint64_t>(flags) | O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
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
  changed_ = true;
  if (!become(caller.uid, caller.gid, {caller.groups.begin(), caller.groups.end()}))
    error_ = last_error();
}

ActAs::~ActAs()
{
  // Going on as somebody else would be going on with other rights.
  if (changed_ && !become(0, 0, {}))
    std::abort();
}

} // namespace qtfs::uds
