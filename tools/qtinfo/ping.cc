// SPDX-License-Identifier: GPL-2.0

#include "ping.hh"

#include <cerrno>
#include <charconv>
#include <sys/vfs.h>

#include "snapshot.hh"
#include "write_all.hh"

namespace qtfs::qtinfo {

Ping ping(const Mount &mount, std::chrono::milliseconds limit)
{
  Ping result;
  bool complete = false;

  result.mount = mount.id;
  result.point = mount.points.empty() ? std::string() : mount.points.front();
  if (result.point.empty()) {
    result.error = ENOENT; // mounted in another name space
    return result;
  }
  // In the child: what it takes to make it doesn't count.
  const std::string text = run_apart(
    [&](int fd) {
      struct statfs st;
      const auto begin = std::chrono::steady_clock::now();
      const int error = ::statfs(result.point.c_str(), &st) == 0 ? 0 : errno;
      const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
      const std::string said = std::to_string(error) + " " + std::to_string(took.count());
      (void)write_all(fd, said); // what is missing shows as no answer
    },
    limit, complete);
  const std::size_t blank = text.find(' ');
  if (!complete || blank == std::string::npos) {
    result.error = ETIMEDOUT;
    return result;
  }
  std::from_chars(text.data(), text.data() + blank, result.error);
  std::from_chars(text.data() + blank + 1, text.data() + text.size(), result.ns);
  return result;
}

} // namespace qtfs::qtinfo
