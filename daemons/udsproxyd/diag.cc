// SPDX-License-Identifier: GPL-2.0

#include "diag.hh"

#include <array>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "proc_path.hh"
#include "unix_socket.hh"

namespace qtfs::uds {

namespace {

constexpr timeval answer_limit = {2, 0};

Result<Fd> ask()
{
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message = {};

  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd)
    return last_error();
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof(answer_limit));
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = ~0U;
  message.request.udiag_show = UDIAG_SHOW_VFS;
  if (::send(fd.get(), &message, sizeof(message), 0) != sizeof(message))
    return last_error();
  return fd;
}

// The kernel's own form of a device's number.
dev_t device_of(std::uint32_t kernel)
{
  return makedev(kernel >> 20, kernel & 0xfffff);
}

std::optional<unix_diag_vfs> file_in(const nlmsghdr &header)
{
  const auto *message = reinterpret_cast<const unix_diag_msg *>(NLMSG_DATA(&header));
  const auto *attribute = reinterpret_cast<const rtattr *>(message + 1);
  auto left = static_cast<int>(header.nlmsg_len - NLMSG_LENGTH(sizeof(*message)));

  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
    if (attribute->rta_type == UNIX_DIAG_VFS &&
        RTA_PAYLOAD(attribute) >= static_cast<int>(sizeof(unix_diag_vfs))) {
      unix_diag_vfs file;
      std::memcpy(&file, RTA_DATA(attribute), sizeof(file));
      return file;
    }
  return std::nullopt;
}

int try_connect(int fd, int type)
{
  const Result<Fd> socket = unix_connect(ProcPath(fd).c_str(), type | SOCK_CLOEXEC | SOCK_NONBLOCK);

  return socket ? 0 : socket.error().value();
}

} // namespace

Result<BoundSockets> BoundSockets::now()
{
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  BoundSockets all;

  Result<Fd> fd = ask();
  if (!fd)
    return fd.error();
  for (;;) {
    const ssize_t n = ::recv(fd->get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n ? last_error() : errno_code(EPROTO);
    auto left = static_cast<unsigned>(n);
    for (const auto *header = reinterpret_cast<const nlmsghdr *>(buffer.data());
         NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE)
        return all;
      if (header->nlmsg_type == NLMSG_ERROR)
        return errno_code(EOPNOTSUPP);
      const auto *message = reinterpret_cast<const unix_diag_msg *>(NLMSG_DATA(header));
      const std::optional<SocketType> type = socket_type(message->udiag_type);
      const std::optional<unix_diag_vfs> file = file_in(*header);
      if (!type || !file)
        continue;
      const bool ready = *type == SocketType::Datagram || message->udiag_state == TCP_LISTEN;
      // An accepted connection has the name of who listened.
      const File at = {device_of(file->udiag_vfs_dev), file->udiag_vfs_ino};
      BoundSocket &socket = all.sockets_[at];
      if (!socket.ready)
        socket = {*type, ready};
      all.files_[message->udiag_ino] = at;
    }
  }
}

const BoundSocket *BoundSockets::find(dev_t device, ino_t inode) const
{
  const auto found = sockets_.find({device, static_cast<std::uint32_t>(inode)});

  return found == sockets_.end() ? nullptr : &found->second;
}

bool BoundSockets::is_bound(int socket, const struct stat &st) const
{
  struct stat own;
  if (::fstat(socket, &own) != 0)
    return false;
  const auto found = files_.find(static_cast<std::uint32_t>(own.st_ino));

  return found != files_.end() &&
         found->second == File{st.st_dev, static_cast<std::uint32_t>(st.st_ino)};
}

// The type is compared before anything else is looked at, so that the wrong one
// asks without being noticed.
std::optional<SocketType> probe(int fd)
{
  const int datagram = try_connect(fd, SOCK_DGRAM);

  if (datagram == 0)
    return SocketType::Datagram;
  if (datagram != EPROTOTYPE)
    return std::nullopt;
  return try_connect(fd, SOCK_SEQPACKET) == EPROTOTYPE ? SocketType::Stream : SocketType::Seqpacket;
}

} // namespace qtfs::uds
