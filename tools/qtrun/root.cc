// SPDX-License-Identifier: GPL-2.0

#include "root.hh"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.hh"
#include "proc_path.hh"

namespace qtfs::qtrun {

namespace {

std::string wrong(std::string_view what)
{
  return fmt::format("{}: {}", what, std::strerror(errno));
}

std::string source_of(const Config &config, const Place &place)
{
  if (!place.host)
    return place.path;
  return place.path == "/" ? config.mount : config.mount + place.path;
}

// A copy of what is mounted at @path and below, which belongs to nowhere yet.
Fd copy_tree(const std::string &path)
{
  return Fd(::open_tree(AT_FDCWD, path.c_str(),
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE)));
}

bool attach(int tree, const char *path)
{
  return ::move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

// rexec, which stands for the host's programs, as often as it has to.
Result<std::vector<Fd>, std::string> copy_stand_ins(std::size_t n)
{
  const std::string rexec =
    std::filesystem::path(name_of_own_file()).replace_filename("rexec").string();
  std::vector<Fd> trees(n);

  for (Fd &tree : trees) {
    tree = copy_tree(rexec);
    if (!tree)
      return wrong(rexec + ", which is to execute the host's programs");
  }
  return trees;
}

// Over files that are there; what a program is called is what its caller finds.
std::string place_stand_ins(const std::vector<Fd> &trees, const std::vector<std::string> &programs)
{
  for (std::size_t i = 0; i < trees.size(); i++)
    if (!attach(trees[i].get(), programs[i].c_str()))
      return wrong(fmt::format("the host's {} can't be put at {}, where a file has to be",
                               programs[i], programs[i]));
  return {};
}

// Makes the host's root ours: mounted at the place of its mount, which is then the root.
bool change_root(int tree, const std::string &mount)
{
  return attach(tree, mount.c_str()) && ::chdir(mount.c_str()) == 0 &&
         ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         ::chdir("/") == 0;
}

} // namespace

std::string enter_root(const Config &config)
{
  std::error_code ignored;
  const std::string directory = std::filesystem::current_path(ignored).string();

  // What comes and goes on this machine does so here, but not the other way round.
  if (::unshare(CLONE_NEWNS) != 0)
    return errno == EPERM ? "a root of its own takes CAP_SYS_ADMIN: run it as root"
                          : wrong("a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return wrong("/");

  // All are copied before the first is covered by another.
  std::vector<Fd> trees;
  for (const Place &place : config.places) {
    const bool here = place.path == "/" && !place.host;

    trees.push_back(here ? Fd() : copy_tree(source_of(config, place)));
    if (!here && !trees.back())
      return wrong(source_of(config, place));
  }
  const Result<std::vector<Fd>, std::string> stand_ins = copy_stand_ins(config.programs.size());
  if (!stand_ins)
    return stand_ins.error();
  for (std::size_t i = 0; i < trees.size(); i++) {
    const Place &place = config.places[i];

    if (!trees[i])
      continue;
    if (place.path == "/") {
      if (!change_root(trees[i].get(), config.mount))
        return wrong("the host's root as the root");
    } else if (!attach(trees[i].get(), place.path.c_str())) {
      return wrong(fmt::format("{} of {} can't be put at {}", place.path,
                               place.host ? "the host" : "this machine", place.path));
    }
  }
  if (std::string failure = place_stand_ins(*stand_ins, config.programs); !failure.empty())
    return failure;
  if (::chdir(directory.empty() ? "/" : directory.c_str()) != 0 && ::chdir("/") != 0)
    return wrong("/");
  return {};
}

} // namespace qtfs::qtrun
