// SPDX-License-Identifier: GPL-2.0

#include "task.hh"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <sstream>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc_stat.hh"
#include "read_all.hh"

namespace qtfs::qtrun {

bool Task::waits() const
{
  const __u64 id = call_.id;

  return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

Fd Task::open_in_proc(const std::string &name, int flags) const
{
  const std::string path = std::to_string(call_.pid) + "/" + name;
  Fd fd(::openat(proc_, path.c_str(), flags | O_CLOEXEC));

  return waits() ? std::move(fd) : Fd();
}

std::optional<std::string> Task::read(std::uint64_t address, std::size_t size) const
{
  const Fd memory = open_in_proc("mem", O_RDONLY);
  std::string data(size, '\0');

  if (!memory || ::pread64(memory.get(), data.data(), size, static_cast<off64_t>(address)) !=
                   static_cast<ssize_t>(size))
    return std::nullopt;
  return data;
}

// Page by page, as the next one may not be there.
std::optional<std::string> Task::read_string(std::uint64_t address, std::size_t max) const
{
  constexpr std::uint64_t page = 4096;
  const Fd memory = open_in_proc("mem", O_RDONLY);
  std::string text;

  while (memory && text.size() <= max) {
    std::array<char, page> chunk;
    const std::size_t wanted = page - address % page;
    const ssize_t n = ::pread64(memory.get(), chunk.data(), wanted, static_cast<off64_t>(address));

    if (n <= 0)
      return std::nullopt;
    const std::string_view part(chunk.data(), static_cast<std::size_t>(n));
    const std::size_t end = part.find('\0');
    text += part.substr(0, end);
    if (end != std::string_view::npos)
      return text;
    address += static_cast<std::uint64_t>(n);
  }
  return std::nullopt;
}

bool Task::write(std::uint64_t address, const void *from, std::size_t size) const
{
  const Fd memory = open_in_proc("mem", O_WRONLY);

  return memory && ::pwrite64(memory.get(), from, size, static_cast<off64_t>(address)) ==
                     static_cast<ssize_t>(size);
}

std::optional<std::string> Task::text(unsigned which, std::size_t max) const
{
  return argument(which) ? read_string(argument(which), max) : std::nullopt;
}

FileArgument::FileArgument(const Task &task, int descriptor, std::optional<std::string> path)
    : number_(descriptor), path_(std::move(path))
{
  if (number_ != AT_FDCWD)
    descriptor_ = task.open_in_proc("fd/" + std::to_string(number_), O_PATH);
}

Result<Fd> FileArgument::open(int flags, bool may_be_empty) const
{
  if (!path_)
    return errno_code(EFAULT);
  if (path_->empty() && !may_be_empty)
    return errno_code(ENOENT);
  const std::string &path = path_->empty() ? "." : *path_;

  if (number_ != AT_FDCWD && !descriptor_ && !path.starts_with('/'))
    return errno_code(EBADF);
  Fd fd(path_->empty() && descriptor_ ? ::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0)
        : descriptor_ ? ::openat(descriptor_.get(), path.c_str(), O_PATH | O_CLOEXEC | flags)
                      : ::open(path.c_str(), O_PATH | O_CLOEXEC | flags));
  return fd ? Result<Fd>(std::move(fd)) : last_error();
}

std::optional<Identity> Identity::of(const Task &task, int proc)
{
  const Fd status = task.open_in_proc("status", O_RDONLY);
  const Fd space = task.open_in_proc("ns/user", O_RDONLY);
  struct stat own, its;
  Identity identity;

  if (!status || !space || ::fstat(space.get(), &its) != 0 ||
      ::fstatat(proc, "self/ns/user", &own, 0) != 0)
    return std::nullopt;
  const Result<std::string> text = read_all(status.get());
  if (!text)
    return std::nullopt;
  const auto words_of = [&](std::string_view key) {
    return std::istringstream(std::string(proc_status_value(*text, key).value_or("")));
  };
  // The real, the effective and the saved one come before.
  std::string ignored;
  const bool good =
    static_cast<bool>(words_of("Uid") >> ignored >> ignored >> ignored >> identity.uid) &&
    static_cast<bool>(words_of("Gid") >> ignored >> ignored >> ignored >> identity.gid) &&
    static_cast<bool>(words_of("CapEff") >> std::hex >> identity.capabilities);
  std::istringstream groups = words_of("Groups");
  for (gid_t group; groups >> group;)
    identity.groups.push_back(group);
  // What it may in a user namespace of its own it may not here.
  if (own.st_ino != its.st_ino || own.st_dev != its.st_dev)
    identity.capabilities = 0;
  return good ? std::optional(identity) : std::nullopt;
}

// That of mounts takes the thread's root along, which therefore comes later.
bool Disguise::enter_namespaces(const Task &task, int proc)
{
  for (const std::string name : {"mnt", "net", "ipc", "cgroup", "pid_for_children"}) {
    const Fd its = task.open_in_proc("ns/" + name, O_RDONLY);
    Fd own(::openat(proc, ("thread-self/ns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat there, here;

    if (!its || !own || ::fstat(its.get(), &there) != 0 || ::fstat(own.get(), &here) != 0)
      return false;
    if (there.st_ino == here.st_ino)
      continue;
    if (::setns(its.get(), 0) != 0)
      return false;
    namespaces_.push_back(std::move(own));
  }
  return true;
}

bool Disguise::look_around(const Task &task)
{
  const Fd root = task.open_in_proc("root", O_PATH);
  const Fd directory = task.open_in_proc("cwd", O_PATH);

  return root && directory && ::fchdir(root.get()) == 0 && ::chroot(".") == 0 &&
         ::fchdir(directory.get()) == 0;
}

Disguise::Disguise(const Task &task, int proc, Extent extent)
    : root_(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC))
{
  const Result<Capabilities> now = thread_capabilities();
  const std::optional<Identity> identity = Identity::of(task, proc);

  if (!root_ || !now)
    std::abort();
  own_ = *now;
  may_ = identity ? identity->capabilities : 0;
  good_ = identity && (extent == Sight || enter_namespaces(task, proc)) && look_around(task) &&
          set_thread_file_ids(identity->uid, identity->gid, identity->groups) &&
          set_thread_capabilities({identity->capabilities & own_.permitted, own_.permitted});
}

void come_back(std::span<const Fd> namespaces, const Fd &root)
{
  for (const Fd &own : namespaces)
    if (::setns(own.get(), 0) != 0)
      std::abort();
  if (::fchdir(root.get()) != 0 || ::chroot(".") != 0)
    std::abort();
}

Disguise::~Disguise()
{
  if (!set_thread_capabilities({own_.permitted, own_.permitted}) ||
      !set_thread_file_ids(::geteuid(), ::getegid(), {}) || !set_thread_capabilities(own_))
    std::abort();
  come_back(namespaces_, root_);
}

} // namespace qtfs::qtrun
