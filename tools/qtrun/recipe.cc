// SPDX-License-Identifier: GPL-2.0

#include "recipe.hh"

#include <algorithm>
#include <fcntl.h>
#include <sys/mount.h>

#include "fd.hh"
#include "flag_words.hh"
#include "wire.h"

namespace qtfs::qtrun {

namespace {

bool is_hosts_file(const std::string &path, const std::vector<MountInfo> &mounts)
{
  const Fd fd(path.starts_with('/') ? ::open(path.c_str(), O_PATH | O_CLOEXEC) : -1);

  return fd && is_on_qtfs(fd.get(), mounts);
}

} // namespace

bool Recipe::add_flag(const std::string &key)
{
  constexpr std::uint32_t own = MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME;
  const mount::FlagWord *word = mount::find_flag_word(key);

  // Others are the mount's, of which no file system knows.
  if (!word || (word->set | word->clear) & ~own)
    return false;
  change |= word->set | word->clear;
  flags = (flags & ~word->clear) | word->set;
  return true;
}

// A comma ends an option, unless it's an overlay's and escaped.
void Recipe::add_option(const std::string &option)
{
  if (!options.empty())
    options += ',';
  for (const char c : option) {
    if (c == ',' && type == "overlay")
      options += '\\';
    else if (c == ',')
      complete = false;
    options += c;
  }
  if (options.size() > QTFS_MOUNT_OPTIONS_MAX) {
    options.clear();
    complete = false;
  }
}

void Recipe::add(const std::string &key)
{
  if (!add_flag(key))
    add_option(key);
}

void Recipe::add(const std::string &key, const std::string &value)
{
  if (key == "source")
    source = value;
  else
    add_option(key + "=" + value);
}

// Options of control groups are the machine's, and what this one has is not to be the host's.
Recipe Recipe::of(const MountInfo &mount)
{
  Recipe recipe;

  recipe.type = mount.type;
  recipe.source = mount.source;
  if (mount.type.starts_with("cgroup"))
    return recipe;
  for (std::size_t from = 0; from < mount.options.size();) {
    const std::size_t end = std::min(mount.options.find(',', from), mount.options.size());

    recipe.add(unescaped_field(std::string_view(mount.options).substr(from, end - from)));
    from = end + 1;
  }
  return recipe;
}

bool names_hosts_files(const Recipe &recipe, const std::vector<MountInfo> &mounts)
{
  if (is_hosts_file(recipe.source, mounts))
    return true;
  if (recipe.type != "overlay")
    return false;
  for (std::size_t from = 0; from < recipe.options.size();) {
    const std::size_t end =
      std::min(recipe.options.find_first_of("=:,", from), recipe.options.size());

    if (is_hosts_file(recipe.options.substr(from, end - from), mounts))
      return true;
    from = end + 1;
  }
  return false;
}

} // namespace qtfs::qtrun
