// SPDX-License-Identifier: GPL-2.0
//
// Where a proxy is: an IP address or a vsock cid, and a port.

#ifndef QTFS_UDS_ADDRESS_HH
#define QTFS_UDS_ADDRESS_HH

#include <string>
#include <sys/socket.h>

#include "fd.hh"
#include "result.hh"

namespace qtfs::uds {

class Address {
public:
  // The error is a sentence.
  static Result<Address, std::string> parse(const std::string &host, const std::string &port);

  const std::string &text() const { return text_; }
  int family() const { return storage_.ss_family; }
  const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage_); }
  socklen_t size() const { return size_; }

  // Whether the other is the same machine, at whatever port.
  bool same_host(const sockaddr_storage &other) const;
  Address with_any_port() const;

private:
  sockaddr_storage storage_ = {};
  socklen_t size_ = 0;
  std::string text_;
};

Result<Fd> listen_at(const Address &address);
// Begins to connect from @local's host; the socket is writable when that has ended.
Result<Fd> begin_connect(const Address &local, const Address &peer);
int connect_error(int socket);
void tune(int socket);

} // namespace qtfs::uds

#endif
