// SPDX-License-Identifier: GPL-2.0

#include "control.hh"

#include <array>
#include <poll.h>
#include <sys/socket.h>

#include "unix_socket.hh"

namespace qtfs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t request_max = 65536;
constexpr std::size_t answer_max = 64 << 20; // a whitelist, each byte of it escaped
constexpr auto serve_limit = std::chrono::seconds(2);

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

} // namespace

Result<Fd, std::string> control_listen(const std::string &path)
{
  return unix_listen(path, 0600);
}

void control_serve(int listener, const std::function<std::string(std::string_view)> &answer)
{
  const Clock::time_point end = Clock::now() + serve_limit;
  const Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));

  const Result<ucred> peer = unix_peer(fd.get());

  if (!fd || !peer || peer->uid != 0)
    return;
  const Result<std::string> request = receive_line(fd.get(), request_max, end);
  if (request)
    send_line(fd.get(), answer(*request), end); // who is gone isn't told
}

Result<Json, std::string> control_ask(const std::string &path, const Json &request,
                                      std::chrono::milliseconds limit)
{
  const Clock::time_point end = Clock::now() + limit;

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

  const Result<Fd> fd = unix_connect(path, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (!fd)
    return explain(fd.error());
  if (const std::error_code error = send_line(fd->get(), request.line(), end))
    return explain(error);
  const Result<std::string> line = receive_line(fd->get(), answer_max, end);
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
