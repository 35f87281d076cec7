// SPDX-License-Identifier: GPL-2.0

#include "unix_socket.hh"

#include <algorithm>
#include <cstring>
#include <sys/stat.h>

namespace qtfs {

namespace {

std::optional<sockaddr_un> address_of(std::string_view path)
{
  sockaddr_un address = {};

  address.sun_family = AF_UNIX;
  if (path.size() > longest_unix_path)
    return std::nullopt;
  std::ranges::copy(path, address.sun_path);
  return address;
}

using Call = int (*)(int, const sockaddr *, socklen_t);

std::error_code call_with(Call call, int socket, std::string_view path)
{
  const std::optional<sockaddr_un> address = address_of(path);

  if (!address)
    return errno_code(ENAMETOOLONG);
  if (call(socket, reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)) != 0)
    return last_error();
  return {};
}

void put_one(cmsghdr &header, int type, const void *data, std::size_t size)
{
  header.cmsg_level = SOL_SOCKET;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(&header), data, size);
}

} // namespace

std::error_code unix_bind(int socket, std::string_view path)
{
  return call_with(::bind, socket, path);
}

std::error_code unix_connect(int socket, std::string_view path)
{
  return call_with(::connect, socket, path);
}

Result<Fd> unix_connect(std::string_view path, int type)
{
  Fd fd(::socket(AF_UNIX, type, 0));

  if (!fd)
    return last_error();
  if (const std::error_code error = unix_connect(fd.get(), path))
    return error;
  return fd;
}

Result<Fd, std::string> unix_listen(const std::string &path, mode_t mode)
{
  const auto failed = [&](std::error_code error) { return path + ": " + error.message(); };
  const std::string directory = path.substr(0, path.rfind('/'));
  struct stat there;

  if (path.empty() || path.front() != '/' || path.size() > longest_unix_path)
    return path + ": a socket's name is an absolute path of at most 107 bytes";
  if (!directory.empty() && ::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return failed(last_error());
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode))
      return path + ": it is there, and not a socket";
    const Result<Fd> other = unix_connect(path, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (other || other.error().value() == EAGAIN) // its backlog is full
      return path + ": somebody is listening there already";
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return failed(last_error());
  }

  // bind() gives the name the socket's mode but for the umask: it is never open to others.
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::fchmod(fd.get(), mode) != 0)
    return failed(last_error());
  if (const std::error_code error = unix_bind(fd.get(), path))
    return failed(error);
  if (::chmod(path.c_str(), mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0)
    return failed(last_error());
  return fd;
}

Result<ucred> unix_peer(int socket)
{
  ucred peer = {};
  socklen_t size = sizeof(peer);

  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return last_error();
  return peer;
}

Result<std::vector<gid_t>> unix_peer_groups(int socket)
{
  std::vector<gid_t> groups(32);

  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (result != 0 && errno != ERANGE)
      return last_error();
    groups.resize(size / sizeof(gid_t)); // how many there are, in any case
    if (result == 0)
      return groups;
  }
}

void Ancillary::put(msghdr &message, std::span<const int> rights,
                    const std::optional<ucred> &sender)
{
  std::size_t used = 0;

  if (rights.empty() && !sender)
    return;
  bytes_ = {};
  message.msg_control = bytes_.data();
  message.msg_controllen = bytes_.size();
  cmsghdr *at = CMSG_FIRSTHDR(&message);
  if (!rights.empty()) {
    put_one(*at, SCM_RIGHTS, rights.data(), rights.size_bytes());
    used += CMSG_SPACE(rights.size_bytes());
    at = CMSG_NXTHDR(&message, at);
  }
  if (sender) {
    put_one(*at, SCM_CREDENTIALS, &*sender, sizeof(*sender));
    used += CMSG_SPACE(sizeof(*sender));
  }
  message.msg_controllen = used;
}

void Ancillary::make_room(msghdr &message)
{
  message.msg_control = bytes_.data();
  message.msg_controllen = bytes_.size();
}

Ancillary::Received Ancillary::take(const msghdr &message)
{
  auto *all = const_cast<msghdr *>(&message);
  Received received;

  for (cmsghdr *at = CMSG_FIRSTHDR(all); at; at = CMSG_NXTHDR(all, at)) {
    if (at->cmsg_level != SOL_SOCKET)
      continue;
    if (at->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&received.sender.emplace(), CMSG_DATA(at), sizeof(ucred));
    } else if (at->cmsg_type == SCM_RIGHTS) {
      const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; i++) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(fd));
        received.rights.emplace_back(fd);
      }
    }
  }
  received.lost_rights = message.msg_flags & MSG_CTRUNC;
  return received;
}

} // namespace qtfs
