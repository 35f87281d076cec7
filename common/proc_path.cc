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

std::string name_of_fd(int fd)
{
  std::array<char, PATH_MAX + 64> text; // " (deleted)" may follow
  const ssize_t n = ::readlink(ProcPath(fd).c_str(), text.data(), text.size());

  if (n <= 0 || static_cast<std::size_t>(n) == text.size())
    return {};
  return {text.data(), static_cast<std::size_t>(n)};
}

} // namespace qtfs
