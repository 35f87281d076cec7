// SPDX-License-Identifier: GPL-2.0

#include "proc_path.hh"

#include <climits>
#include <fmt/format.h>
#include <unistd.h>

namespace qtfs {

ProcPath::ProcPath(int fd)
{
  *fmt::format_to(text_.data(), "/proc/self/fd/{}", fd) = '\0';
}

namespace {

std::string text_of_link(const char *link)
{
  std::array<char, PATH_MAX + 64> text; // " (deleted)" may follow
  const ssize_t n = ::readlink(link, text.data(), text.size());

  if (n <= 0 || static_cast<std::size_t>(n) == text.size())
    return {};
  return {text.data(), static_cast<std::size_t>(n)};
}

} // namespace

std::string name_of_fd(int fd)
{
  return text_of_link(ProcPath(fd).c_str());
}

std::string name_of_own_file()
{
  return text_of_link("/proc/self/exe");
}

} // namespace qtfs
