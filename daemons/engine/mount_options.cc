// SPDX-License-Identifier: GPL-2.0

#include "mount_options.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc_path.hh"

namespace qtfs::engine {

namespace {

std::pair<std::string_view, std::string_view> key_and_value(std::string_view option)
{
  const std::size_t at = option.find('=');

  if (at == std::string_view::npos)
    return {option, {}};
  return {option.substr(0, at), option.substr(at + 1)};
}

// What a backslash stands before stands for itself.
std::string unescaped(std::string_view text)
{
  std::string plain;

  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 1 < text.size())
      i++;
    plain += text[i];
  }
  return plain;
}

// Replaces the path in @text by one to a descriptor.
int pin(std::string_view text, Judge &judge, OverlayOptions &pinned)
{
  const std::string path = unescaped(text);

  if (!path.starts_with('/'))
    return EINVAL;
  Fd fd = open_path(path);
  if (!fd)
    return errno;
  if (!judge.allows(Section::Remotemount, place_of(fd.get())))
    return EACCES;
  pinned.text += ProcPath(fd.get()).c_str();
  pinned.directories.push_back(std::move(fd));
  return 0;
}

// Layers have colons between them; two of them, which newer kernels know, stay.
int pin_layers(std::string_view text, Judge &judge, OverlayOptions &pinned)
{
  while (!text.empty()) {
    std::size_t end = 0;

    while (end < text.size() && text[end] != ':')
      end += text[end] == '\\' && end + 1 < text.size() ? 2 : 1;
    if (end)
      if (const int status = pin(text.substr(0, end), judge, pinned))
        return status;
    if (end == text.size())
      return 0;
    pinned.text += ':';
    text.remove_prefix(end + 1);
  }
  return 0;
}

} // namespace

std::vector<std::string> split_options(std::string_view text)
{
  std::vector<std::string> options;
  std::string option;
  bool quoted = false;

  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == ',' && !quoted) {
      options.push_back(std::exchange(option, {}));
      continue;
    }
    if (text[i] == '"')
      quoted = !quoted;
    option += text[i];
    if (text[i] == '\\' && i + 1 < text.size())
      option += text[++i];
  }
  options.push_back(option);
  std::erase(options, std::string());
  return options;
}

bool option_leads_elsewhere(std::string_view option)
{
  static constexpr std::array keys = {
    std::string_view("device"),        std::string_view("fd"),     std::string_view("journal_dev"),
    std::string_view("journal_path"),  std::string_view("logdev"), std::string_view("rtdev"),
    std::string_view("release_agent"),
  };
  const auto [key, value] = key_and_value(option);

  if (std::ranges::find(keys, key) != keys.end())
    return true;
  return value.find('/') != std::string_view::npos && key != "subvol";
}

int pin_overlay(std::string_view text, Judge &judge, OverlayOptions &pinned)
{
  for (const std::string &option : split_options(text)) {
    const auto [key, value] = key_and_value(option);
    int status = 0;

    if (!pinned.text.empty())
      pinned.text += ',';
    if (key == "lowerdir" || key == "upperdir" || key == "workdir" || key == "lowerdir+" ||
        key == "datadir+") {
      pinned.text.append(key).append("=");
      status = key == "lowerdir" ? pin_layers(value, judge, pinned) : pin(value, judge, pinned);
    } else if (option_leads_elsewhere(option)) {
      status = EACCES;
    } else {
      pinned.text += option;
    }
    if (status)
      return status;
  }
  return 0;
}

Fd open_path(const std::string &path)
{
  open_how how = {};

  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
}

std::string place_of(int fd)
{
  struct stat st;

  if (::fstat(fd, &st) != 0 || st.st_nlink == 0)
    return {};
  std::string name = name_of_fd(fd);
  return name.starts_with('/') ? name : std::string();
}

} // namespace qtfs::engine
