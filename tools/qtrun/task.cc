// SPDX-License-Identifier: GPL-2.0

#include "task.hh"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <linux/capability.h>
#include <sstream>
#include <string_view>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qtfs::qtrun {

namespace {

struct Capabilities {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
};

using CapData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

std::optional<Capabilities> capabilities_now()
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  CapData data = {};

  if (::syscall(SYS_capget, &header, data.data()) != 0)
    return std::nullopt;
  return Capabilities{data[0].effective | std::uint64_t{data[1].effective} << 32,
                      data[0].permitted | std::uint64_t{data[1].permitted} << 32};
}

bool set_capabilities(std::uint64_t effective, std::uint64_t permitted)
{
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  CapData data = {};

  for (unsigned i = 0; i < data.size(); i++) {
    data[i].effective = static_cast<__u32>((effective & permitted) >> (32 * i));
    data[i].permitted = static_cast<__u32>(permitted >> (32 * i));
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

// The calls that set these tell nothing but what was before; an id that nobody has changes
// nothing and so tells what is.
constexpr auto nobody = static_cast<uid_t>(-1);

bool set_ids(uid_t uid, gid_t gid, const std::vector<gid_t> &groups)
{
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != 0)
    return false;
  ::setfsgid(gid);
  ::setfsuid(uid);
  return static_cast<gid_t>(::setfsgid(nobody)) == gid &&
         static_cast<uid_t>(::setfsuid(nobody)) == uid;
}

std::string read_all(int fd)
{
  std::string text;
  std::array<char, 4096> chunk;

  for (ssize_t n; (n = ::read(fd, chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(n));
  return text;
}

} // namespace

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

std::optional<Identity> Identity::of(const Task &task, int proc)
{
  const Fd status = task.open_in_proc("status", O_RDONLY);
  const Fd space = task.open_in_proc("ns/user", O_RDONLY);
  struct stat own, its;
  Identity identity;
  unsigned found = 0;

  if (!status || !space || ::fstat(space.get(), &its) != 0 ||
      ::fstatat(proc, "self/ns/user", &own, 0) != 0)
    return std::nullopt;
  std::istringstream lines(read_all(status.get()));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, ignored;

    words >> key;
    if (key == "Uid:")
      found += static_cast<bool>(words >> ignored >> ignored >> ignored >> identity.uid);
    else if (key == "Gid:")
      found += static_cast<bool>(words >> ignored >> ignored >> ignored >> identity.gid);
    else if (key == "CapEff:")
      found += static_cast<bool>(words >> std::hex >> identity.capabilities);
    else if (key == "Groups:")
      for (gid_t group; words >> group;)
        identity.groups.push_back(group);
  }
  // What it may in a user namespace of its own it may not here.
  if (own.st_ino != its.st_ino || own.st_dev != its.st_dev)
    identity.capabilities = 0;
  return found == 3 ? std::optional(identity) : std::nullopt;
}

bool Disguise::look_around(const Task &task)
{
  const Fd root = task.open_in_proc("root", O_PATH);
  const Fd directory = task.open_in_proc("cwd", O_PATH);

  return root && directory && ::fchdir(root.get()) == 0 && ::chroot(".") == 0 &&
         ::fchdir(directory.get()) == 0;
}

Disguise::Disguise(const Task &task, int proc)
    : root_(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC))
{
  const std::optional<Capabilities> now = capabilities_now();
  const std::optional<Identity> identity = Identity::of(task, proc);

  if (!root_ || !now)
    std::abort();
  capabilities_ = now->effective;
  permitted_ = now->permitted;
  // Capabilities last: the kernel changes them along with the user.
  good_ = identity && look_around(task) &&
          set_ids(identity->uid, identity->gid, identity->groups) &&
          set_capabilities(identity->capabilities, permitted_);
}

// A thread that can't come back must not go on.
Disguise::~Disguise()
{
  if (!set_capabilities(permitted_, permitted_) || !set_ids(::geteuid(), ::getegid(), {}) ||
      !set_capabilities(capabilities_, permitted_) || ::fchdir(root_.get()) != 0 ||
      ::chroot(".") != 0)
    std::abort();
}

} // namespace qtfs::qtrun
