// SPDX-License-Identifier: GPL-2.0

#include "connection.hh"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "bytes.hh"
#include "frame.hh"

namespace qtfs::fuzz {

namespace {

constexpr int send_limit_ms = 5000;
// What a frame may be, so that a length that is nonsense isn't waited for.
constexpr std::size_t frame_max = std::size_t{QTFS_DATA_MAX} + QTFS_ARGS_MAX + 4096;

constexpr std::string_view vsock = "vsock:";

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage); }
};

Address address_of(const std::string &address, std::uint16_t port)
{
  Address made;

  if (address.starts_with(vsock)) {
    auto *vm = reinterpret_cast<sockaddr_vm *>(&made.storage);

    vm->svm_family = AF_VSOCK;
    vm->svm_cid = static_cast<unsigned>(std::strtoul(address.c_str() + vsock.size(), nullptr, 10));
    vm->svm_port = port;
    made.size = sizeof(*vm);
  } else {
    auto *in = reinterpret_cast<sockaddr_in *>(&made.storage);

    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &in->sin_addr);
    made.size = sizeof(*in);
  }
  return made;
}

volatile std::sig_atomic_t ended;

void end(int)
{
  ended = 1;
}

bool ready(int fd, short events, int limit_ms)
{
  pollfd p{.fd = fd, .events = events, .revents = 0};

  return ::poll(&p, 1, limit_ms) > 0;
}

} // namespace

int slow()
{
  static const int factor = [] {
    const char *text = std::getenv("RIG_SLOW");
    return std::max(text ? std::atoi(text) : 1, 1); // NOLINT(cert-err34-c): 0 where it is nonsense
  }();

  return factor;
}

Fd dial(const std::string &address, std::uint16_t port)
{
  const Address to = address_of(address, port);
  Fd fd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = 5L * slow(), .tv_usec = 0};
  const int one = 1;

  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  if (::connect(fd.get(), to.get(), to.size) != 0)
    fd.reset();
  return fd;
}

Connection::Connection(Fd fd) : fd_(std::move(fd)) {}

// The peer may wait until its answers are taken.
bool Connection::wait_for_room()
{
  return receive(0) && ready(fd(), POLLOUT | POLLIN, send_limit_ms * slow());
}

bool Connection::send(std::string_view bytes)
{
  while (good() && !bytes.empty()) {
    const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0)
      bytes.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EINTR && (errno != EAGAIN || !wait_for_room()))
      close();
  }
  return good();
}

bool Connection::receive(int wait_ms)
{
  std::array<char, 65536> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)

  if (!good() || !ready(fd(), POLLIN, wait_ms))
    return good();
  for (;;) {
    const ssize_t n = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);

    if (n > 0)
      received_.append(buffer.data(), static_cast<std::size_t>(n));
    else if (n < 0 && errno == EINTR)
      continue;
    else if (n < 0 && errno == EAGAIN)
      return true;
    else
      close();
    if (!good() || static_cast<std::size_t>(n) < buffer.size())
      return good();
  }
}

std::optional<std::string> Connection::frame()
{
  const std::string_view rest = std::string_view(received_).substr(taken_);
  const auto len = le(value_of<qtfs_hdr>(rest).len);

  if (rest.size() < sizeof(qtfs_hdr) || lost_)
    return std::nullopt;
  if (len < sizeof(qtfs_hdr) || len > frame_max) {
    lost_ = true;
    return std::nullopt;
  }
  if (rest.size() < len) {
    received_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  }
  taken_ += len;
  return std::string(rest.substr(0, len));
}

Listener::Listener(const std::string &address, std::uint16_t port)
{
  const Address at = address_of(address, port);
  const int one = 1;

  fd_.reset(::socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (::bind(fd_.get(), at.get(), at.size) != 0 || ::listen(fd_.get(), 64) != 0)
    fd_.reset();
}

Fd Listener::accept()
{
  return Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

bool serve_until_the_end(const Options &options, const std::function<void(Listener &)> &serve)
{
  Listener listener(options.address, options.port);
  const Deadline deadline(options.time);

  if (!listener.good())
    return false;
  std::signal(SIGTERM, end);
  std::printf("listening\n");
  std::fflush(stdout);
  while (!deadline.over() && !ended)
    serve(listener);
  return true;
}

} // namespace qtfs::fuzz
