// SPDX-License-Identifier: GPL-2.0

#include "write_all.hh"

#include <fcntl.h>

#include "fd.hh"
#include "result.hh"

namespace qtfs {

std::error_code write_all(int fd, std::string_view text)
{
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return last_error();
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::error_code write_into(const std::string &file, std::string_view text)
{
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));

  return fd ? write_all(fd.get(), text) : last_error();
}

} // namespace qtfs
