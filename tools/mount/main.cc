// SPDX-License-Identifier: GPL-2.0
//
// mount.qtfs and umount.qtfs: what mount(8) and umount(8) call for the types qtfs and
// qtfs.TYPE.  A mount of qtfs itself they make as for any other file system; the others
// are made on the server.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "command.hh"
#include "mountinfo.hh"
#include "options.hh"
#include "patience.hh"
#include "remote.hh"

namespace qtfs::mount {

namespace {

constexpr int wrong_usage = 1;

int complain(std::string_view program, std::string_view what, int status)
{
  fmt::print(stderr, "{}: {}\n", program, what);
  return status;
}

int execute(const std::vector<std::string> &words)
{
  become(words);
  return complain(words[0], std::strerror(errno), failed);
}

// As mount(8) does without a helper; paths have been made what they should be.
int mount_locally(MountLine line)
{
  const Result<unsigned, std::string> retry = take_retry(line.options);
  if (!retry)
    return complain("mount.qtfs", retry.error(), wrong_usage);

  std::vector<std::string> words = {"/bin/mount", "-i", "-t", "qtfs"};

  if (::geteuid() == 0)
    words.emplace_back("-c");
  if (line.fake)
    words.emplace_back("-f");
  if (!line.options.empty())
    words.insert(words.end(), {"-o", line.options});
  words.insert(words.end(), {"--", line.source, line.directory});
  if (*retry)
    return run_patiently(words, std::chrono::seconds(*retry));
  return execute(words);
}

std::string reason(std::error_code error)
{
  switch (error.value()) {
  case EACCES:
    return error.message() + ": the server's whitelist, [Remotemount] or [Mount]";
  case EPERM:
    return error.message() + ": it takes CAP_SYS_ADMIN, here and on the server";
  case ENODEV:
    return error.message() + ": no type of file system that the server mounts for clients";
  default:
    return error.message();
  }
}

int mount(int argc, char **argv)
{
  const Result<MountLine, std::string> line = parse_mount_line(argc, argv);

  if (!line)
    return complain("mount.qtfs", line.error(), wrong_usage);
  if (line->type == "qtfs")
    return mount_locally(*line);
  const std::size_t dot = line->type.find('.');
  if (dot == std::string::npos || line->type.substr(0, dot) != "qtfs")
    return complain("mount.qtfs", line->type + ": the type is qtfs or qtfs.TYPE", wrong_usage);

  const Result<MountCall, std::string> call = mount_call(line->type.substr(dot + 1), line->options);
  if (!call)
    return complain("mount.qtfs", call.error(), wrong_usage);
  if (line->fake)
    return 0;
  if (const std::error_code error = mount_remotely(line->source, line->directory, *call))
    return complain("mount.qtfs",
                    fmt::format("{} on {}: {}", line->source, line->directory, reason(error)),
                    failed);
  return 0;
}

// Whether a mount of this machine is there.  Looks at the list alone, as the server may be
// gone.  A mount of the host that is seen here is the host's, unless it's umount(8) that asks,
// which gives the type: it is called for each line of the list when this machine goes down, and
// that mustn't unmount what the host has mounted.
bool is_local_mount(const UmountLine &line)
{
  const std::vector<MountInfo> mounts = read_mountinfo();
  const auto mount =
    std::ranges::find(mounts.rbegin(), mounts.rend(), line.directory, &MountInfo::point);

  return mount != mounts.rend() && (!is_hosts_mount(*mount) || !line.type.empty());
}

int umount(int argc, char **argv)
{
  const Result<UmountLine, std::string> line = parse_umount_line(argc, argv);

  if (!line)
    return complain("umount.qtfs", line.error(), wrong_usage);
  if (is_local_mount(*line)) {
    std::vector<std::string> words = {"/bin/umount", "-i"};

    if (::geteuid() == 0)
      words.emplace_back("-c");
    if (line->lazy)
      words.emplace_back("-l");
    if (line->force)
      words.emplace_back("-f");
    words.insert(words.end(), {"--", line->directory});
    return execute(words);
  }
  if (const std::error_code error = unmount_remotely(*line))
    return complain("umount.qtfs", fmt::format("{}: {}", line->directory, reason(error)), failed);
  return 0;
}

} // namespace

} // namespace qtfs::mount

int main(int argc, char **argv)
{
  const std::string_view name = argc ? argv[0] : "";

  return name.substr(name.rfind('/') + 1).starts_with("umount") ? qtfs::mount::umount(argc, argv)
                                                                : qtfs::mount::mount(argc, argv);
}
