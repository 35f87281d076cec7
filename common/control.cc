// SPDX-License-Identifier: GPL-2.0

#include "control.hh"

#include <array>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace qtfs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t request_max = 65536;
constexpr std::size_t answer_max = 64 << 20; // a whitelist, each byte of it escaped
constexpr auto serve_limit = std::chrono::seconds(2);

bool set_address(sockaddr_un &address, const std::string &path)
{
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

// Whether the descriptor, which doesn't block, is ready before @end; errno says why not.
bool wait_until(int fd, short events, Clock::time_point end)
{
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    pollfd poll = {fd, events, 0};

    const int n = left.count() > 0 ? ::poll(&poll, 1, static_cast<int>(left.count())) : 0;
    if (n > 0)
      return true;
    if (n == 0) {
      errno = ETIMEDOUT;
      return false;
    }
    if (errno != EINTR)
      return false;
  }
}

// Up to the end of a line, which isn't part of it.  Nothing else may follow.
Result<std::string> receive_line(int fd, std::size_t most, Clock::time_point end)
{
  std::string line;
  std::array<char, 16384> chunk;

  for (;;) {
    if (!wait_until(fd, POLLIN, end))
      return last_error();
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      return last_error();
    if (n == 0)
      return errno_code(EPIPE);
    line.append(chunk.data(), static_cast<std::size_t>(n));
    if (line.back() == '\n') {
      line.pop_back();
      return line;
    }
    if (line.size() > most)
      return errno_code(EMSGSIZE);
  }
}

std::error_code send_line(int fd, std::string line, Clock::time_point end)
{
  line += '\n';
  for (std::string_view rest = line; !rest.empty();) {
    if (!wait_until(fd, POLLOUT, end))
      return last_error();
    const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      return last_error();
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

bool is_root(int fd)
{
  ucred peer = {};
  socklen_t size = sizeof(peer);

  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

} // namespace

Result<Fd, std::string> control_listen(const std::string &path)
{
  const auto failed = [&](std::error_code error) { return path + ": " + error.message(); };
  const std::string directory = path.substr(0, path.rfind('/'));
  sockaddr_un address;

  if (path.empty() || path.front() != '/' || !set_address(address, path))
    return path + ": a socket's name is an absolute path of at most 107 bytes";
  if (!directory.empty() && ::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return failed(last_error());

  // There is one engine at a time, so a socket that is there belongs to a dead one.
  struct stat there;
  if (::lstat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode))
    return path + ": it is there, and not a socket";
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return failed(last_error());

  // bind() gives the name the mode that the socket has: it is never open to others.
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
    return failed(last_error());
  if (::listen(fd.get(), SOMAXCONN) != 0)
    return failed(last_error());
  return fd;
}

void control_serve(int listener, const std::function<std::string(std::string_view)> &answer)
{
  const Clock::time_point end = Clock::now() + serve_limit;
  const Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));

  if (!fd || !is_root(fd.get()))
    return;
  const Result<std::string> request = receive_line(fd.get(), request_max, end);
  if (request)
    send_line(fd.get(), answer(*request), end); // who is gone isn't told
}

Result<Json, std::string> control_ask(const std::string &path, const Json &request,
                                      std::chrono::milliseconds limit)
{
  const Clock::time_point end = Clock::now() + limit;
  sockaddr_un address;

  const auto explain = [&](std::error_code error) {
    switch (error.value()) {
    case ENOENT:
    case ECONNREFUSED:
      if (path == proxy_socket)
        return path + ": udsproxyd isn't running here (systemctl start udsproxyd)";
      return path + ": no engine is running here (is this the server? systemctl start qtfs-engine)";
    case EACCES:
    case EPERM:
    case EPIPE:
      return path + ": it talks to root alone";
    case ETIMEDOUT:
    case EAGAIN:
      return path + ": it doesn't answer";
    default:
      return path + ": " + error.message();
    }
  };

  if (!set_address(address, path))
    return explain(errno_code(ENAMETOOLONG));
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
    return explain(last_error());
  if (const std::error_code error = send_line(fd.get(), request.line(), end))
    return explain(error);
  const Result<std::string> line = receive_line(fd.get(), answer_max, end);
  if (!line)
    return explain(line.error());
  std::optional<Json> answer = Json::parse(*line);
  if (!answer)
    return path + ": the answer isn't JSON";
  if (!answer->flag("ok"))
    return answer->string("error").value_or(path + ": refused without a reason");
  return std::move(*answer);
}

} // namespace qtfs
