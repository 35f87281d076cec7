// SPDX-License-Identifier: GPL-2.0

#include "address.hh"

#include <arpa/inet.h>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <linux/vm_sockets.h>
#include <netinet/tcp.h>
#include <optional>

namespace qtfs::uds {

namespace {

std::optional<std::uint32_t> number(const std::string &text)
{
  std::uint32_t value = 0;
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);

  if (error != std::errc() || stop != end)
    return std::nullopt;
  return value;
}

template <typename T> T as(const sockaddr_storage &storage)
{
  T address;

  std::memcpy(&address, &storage, sizeof(address));
  return address;
}

} // namespace

Result<Address, std::string> Address::parse(const std::string &host, const std::string &port)
{
  const std::optional<std::uint32_t> cid = number(host);
  const std::optional<std::uint32_t> at = number(port);
  sockaddr_vm vm = {};
  sockaddr_in in = {};
  sockaddr_in6 in6 = {};
  Address address;
  const auto set = [&](const auto &one) {
    std::memcpy(&address.storage_, &one, sizeof(one));
    address.size_ = sizeof(one);
  };

  if (!at || *at < 1 || (*at > 65535 && !cid))
    return "\"" + port + "\" isn't a port";
  if (cid) {
    vm.svm_family = AF_VSOCK;
    vm.svm_cid = *cid;
    vm.svm_port = *at;
    set(vm);
    address.text_ = "cid " + host + " port " + port;
  } else if (::inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(*at));
    set(in);
    address.text_ = host + ":" + port;
  } else if (::inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(static_cast<std::uint16_t>(*at));
    set(in6);
    address.text_ = "[" + host + "]:" + port;
  } else {
    return "\"" + host + "\" is neither an IP address nor a vsock cid";
  }
  return address;
}

bool Address::same_host(const sockaddr_storage &other) const
{
  if (other.ss_family != storage_.ss_family)
    return false;
  switch (other.ss_family) {
  case AF_VSOCK: // whom a machine sees itself as, and others see it as, may differ
    return as<sockaddr_vm>(other).svm_cid == as<sockaddr_vm>(storage_).svm_cid;
  case AF_INET:
    return as<sockaddr_in>(other).sin_addr.s_addr == as<sockaddr_in>(storage_).sin_addr.s_addr;
  case AF_INET6: {
    const auto a = as<sockaddr_in6>(other), b = as<sockaddr_in6>(storage_);
    return std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr)) == 0;
  }
  default:
    return false;
  }
}

Address Address::with_any_port() const
{
  Address address = *this;

  switch (family()) {
  case AF_INET:
    reinterpret_cast<sockaddr_in *>(&address.storage_)->sin_port = 0;
    break;
  case AF_INET6:
    reinterpret_cast<sockaddr_in6 *>(&address.storage_)->sin6_port = 0;
    break;
  default:
    break;
  }
  return address;
}

Result<Fd> listen_at(const Address &address)
{
  Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;

  if (!socket)
    return last_error();
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(socket.get(), address.get(), address.size()) != 0 || ::listen(socket.get(), 16) != 0)
    return last_error();
  return socket;
}

// The peer listens to nobody but this host, so that has to be where it comes from.
Result<Fd> begin_connect(const Address &local, const Address &peer)
{
  Fd socket(::socket(peer.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;

  if (!socket)
    return last_error();
  if (peer.family() != AF_VSOCK) {
    const Address from = local.with_any_port();
    ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (::bind(socket.get(), from.get(), from.size()) != 0)
      return last_error();
  }
  if (::connect(socket.get(), peer.get(), peer.size()) != 0 && errno != EINPROGRESS)
    return last_error();
  return socket;
}

int connect_error(int socket)
{
  int error = 0;
  socklen_t size = sizeof(error);

  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// Messages are small and wait for answers.
void tune(int socket)
{
  const int on = 1;

  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

} // namespace qtfs::uds
