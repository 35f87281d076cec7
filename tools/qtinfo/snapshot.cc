// SPDX-License-Identifier: GPL-2.0

#include "snapshot.hh"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "read_all.hh"
#include "write_all.hh"

namespace qtfs::qtinfo {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most = 1 << 20; // of one file
constexpr int depth = 2;

// Trees that are read whole, and single files.
constexpr std::array trees = {
  "/sys/fs/qtfs",
  "/sys/fs/qtfs_server",
  "/sys/kernel/debug/qtfs",
  "/sys/kernel/debug/qtfs_server",
  "/sys/module/qtfs/parameters",
  "/sys/module/qtfs_server/parameters",
};
constexpr std::array singles = {
  "/proc/self/mountinfo",       "/proc/slabinfo",
  "/sys/module/qtfs/version",   "/sys/module/qtfs_server/version",
  "/proc/sys/kernel/osrelease", "/etc/fstab",
};

// Who reads is this very program: without it there's nothing left to do.
void put(int fd, std::string_view text)
{
  if (write_all(fd, text))
    ::_exit(1);
}

// "NAME\0" before it is read, "+LENGTH\0CONTENT" or "-\0" after.
void put_file(int fd, const std::string &root, const std::string &name)
{
  put(fd, name + '\0');
  const Fd file(::open((root + name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const Result<std::string> content = file ? read_up_to(file.get(), most) : last_error();

  if (content)
    put(fd, "+" + std::to_string(content->size()) + '\0' + *content);
  else
    put(fd, std::string_view("-\0", 2));
}

void put_tree(int fd, const std::string &root, const std::string &name, int levels)
{
  std::error_code error;

  for (const fs::directory_entry &entry : fs::directory_iterator(root + name, error)) {
    const std::string below = name + "/" + entry.path().filename().string();
    if (entry.is_directory(error) && levels > 1)
      put_tree(fd, root, below, levels - 1);
    else if (entry.is_regular_file(error) && entry.path().filename() != "fault")
      put_file(fd, root, below);
  }
}

// Takes what ends with a NUL off @rest; false: it isn't all there.
bool take_word(std::string_view &rest, std::string &word)
{
  const std::size_t end = rest.find('\0');

  if (end == std::string_view::npos)
    return false;
  word = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return true;
}

} // namespace

std::string run_apart(const std::function<void(int fd)> &work, std::chrono::milliseconds limit,
                      bool &complete)
{
  const Clock::time_point end = Clock::now() + limit;
  std::string text;
  int ends[2];

  complete = false;
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return text;
  const Fd from(ends[0]);
  Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    work(to.get());
    ::_exit(0);
  }
  to.reset();

  std::array<char, 65536> chunk;
  while (pid > 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    pollfd poll = {from.get(), POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&poll, 1, static_cast<int>(left.count())) : 0;
    if (ready == 0)
      break;
    const ssize_t n = ready > 0 ? ::read(from.get(), chunk.data(), chunk.size()) : -1;
    if (n < 0 && errno == EINTR)
      continue;
    complete = n == 0;
    if (n <= 0)
      break;
    text.append(chunk.data(), static_cast<std::size_t>(n));
  }
  if (pid > 0 && !complete)
    ::kill(pid, SIGKILL); // it takes effect whenever the kernel lets go
  else if (pid > 0)
    ::waitpid(pid, nullptr, 0);
  return text;
}

Snapshot take_snapshot(const std::string &root, std::chrono::milliseconds limit)
{
  Snapshot snapshot;
  bool complete = false;

  snapshot.at = Clock::now();
  const std::string text = run_apart(
    [&](int fd) {
      for (const char *name : singles)
        put_file(fd, root, name);
      for (const char *name : trees)
        put_tree(fd, root, name, depth);
    },
    limit, complete);

  std::string name;
  std::string length;
  for (std::string_view rest = text; take_word(rest, name);) {
    if (!take_word(rest, length)) {
      snapshot.stuck = name;
      break;
    }
    if (length.starts_with('-'))
      continue;
    const std::size_t size = std::min<std::size_t>(std::stoull(length.substr(1)), rest.size());
    snapshot.files[name] = rest.substr(0, size);
    rest.remove_prefix(size);
  }
  if (!complete && snapshot.stuck.empty())
    snapshot.stuck = name.empty() ? "/sys" : name;
  return snapshot;
}

} // namespace qtfs::qtinfo
