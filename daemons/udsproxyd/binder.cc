// SPDX-License-Identifier: GPL-2.0

#include "binder.hh"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vector>

#include "local.hh"
#include "place.hh"

namespace qtfs::uds {

namespace {

constexpr std::string_view proc = "/.proc"; // in the helper's root
constexpr timeval answer_limit = {10, 0};

// ---- in the helper ----

// An empty root, but for /proc; nobody else sees it.  The mounts that there are must
// not stay with it: they could never be unmounted.
bool leave()
{
  // Any directory that there is for certain is as good to be covered.
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", "/sys", "tmpfs", 0, "mode=0700") == 0 &&
         ::mkdir("/sys/.proc", 0700) == 0 && ::mkdir("/sys/.old", 0700) == 0 &&
         ::mount("/proc", "/sys/.proc", nullptr, MS_BIND, nullptr) == 0 &&
         ::syscall(SYS_pivot_root, "/sys", "/sys/.old") == 0 && ::chdir("/") == 0 &&
         ::umount2("/.old", MNT_DETACH) == 0;
}

// The directories above @path's last two components; those that were made.
std::vector<std::string> make_above(const std::string &directory)
{
  std::vector<std::string> made;

  for (std::size_t at = directory.find('/', 1); at != std::string::npos;
       at = directory.find('/', at + 1))
    if (::mkdir(directory.substr(0, at).c_str(), 0700) == 0)
      made.push_back(directory.substr(0, at));
  return made;
}

int bind_as(int socket, int directory, const std::string &path)
{
  const std::string parent(directory_of(path));
  const std::string target = fmt::format("{}/self/fd/{}", proc, directory);

  if (parent == "/")
    return ENAMETOOLONG;
  std::vector<std::string> made = make_above(parent);
  const int error =
    ::symlink(target.c_str(), parent.c_str()) != 0 ? errno : unix_bind(socket, path).value();
  ::unlink(parent.c_str());
  while (!made.empty()) {
    ::rmdir(made.back().c_str());
    made.pop_back();
  }
  return error;
}

[[noreturn]] void serve(int channel)
{
  std::array<std::byte, longest_unix_path + 1> room;
  int ready = 0;

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::umask(0);
  if (!leave())
    ready = errno;
  if (::send(channel, &ready, sizeof(ready), MSG_NOSIGNAL) != sizeof(ready) || ready)
    ::_exit(1);
  // It blocks; receive_message() doesn't.
  for (std::byte first; ::recv(channel, &first, 1, MSG_PEEK) > 0;) {
    Result<Datagram> request = receive_message(channel, room);
    int error = EPROTO;
    if (request && request->rights.size() == 2)
      error = bind_as(request->rights[0].get(), request->rights[1].get(),
                      std::string(reinterpret_cast<const char *>(room.data()), request->size));
    if (::send(channel, &error, sizeof(error), MSG_NOSIGNAL) != sizeof(error))
      break;
  }
  ::_exit(0);
}

// ---- in the proxy ----

std::error_code answer(int channel)
{
  int error = 0;

  if (::recv(channel, &error, sizeof(error), 0) != sizeof(error))
    return errno_code(ETIMEDOUT);
  return errno_code(error);
}

} // namespace

Binder::~Binder()
{
  channel_.reset();
  if (pid_ > 0)
    ::waitpid(pid_, nullptr, 0);
}

std::error_code Binder::start()
{
  int ends[2];

  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return last_error();
  Fd ours(ends[0]), theirs(ends[1]);
  ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof(answer_limit));
  pid_ = ::fork();
  if (pid_ < 0)
    return last_error();
  if (pid_ == 0) {
    ours.reset();
    serve(theirs.get());
  }
  theirs.reset();
  if (const std::error_code error = answer(ours.get()))
    return error;
  channel_ = std::move(ours);
  return {};
}

std::error_code Binder::bind(int socket, int directory, const std::string &path) const
{
  const std::array<int, 2> fds = {socket, directory};
  iovec part = {const_cast<char *>(path.data()), path.size()};
  msghdr message = {};
  Ancillary ancillary;

  if (path.size() > longest_unix_path)
    return errno_code(ENAMETOOLONG);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ancillary.put(message, fds);
  if (::sendmsg(channel_.get(), &message, MSG_NOSIGNAL) < 0)
    return last_error();
  return answer(channel_.get());
}

} // namespace qtfs::uds
