// SPDX-License-Identifier: GPL-2.0

#include "kin.hh"

#include <algorithm>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>

#include "mountinfo.hh"
#include "proc_stat.hh"
#include "read_all.hh"

namespace qtfs::qtrun {

namespace {

std::optional<ProcStat> stat_of(int proc, pid_t pid)
{
  return read_proc_stat(proc, std::to_string(pid) + "/stat");
}

std::string group_of(int proc, pid_t pid)
{
  const Result<std::string> text = read_file_at(proc, std::to_string(pid) + "/cgroup");

  return text ? control_group(*text) : "";
}

// Where a process sees directories of a host.
std::vector<std::string> hosts_places(int proc, const std::string &pid)
{
  const Result<std::string> text = read_file_at(proc, pid + "/mountinfo");
  std::vector<std::string> places;

  for (const MountInfo &mount : text ? parse_mountinfo(*text) : std::vector<MountInfo>())
    if (is_qtfs(mount.type))
      places.push_back(mount.point);
  std::ranges::sort(places);
  return places;
}

// It runs in a root that qtrun has assembled: it sees the host where this machine doesn't.
bool is_in_some_root(int proc, pid_t pid)
{
  const std::vector<std::string> its = hosts_places(proc, std::to_string(pid));
  const std::vector<std::string> ours = hosts_places(proc, "self");

  return !std::ranges::includes(ours, its);
}

// A service that is started again has another root than what it left.
bool is_left_behind(const World &world, pid_t pid, ino_t space)
{
  const int proc = world.proc.get();

  return space != 0 && space != world.own_space && is_of_group(group_of(proc, pid), world.group) &&
         is_in_some_root(proc, pid);
}

} // namespace

std::string control_group(std::string_view text)
{
  constexpr std::string_view mark = "0::";

  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(mark))
      return std::string(line.substr(mark.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

bool is_of_group(const std::string &group, const std::string &whole)
{
  return !whole.empty() && (group == whole || (whole != "/" && group.starts_with(whole + "/")));
}

ino_t space_of(int proc, const std::string &name)
{
  struct stat st;

  return ::fstatat(proc, name.c_str(), &st, 0) == 0 ? st.st_ino : 0;
}

void note_program(World &world, pid_t program)
{
  const int proc = world.proc.get();

  world.space = space_of(proc, std::to_string(program) + "/ns/mnt");
  world.own_space = space_of(proc, "self/ns/mnt");
  world.group = group_of(proc, program);
}

bool belongs(const World &world, pid_t pid)
{
  constexpr int generations = 1000; // the list may change while it is gone through
  const int proc = world.proc.get();

  for (int i = 0; pid > 1 && i < generations; i++) {
    const ino_t space = space_of(proc, std::to_string(pid) + "/ns/mnt");
    if ((space != 0 && space == world.space) || is_left_behind(world, pid, space))
      return true;
    const std::optional<ProcStat> stat = stat_of(proc, pid);
    pid = stat ? stat->parent : 0;
  }
  return false;
}

bool group_belongs(const World &world, pid_t group)
{
  const int fd = ::openat(world.proc.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR *)> list(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);

  if (belongs(world, group))
    return true;
  while (const dirent *entry = list ? ::readdir(list.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;

    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc())
      continue;
    const std::optional<ProcStat> stat = stat_of(fd, pid);
    if (stat && stat->group == group && belongs(world, pid))
      return true;
  }
  return false;
}

} // namespace qtfs::qtrun
