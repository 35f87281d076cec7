// SPDX-License-Identifier: GPL-2.0

#include "unix_socket.hh"

#include <algorithm>
#include <array>
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

// Descriptors and ids, as the kernel wants them beside a message.
class Control {
public:
  // For sendmsg() and recvmsg(), which have to come while this lives.
  void fill(msghdr &message, const UnixExtras &extras)
  {
    std::size_t used = 0;

    if (extras.rights.empty() && !extras.sender)
      return;
    bytes_ = {};
    make_room(message);
    cmsghdr *at = CMSG_FIRSTHDR(&message);
    if (!extras.rights.empty()) {
      put(*at, SCM_RIGHTS, extras.rights.data(), extras.rights.size_bytes());
      used += CMSG_SPACE(extras.rights.size_bytes());
      at = CMSG_NXTHDR(&message, at);
    }
    if (extras.sender) {
      put(*at, SCM_CREDENTIALS, &*extras.sender, sizeof(*extras.sender));
      used += CMSG_SPACE(sizeof(*extras.sender));
    }
    message.msg_controllen = used;
  }
  void make_room(msghdr &message)
  {
    message.msg_control = bytes_.data();
    message.msg_controllen = bytes_.size();
  }

  // What recvmsg() has brought.
  static void take(msghdr &message, UnixMessage &received)
  {
    for (cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
      if (at->cmsg_level != SOL_SOCKET)
        continue;
      if (at->cmsg_type == SCM_CREDENTIALS)
        std::memcpy(&received.sender.emplace(), CMSG_DATA(at), sizeof(ucred));
      else if (at->cmsg_type == SCM_RIGHTS)
        take_rights(*at, received.rights);
    }
    received.lost_rights = message.msg_flags & MSG_CTRUNC;
  }

private:
  static void put(cmsghdr &header, int type, const void *data, std::size_t size)
  {
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(&header), data, size);
  }

  static void take_rights(cmsghdr &header, std::vector<Fd> &rights)
  {
    const std::size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (std::size_t i = 0; i < count; i++) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(&header) + i * sizeof(int), sizeof(fd));
      rights.emplace_back(fd);
    }
  }

  alignas(cmsghdr)
    std::array<char, CMSG_SPACE(most_unix_rights * sizeof(int)) + CMSG_SPACE(sizeof(ucred))> bytes_;
};

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

Result<std::size_t> unix_send(int socket, std::span<const iovec> parts, const UnixExtras &extras,
                              int flags)
{
  Control control;
  msghdr message = {};

  message.msg_name = const_cast<std::byte *>(extras.address.data());
  message.msg_namelen = static_cast<socklen_t>(extras.address.size());
  message.msg_iov = const_cast<iovec *>(parts.data());
  message.msg_iovlen = parts.size();
  control.fill(message, extras);
  for (;;) {
    const ssize_t n = ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    if (n >= 0)
      return static_cast<std::size_t>(n);
    if (errno != EINTR)
      return last_error();
  }
}

Result<std::size_t> unix_send(int socket, std::string_view bytes, const UnixExtras &extras,
                              int flags)
{
  const iovec part = {const_cast<char *>(bytes.data()), bytes.size()};

  return unix_send(socket, std::span(&part, 1), extras, flags);
}

Result<UnixMessage> unix_receive(int socket, std::span<std::byte> room, int flags)
{
  iovec part = {room.data(), room.size()};
  Control control;
  UnixMessage received;
  msghdr message = {};

  for (;;) {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_name = &received.address;
    message.msg_namelen = sizeof(received.address);
    control.make_room(message);
    const ssize_t n = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return last_error();
    received.size = static_cast<std::size_t>(n);
    received.address_length = message.msg_namelen;
    Control::take(message, received); // or else nobody closed them
    if (message.msg_flags & MSG_TRUNC)
      return errno_code(EMSGSIZE);
    return received;
  }
}

Result<UnixMessage> unix_receive(int socket, std::span<char> room, int flags)
{
  return unix_receive(socket, std::as_writable_bytes(room), flags);
}

} // namespace qtfs
