// SPDX-License-Identifier: GPL-2.0

#include "namer.hh"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

namespace qtfs::mount {

namespace {

bool is_below(const std::string &path, const std::string &directory)
{
  return directory == "/" || path == directory || path.starts_with(directory + "/");
}

// The mount that @path, which has no symbolic links, is on.
std::optional<MountInfo> mount_of(const std::vector<MountInfo> &mounts, const std::string &path)
{
  std::optional<MountInfo> found;

  for (const MountInfo &mount : mounts)
    if (is_below(path, mount.point) && (!found || mount.point.size() >= found->point.size()))
      found = mount;
  return found;
}

std::string joined(std::string directory, std::string_view rest)
{
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  if (rest.empty())
    return directory;
  if (!directory.ends_with('/'))
    directory += '/';
  return directory.append(rest);
}

std::string resolved(const std::string &path)
{
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);

  return real ? std::string(real.get()) : std::string();
}

constexpr std::array directories = {
  std::string_view("lowerdir"),  std::string_view("upperdir"), std::string_view("workdir"),
  std::string_view("lowerdir+"), std::string_view("datadir+"),
};

} // namespace

Namer::Namer(std::vector<MountInfo> mounts, const std::string &mounted) : mounts_(std::move(mounts))
{
  if (const std::optional<MountInfo> mount = mount_of(mounts_, resolved(mounted)))
    device_ = mount->device;
}

std::string Namer::server_path(const std::string &path) const
{
  const std::string real = path.starts_with('/') ? resolved(path) : std::string();
  const std::optional<MountInfo> mount = mount_of(mounts_, real);

  if (real.empty() || !mount || !mount->type.starts_with("qtfs") || mount->device != device_)
    return path;
  const std::string_view rest =
    std::string_view(real).substr(mount->point == "/" ? 0 : mount->point.size());
  return joined(joined(mount->source, mount->root), rest);
}

std::string Namer::server_option(const std::string &option) const
{
  const std::size_t at = option.find('=');
  const std::string key = option.substr(0, at);

  if (at == std::string::npos || std::ranges::find(directories, key) == directories.end())
    return option;

  std::string text = key + "=";
  const std::string value = option.substr(at + 1);
  for (std::size_t from = 0; from <= value.size();) {
    std::size_t end = from;

    while (end < value.size() && (value[end] != ':' || key != "lowerdir"))
      end += value[end] == '\\' && end + 1 < value.size() ? 2 : 1;
    const std::string path = value.substr(from, end - from);
    text += path.empty() || path.find('\\') != std::string::npos ? path : server_path(path);
    if (end < value.size())
      text += ':';
    from = end + 1;
  }
  return text;
}

std::string Namer::server_options(const std::string &options) const
{
  std::string text;

  for (std::size_t from = 0; from < options.size();) {
    std::size_t end = from;

    while (end < options.size() && options[end] != ',')
      end += options[end] == '\\' && end + 1 < options.size() ? 2 : 1;
    text += (from ? "," : "") + server_option(options.substr(from, end - from));
    from = end + 1;
  }
  return text;
}

} // namespace qtfs::mount
