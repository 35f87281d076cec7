// SPDX-License-Identifier: GPL-2.0
//
// What programs do with files, by chance and for a time, without caring what comes of it: the
// server may be hostile. In the end each process must die of a kill.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <string>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <thread>
#include <vector>

#include "answers.hh"
#include "connection.hh"
#include "fd.hh"
#include "fuzz.hh"
#include "random.hh"

namespace qtfs::fuzz {

namespace {

constexpr unsigned processes = 3;
constexpr int death_limit_s = 20;

// Whatever comes of it.
void ignore(ssize_t) {}

class User {
public:
  User(std::string directory, std::uint64_t seed) : root_(std::move(directory)), random_(seed) {}

  void step();

private:
  std::string path();
  Fd open_some();
  void with_names();
  void with_attributes();
  void with_directory();
  void with_data();
  void with_map();
  void with_locks();
  void with_fifo();
  void with_two_files();
  void with_watches();
  void with_socket();

  std::string root_;
  Random random_;
  std::array<char, 20'000> buffer_{};
};

std::string User::path()
{
  std::string path = root_;

  for (std::uint64_t n = random_.below(3); n; n--)
    path += std::string("/d") + static_cast<char>('0' + random_.below(3));
  return random_.chance(95) ? path + "/" + random_.pick(served_names) : path;
}

Fd User::open_some()
{
  constexpr std::array<int, 8> flags = {O_RDONLY,          O_RDWR,         O_WRONLY | O_APPEND,
                                        O_RDWR | O_CREAT,  O_RDWR,         O_RDWR | O_TRUNC,
                                        O_RDWR | O_DIRECT, O_RDWR | O_SYNC};

  return Fd(::open(path().c_str(), random_.pick(flags) | O_NONBLOCK | O_CLOEXEC, 0644));
}

void User::with_names()
{
  const std::string a = path(), b = path();

  switch (random_.below(8)) {
  case 0:
    ::mkdir(a.c_str(), 0755);
    break;
  case 1:
    ::rmdir(a.c_str());
    break;
  case 2:
    ::unlink(a.c_str());
    break;
  case 3:
    ::rename(a.c_str(), b.c_str());
    break;
  case 4:
    ignore(::link(a.c_str(), b.c_str()));
    break;
  case 5:
    ignore(::symlink("f0", a.c_str()));
    break;
  case 6:
    ::mknod(a.c_str(), S_IFIFO | 0644, 0);
    break;
  default:
    ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), static_cast<unsigned>(random_.below(4)));
  }
}

