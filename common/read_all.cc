// SPDX-License-Identifier: GPL-2.0

#include "read_all.hh"

#include <algorithm>
#include <array>
#include <fcntl.h>

#include "fd.hh"

namespace qtfs {

Result<std::string> read_up_to(int fd, std::size_t most)
{
  std::string text;
  std::array<char, 16384> chunk;

  while (text.size() < most) {
    const ssize_t n = ::read(fd, chunk.data(), std::min(chunk.size(), most - text.size()));

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return last_error();
    if (n == 0)
      break;
    text.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return text;
}

Result<std::string> read_all(int fd, std::size_t most)
{
  Result<std::string> text = read_up_to(fd, most + 1);

  if (text && text->size() > most)
    return errno_code(EFBIG);
  return text;
}

Result<std::string> read_file(const std::string &file, std::size_t most)
{
  return read_file_at(AT_FDCWD, file, most);
}

Result<std::string> read_file_at(int directory, const std::string &name, std::size_t most)
{
  const Fd fd(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC));

  return fd ? read_all(fd.get(), most) : last_error();
}

Result<RegularFile> read_regular(const std::string &file, std::size_t most)
{
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  RegularFile found;

  if (!fd || ::fstat(fd.get(), &found.st) != 0)
    return last_error();
  if (!S_ISREG(found.st.st_mode))
    return errno_code(S_ISDIR(found.st.st_mode) ? EISDIR : EINVAL);
  Result<std::string> text = read_all(fd.get(), most);
  if (!text)
    return text.error();
  found.text = std::move(*text);
  return found;
}

} // namespace qtfs
