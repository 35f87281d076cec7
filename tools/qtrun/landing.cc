// SPDX-License-Identifier: GPL-2.0

#include "landing.hh"

#include <algorithm>
#include <array>
#include <climits>
#include <sched.h>
#include <span>
#include <sys/mount.h>
#include <sys/stat.h>

#include "host.hh"
#include "mount_flags.hh"
#include "namer.hh"
#include "read_all.hh"

namespace qtfs::qtrun {

namespace {

// Whatever the calling thread mounts is seen by nobody, and goes with the object.
class PrivateMounts {
public:
  explicit PrivateMounts(const World &world)
      : own_(::openat(world.proc.get(), "thread-self/ns/mnt", O_RDONLY | O_CLOEXEC)),
        root_(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC))
  {
    good_ = own_ && root_ && ::unshare(CLONE_NEWNS) == 0 &&
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }
  PrivateMounts(const PrivateMounts &) = delete;
  ~PrivateMounts() { come_back(std::span(&own_, 1), root_); }

  explicit operator bool() const { return good_; }

private:
  Fd own_, root_;
  bool good_;
};

} // namespace

std::string path_of(const World &world, int fd)
{
  std::array<char, PATH_MAX> path;
  const std::string link = "thread-self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlinkat(world.proc.get(), link.c_str(), path.data(), path.size());

  return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

std::optional<MountInfo> take(const World &world, int mount)
{
  const std::uint64_t number = number_of_mount(mount);
  const PrivateMounts mounts(world);

  // Onto a directory that each machine has; nobody is here to miss it.
  if (!number || !mounts ||
      ::move_mount(mount, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return std::nullopt;
  const Fd file(::openat(world.proc.get(), "thread-self/mountinfo", O_RDONLY | O_CLOEXEC));
  const Result<std::string> text = file ? read_all(file.get()) : last_error();
  const std::vector<MountInfo> all = text ? parse_mountinfo(*text) : std::vector<MountInfo>();
  const auto found = std::ranges::find(all, number, &MountInfo::id);
  return found != all.end() ? std::optional(*found) : std::nullopt;
}

int land_new(const Landing &landing, const Recipe &recipe)
{
  const mount::Namer namer(landing.mounts, landing.path);

  if (!recipe.complete)
    return EOPNOTSUPP;
  return mount_on_host(landing.world, {.target = landing.target,
                                       .flags = recipe.flags | flags_of_mount(landing.from),
                                       .name = namer.server_path(recipe.source),
                                       .type = recipe.type,
                                       .options = namer.server_options(recipe.options)});
}

// Flags that the program has given to the copy come right after it, as mount(2) can't say both
// at once.  Nobody is to find one that lacks what makes it safe.
int land_clone(const Landing &landing, const Clone &clone)
{
  const std::uint32_t recursive = clone.recursive ? MS_REC : 0;
  const std::uint32_t now = flags_of_mount(landing.from);
  std::uint32_t change = now ^ clone.flags;

  if (const int error = mount_on_host(
        landing.world,
        {.target = landing.target, .source = landing.from, .flags = MS_BIND | recursive}))
    return error;
  if (!change)
    return 0;
  if (change & access_times)
    change |= access_times;
  const Fd mounted = landing.reopened(O_PATH);
  const int error =
    mount_on_host(landing.world, {.target = mounted.get(),
                                  .flags = MS_REMOUNT | MS_BIND | recursive | (now & change),
                                  .change = MS_REMOUNT | change});
  if (error)
    unmount_on_host(landing.world, mounted.get(), MNT_DETACH);
  return error;
}

} // namespace qtfs::qtrun