void User::with_attributes()
{
  const std::string a = path();
  struct stat st;
  struct statfs fs;
  int flags = 0;

  switch (random_.below(9)) {
  case 0:
    ::chmod(a.c_str(), 0600);
    break;
  case 1:
    ignore(::truncate(a.c_str(), static_cast<off_t>(random_.below(100'000))));
    break;
  case 2:
    ::statfs(a.c_str(), &fs);
    break;
  case 3:
    ::getxattr(a.c_str(), "user.a", buffer_.data(), random_.below(100));
    break;
  case 4:
    ::listxattr(a.c_str(), buffer_.data(), random_.below(100));
    break;
  case 5:
    ::setxattr(a.c_str(), "user.a", buffer_.data(), random_.below(100), 0);
    break;
  case 6:
    ::getxattr(a.c_str(), "system.posix_acl_access", buffer_.data(), buffer_.size());
    break;
  case 7:
    if (const Fd fd = open_some())
      ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags);
    break;
  default:
    ::stat(a.c_str(), &st);
    ignore(::readlink(a.c_str(), buffer_.data(), buffer_.size()));
  }
}

void User::with_directory()
{
  struct stat st;
  DIR *dir = ::opendir(path().c_str());

  // The end may never come.
  for (int i = 0; dir && i < 50; i++) {
    const dirent *entry = ::readdir(dir);
    if (!entry)
      break;
    if (random_.chance(30))
      ::fstatat(::dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
    if (random_.chance(3))
      ::seekdir(dir, static_cast<long>(random_.below(20)));
  }
  if (dir)
    ::closedir(dir);
}

void User::with_data()
{
  const Fd fd = open_some();
  const auto at = static_cast<off_t>(random_.below(200'000));
  const std::size_t n = random_.below(buffer_.size());

  for (std::uint64_t times = random_.between(1, 4); fd && times; times--) {
    switch (random_.below(8)) {
    case 0:
    case 1:
      ignore(::pread(fd.get(), buffer_.data(), n, at));
      break;
    case 6:
    case 7:
      ignore(::pwrite(fd.get(), buffer_.data(), n, at));
      break;
    case 2:
      ::fsync(fd.get());
      break;
    case 3:
      ::fallocate(fd.get(), static_cast<int>(random_.below(4)), at, static_cast<off_t>(n));
      break;
    case 4:
      ::lseek(fd.get(), at, random_.chance(50) ? SEEK_DATA : SEEK_HOLE);
      break;
    default:
      ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
  }
}

// What can't be read ends the process, and the next one begins.
void User::with_map()
{
  const Fd fd = open_some();
  constexpr std::size_t size = 32768;
  void *map =
    fd ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0) : MAP_FAILED;

  if (map == MAP_FAILED) // NOLINT(performance-no-int-to-ptr): it is the system's
    return;
  auto *bytes = static_cast<volatile char *>(map);
  for (int i = 0; i < 4; i++)
    bytes[random_.below(size)] = static_cast<char>(bytes[random_.below(size)] + 1);
  ::msync(map, size, MS_SYNC);
  ::munmap(map, size);
}

void User::with_locks()
{
  const Fd fd = open_some();
  struct flock lock {};

  lock.l_type = static_cast<short>(random_.below(3));
  lock.l_len = static_cast<off_t>(random_.below(50));
  switch (random_.below(5)) {
  case 0:
    ::fcntl(fd.get(), F_SETLK, &lock);
    break;
  case 1:
    ::fcntl(fd.get(), F_SETLKW, &lock);
    break;
  case 2:
    ::fcntl(fd.get(), F_GETLK, &lock);
    break;
  case 3:
    ::fcntl(fd.get(), F_OFD_SETLKW, &lock);
    break;
  default:
    ::flock(fd.get(), static_cast<int>(random_.between(1, 2)) | (random_.chance(50) ? LOCK_NB : 0));
  }
}

void User::with_fifo()
{
  const std::string a = root_ + "/p0";
  const Fd fd(::open(a.c_str(), (random_.chance(50) ? O_RDWR : O_RDONLY) | O_CLOEXEC |
                                  (random_.chance(70) ? O_NONBLOCK : 0)));
  pollfd p{.fd = fd.get(), .events = POLLIN | POLLOUT, .revents = 0};

  if (!fd)
    return;
  ::poll(&p, 1, 20);
  ignore(::write(fd.get(), buffer_.data(), random_.below(5000)));
  ignore(::read(fd.get(), buffer_.data(), random_.below(5000)));
}

void User::with_two_files()
{
  const Fd from = open_some(), to = open_some();
  off_t a = 0, b = 0;

  if (from && to) [[maybe_unused]]
    const auto copied = ::copy_file_range(from.get(), &a, to.get(), &b, random_.below(100'000), 0);
}

void User::with_watches()
{
  const Fd notes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), set(::epoll_create1(EPOLL_CLOEXEC));
  const Fd file = open_some();
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};

  ::inotify_add_watch(notes.get(), path().c_str(), IN_ALL_EVENTS);
  if (file)
    ::epoll_ctl(set.get(), EPOLL_CTL_ADD, file.get(), &event);
  with_directory();
  ::epoll_wait(set.get(), &event, 1, 5);
  ignore(::read(notes.get(), buffer_.data(), buffer_.size()));
}

void User::with_socket()
{
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string a = path();
  sockaddr_un to{};

  to.sun_family = AF_UNIX;
  std::copy_n(a.begin(), std::min(a.size(), sizeof(to.sun_path) - 1), to.sun_path);
  if (random_.chance(50))
    ignore(::connect(fd.get(), reinterpret_cast<const sockaddr *>(&to), sizeof(to)));
  else
    ignore(::bind(fd.get(), reinterpret_cast<const sockaddr *>(&to), sizeof(to)));
}

void User::step()
{
  switch (random_.below(14)) {
  case 0:
  case 1:
    return with_names();
  case 2:
  case 3:
    return with_attributes();
  case 4:
  case 5:
    return with_directory();
  case 6:
    return with_map();
  case 7:
    return with_locks();
  case 8:
    return with_fifo();
  case 9:
    return with_two_files();
  case 10:
    return with_watches();
  case 11:
    return with_socket();
  default:
    return with_data();
  }
}

// Waits are interrupted, each after a while.
void interrupted(int) {}

[[noreturn]] void live(const Options &options, std::uint64_t seed)
{
  User user(options.directory, seed);
  struct sigaction action {};
  const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 300'000},
                        .it_value = {.tv_sec = 0, .tv_usec = 300'000}};

  action.sa_handler = interrupted;
  ::sigaction(SIGALRM, &action, nullptr);
  ::setitimer(ITIMER_REAL, &often, nullptr);
  for (;;)
    user.step();
}

pid_t begin(const Options &options, std::uint64_t seed)
{
  const pid_t pid = ::fork();

  if (pid == 0)
    live(options, seed);
  return pid;
}

// False if one of them doesn't die.
bool end(std::vector<pid_t> pids)
{
  const Deadline deadline(std::chrono::seconds(death_limit_s * slow()));

  for (const pid_t pid : pids)
    ::kill(pid, SIGKILL);
  while (!pids.empty() && !deadline.over()) {
    std::erase_if(pids, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  for (const pid_t pid : pids)
    std::printf("wrong: process %d can't be killed\n", static_cast<int>(pid));
  return pids.empty();
}

} // namespace

int load(const Options &options)
{
  const Deadline deadline(options.time);
  std::uint64_t seed = options.seed;
  std::vector<pid_t> pids;

  for (unsigned i = 0; i < processes; i++)
    pids.push_back(begin(options, seed++));
  while (!deadline.over()) {
    for (pid_t &pid : pids)
      if (::waitpid(pid, nullptr, WNOHANG) == pid)
        pid = begin(options, seed++);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return end(std::move(pids)) ? 0 : 1;
}

} // namespace qtfs::fuzz
