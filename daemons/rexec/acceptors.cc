// SPDX-License-Identifier: GPL-2.0

#include "acceptors.hh"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace qtfs::rexec {

void Acceptors::add(std::uint16_t object, Fd listening)
{
  Socket &socket = sockets_[object];

  socket.fd = std::move(listening);
  socket.watch = loop_.watch(socket.fd.get(), held_ ? std::uint32_t{0} : EPOLLIN,
                             [this, object](std::uint32_t) { accept(object); });
}

void Acceptors::hold(bool held)
{
  if (held == held_)
    return;
  held_ = held;
  for (auto &[object, socket] : sockets_)
    socket.watch.want(held ? std::uint32_t{0} : EPOLLIN);
}

void Acceptors::accept(std::uint16_t object)
{
  const auto found = sockets_.find(object);
  if (found == sockets_.end())
    return;

  // Others use the socket as it is, so it isn't made O_NONBLOCK: only where somebody waits.
  pollfd ready = {found->second.fd.get(), POLLIN, 0};
  if (::poll(&ready, 1, 0) != 1)
    return;
  Fd connection(::accept4(ready.fd, nullptr, nullptr, SOCK_CLOEXEC));
  if (connection) {
    on_connection_(object, std::move(connection));
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
    hold(true);
    pause_ = loop_.after(std::chrono::seconds(1), [this] { hold(false); });
  } else if (errno == EINVAL) { // somebody has shut it down
    sockets_.erase(found);
  }
}

} // namespace qtfs::rexec
