// SPDX-License-Identifier: GPL-2.0

#include "mountinfo.hh"

#include <algorithm>
#include <fcntl.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "read_all.hh"

namespace qtfs {

bool is_qtfs(std::string_view type)
{
  return type == "qtfs" || type == "qtfs.host";
}

bool is_hosts_mount(const MountInfo &mount)
{
  return mount.type == "qtfs.host";
}

std::string unescaped_field(std::string_view text)
{
  std::string plain;

  while (!text.empty()) {
    const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    if (text.size() >= 4 && text[0] == '\\' && std::ranges::all_of(text.substr(1, 3), is_octal)) {
      plain += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
      text.remove_prefix(4);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

// ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPER_OPTIONS
std::vector<MountInfo> parse_mountinfo(const std::string &text)
{
  std::istringstream lines(text);
  std::vector<MountInfo> mounts;

  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string parent, root, point, word;
    unsigned major = 0, minor = 0;
    char colon = 0;
    MountInfo mount;

    words >> mount.id >> parent >> major >> colon >> minor >> root >> point;
    while (words >> word && word != "-")
      continue;
    if (!(words >> mount.type >> mount.source))
      continue;
    words >> mount.options;
    mount.device = makedev(major, minor);
    mount.root = unescaped_field(root);
    mount.point = unescaped_field(point);
    mount.source = unescaped_field(mount.source);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<MountInfo> read_mountinfo()
{
  const Result<std::string> text = read_file("/proc/self/mountinfo");

  return text ? parse_mountinfo(*text) : std::vector<MountInfo>();
}

bool is_on_qtfs(int fd, const std::vector<MountInfo> &mounts)
{
  struct statx st;

  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) != 0 ||
      !(st.stx_mask & STATX_MNT_ID))
    return false;
  const auto mount = std::ranges::find(mounts, st.stx_mnt_id, &MountInfo::id);
  return mount != mounts.end() && is_qtfs(mount->type);
}

} // namespace qtfs
