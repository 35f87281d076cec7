// SPDX-License-Identifier: GPL-2.0

#include "exports.hh"

#include <algorithm>
#include <array>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <sys/vfs.h>

#include "abi.hh"
#include "logging.hh"
#include "proc_path.hh"

namespace qtfs::uds {

namespace {

constexpr std::uint32_t in_directory =
  IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr auto settle = std::chrono::milliseconds(2);         // after an event
constexpr auto between_looks = std::chrono::milliseconds(50); // at the least
constexpr int others_share = 4; // of the time that a look at thousands of sockets takes
constexpr auto first_pause = std::chrono::milliseconds(20); // for a file without a listener
constexpr auto longest_pause = std::chrono::seconds(2);

// What is on a mount of qtfs is the peer's already; the others have no sockets.
bool is_foreign(int fd, const std::vector<MountInfo> &mounts)
{
  struct statfs st;

  if (::fstatfs(fd, &st) != 0 || is_on_qtfs(fd, mounts))
    return true;
  switch (static_cast<std::uint32_t>(st.f_type)) {
  case PROC_SUPER_MAGIC:
  case SYSFS_MAGIC:
  case CGROUP2_SUPER_MAGIC:
    return true;
  default:
    return false;
  }
}

struct CloseDirectory {
  void operator()(DIR *directory) const { ::closedir(directory); }
};

} // namespace

Exports::Exports(Loop &loop, const Root &root, MadeSockets &made, Events events)
    : loop_(loop), root_(root), made_(made), events_(std::move(events)),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK))
{
  if (!inotify_)
    return;
  watch_ = loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) {
    drain();
    look_soon();
  });
}

void Exports::set_paths(std::vector<std::string> paths)
{
  paths_ = std::move(paths);
  last_look_ = {};
  look_soon();
}

void Exports::look_soon()
{
  const Clock::time_point at =
    std::max(Clock::now() + settle,
             last_look_ + std::max<Clock::duration>(between_looks, others_share * look_took_));

  pause_ = first_pause;
  if (timer_ && next_look_ <= at)
    return;
  next_look_ = at;
  timer_ = loop_.after(at - Clock::now(), [this] { look(); });
}

// That something has happened is all there is to know.
void Exports::drain()
{
  alignas(inotify_event) std::array<char, 65536> events;

  while (::read(inotify_.get(), events.data(), events.size()) > 0)
    ;
}

void Exports::look()
{
  const Clock::time_point begin = Clock::now();
  Look look;
  look.mounts = read_mountinfo();
  Result<BoundSockets> bound = BoundSockets::now();
  if (bound)
    look.bound = std::move(*bound);
  else if (!std::exchange(warned_, true))
    spdlog::warn("sock_diag: {}; sockets are probed instead", bound.error().message());

  look.found = made_.list(look.bound, look.unready);
  for (const std::string &path : paths_)
    visit(look, path, 0, 0);
  for (const int old : watched_)
    if (!look.watched.contains(old))
      ::inotify_rm_watch(inotify_.get(), old);
  watched_ = std::move(look.watched);

  bool changed = false;
  for (const auto &[path, was] : std::exchange(list_, look.found))
    if (!list_.contains(path)) {
      changed = true;
      events_.vanished(path);
    } else if (list_.at(path) == was) {
      look.found.erase(path);
    }
  for (const auto &[path, announcement] : look.found) {
    changed = true;
    events_.appeared(announcement);
  }
  events_.looked();
  look_took_ = Clock::now() - begin;
  plan(look, changed);
}

// When to look again though nothing was heard.
void Exports::plan(const Look &look, bool changed)
{
  last_look_ = Clock::now();
  pause_ = changed || pause_ == Clock::duration() ? first_pause : pause_ * 2;
  pause_ = std::min<Clock::duration>(pause_, longest_pause);
  if (!look.unready && list_.empty()) {
    pause_ = {};
    return;
  }
  const Clock::duration pause = look.unready ? pause_ : longest_pause;
  next_look_ = last_look_ + pause;
  timer_ = loop_.after(pause, [this] { this->look(); });
}

void Exports::watch(Look &look, int fd, std::uint32_t events)
{
  const int watch = ::inotify_add_watch(inotify_.get(), ProcPath(fd).c_str(), events | IN_ONLYDIR);

  if (watch >= 0)
    look.watched.insert(watch);
}

// For a path that doesn't exist: by the first directory above it that does.
void Exports::wait_for(Look &look, std::string path)
{
  while (path != "/") {
    path = directory_of(path);
    const Result<Fd> fd = root_.look_up(path, O_DIRECTORY);
    if (fd) {
      watch(look, fd->get(), in_directory);
      return;
    }
  }
}

void Exports::visit(Look &look, const std::string &path, int depth, dev_t device)
{
  // Below what the whitelist names, links aren't followed: they lead to what has a
  // place of its own.
  const Result<Fd> fd = root_.look_up(path, O_NOFOLLOW);
  struct stat st;

  if (!fd || ::fstat(fd->get(), &st) != 0) {
    if (depth == 0)
      wait_for(look, path);
    return;
  }
  if (depth == 0)
    device = st.st_dev;
  if (S_ISDIR(st.st_mode) && st.st_dev == device && !is_foreign(fd->get(), look.mounts)) {
    visit_directory(look, fd->get(), path, depth, device);
  } else if (S_ISSOCK(st.st_mode)) {
    if (depth == 0) {
      const Result<Fd> parent = root_.look_up(directory_of(path), O_DIRECTORY);
      if (!parent || is_foreign(parent->get(), look.mounts))
        return;
      watch(look, parent->get(), in_directory);
    }
    visit_socket(look, fd->get(), st, path);
  }
}

void Exports::visit_directory(Look &look, int fd, const std::string &path, int depth, dev_t device)
{
  if (depth > deepest || ++look.directories > most_directories)
    return;
  watch(look, fd, in_directory);

  const int open = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseDirectory> directory(open < 0 ? nullptr : ::fdopendir(open));
  if (!directory) {
    if (open >= 0)
      ::close(open);
    return;
  }
  while (const dirent *entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." ||
        (entry->d_type != DT_SOCK && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
      continue;
    visit(look, (path == "/" ? "" : path) + "/" + std::string(name), depth + 1, device);
  }
}

void Exports::visit_socket(Look &look, int fd, const struct stat &st, const std::string &path)
{
  if (look.found.size() >= most_sockets || events_.is_mirror(Identity::of(st)) ||
      !is_plain_path(path))
    return;

  const BoundSocket *bound = look.bound.find(st);
  Announcement announcement;
  if (bound && !bound->ready) {
    look.unready = true;
    return;
  }
  if (bound) {
    announcement.type = bound->type;
  } else {
    const std::optional<SocketType> type = probe(fd);
    if (!type)
      return;
    announcement.type = *type;
  }
  announcement.mode = st.st_mode & 0777;
  announcement.uid = st.st_uid;
  announcement.gid = st.st_gid;
  announcement.path = path;
  look.found.emplace(path, std::move(announcement));
}

} // namespace qtfs::uds
