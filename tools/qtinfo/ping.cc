// SPDX-License-Identifier: GPL-2.0

#include "ping.hh"

#include <cerrno>
#include <fmt/format.h>
#include <sstream>
#include <sys/vfs.h>
#include <thread>

#include "snapshot.hh"
#include "write_all.hh"

namespace qtfs::qtinfo {

namespace {

// Says "NUMBER ERRNO NANOSECONDS"; what is missing shows as no answer.
void ask(const std::string &point, std::size_t number, int fd)
{
  struct statfs st;
  const auto begin = std::chrono::steady_clock::now();
  const int error = ::statfs(point.c_str(), &st) == 0 ? 0 : errno;
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;

  (void)write_all(fd, fmt::format("{} {} {}\n", number, error, took.count()));
}

} // namespace

std::vector<Ping> ping_all(const std::vector<Mount> &mounts, std::chrono::milliseconds limit)
{
  std::vector<Ping> pings;
  bool complete = false;

  for (const Mount &mount : mounts) {
    Ping &ping = pings.emplace_back();
    ping.mount = mount.id;
    ping.point = mount.points.empty() ? std::string() : mount.points.front();
    ping.error = ping.point.empty() ? ENOENT : ETIMEDOUT; // the former: in another name space
  }
  // In the child: what it takes to make it doesn't count, and threads that hang end with it.
  std::istringstream said(run_apart(
    [&](int fd) {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < pings.size(); i++)
        if (!pings[i].point.empty())
          threads.emplace_back(ask, pings[i].point, i, fd);
    },
    limit, complete));
  std::size_t number = 0;
  int error = 0;
  for (std::uint64_t ns = 0; said >> number >> error >> ns;) {
    pings[number].error = error;
    pings[number].ns = ns;
  }
  return pings;
}

} // namespace qtfs::qtinfo
