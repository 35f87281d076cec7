// SPDX-License-Identifier: GPL-2.0

#include "binder.hh"

#include <array>
#include <csignal>
#include <cstring>
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

#include "place.hh"
#include "unix_socket.hh"

namespace qtfs::uds {

namespace {

constexpr std::string_view proc = "/.proc"; // in the helper's root
constexpr timeval answer_limit = {10, 0};

struct Answer {
  std::uint32_t number = 0; // of the request; 0: it is ready
  int error = 0;
};

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

bool send_answer(int channel, const Answer &answer)
{
  return ::send(channel, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer);
}

// A request is its number and the path, with the socket and the directory.
[[noreturn]] void serve(int channel)
{
  std::array<char, sizeof(std::uint32_t) + longest_unix_path + 1> room;
  Answer ready;

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::umask(0);
  if (!leave())
    ready.error = errno;
  if (!send_answer(channel, ready) || ready.error)
    ::_exit(1);
  for (;;) {
    const Result<UnixMessage> request = unix_receive(channel, std::span(room));
    Answer answer = {0, EPROTO};
    if (!request || !request->size)
      break;
    if (request->rights.size() == 2 && request->size > sizeof(answer.number)) {
      std::memcpy(&answer.number, room.data(), sizeof(answer.number));
      answer.error =
        bind_as(request->rights[0].get(), request->rights[1].get(),
                {room.data() + sizeof(answer.number), request->size - sizeof(answer.number)});
    }
    if (!send_answer(channel, answer))
      break;
  }
  ::_exit(0);
}

// ---- in the proxy ----

// Earlier ones may come yet, that weren't waited for any longer.
std::error_code receive_answer(int channel, std::uint32_t number)
{
  Answer answer;

  do
    if (::recv(channel, &answer, sizeof(answer), 0) != sizeof(answer))
      return errno_code(ETIMEDOUT);
  while (answer.number != number);
  return errno_code(answer.error);
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
  if (const std::error_code error = receive_answer(ours.get(), 0))
    return error;
  channel_ = std::move(ours);
  return {};
}

std::error_code Binder::bind(int socket, int directory, const std::string &path) const
{
  const std::array<int, 2> fds = {socket, directory};
  std::uint32_t number = ++last_;
  const std::array<iovec, 2> parts = {
    {{&number, sizeof(number)}, {const_cast<char *>(path.data()), path.size()}}};

  if (path.size() > longest_unix_path)
    return errno_code(ENAMETOOLONG);
  if (const auto sent = unix_send(channel_.get(), parts, {.rights = fds}); !sent)
    return sent.error();
  return receive_answer(channel_.get(), number);
}

} // namespace qtfs::uds
