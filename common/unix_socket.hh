// SPDX-License-Identifier: GPL-2.0
//
// Unix sockets: their names, who is at the other end, and what goes with a message
// beside its bytes.

#ifndef QTFS_UNIX_SOCKET_HH
#define QTFS_UNIX_SOCKET_HH

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

#include "fd.hh"
#include "result.hh"

namespace qtfs {

// So long may the name of a socket be.
inline constexpr std::size_t longest_unix_path = sizeof(sockaddr_un::sun_path) - 1;

// ENAMETOOLONG, or what the system call says.
std::error_code unix_bind(int socket, std::string_view path);
std::error_code unix_connect(int socket, std::string_view path);

// A new socket, @type with its flags, that is connected to @path.
Result<Fd> unix_connect(std::string_view path, int type);

// A stream socket that listens at @path, an absolute path.  Makes the directory, and
// takes the place of a dead socket.  It never blocks, and its file never lets in anybody
// whom @mode doesn't.  The error is a sentence.
Result<Fd, std::string> unix_listen(const std::string &path, mode_t mode);

// Who called connect(), or listen(), at the other end; and in which groups he was.
Result<ucred> unix_peer(int socket);
Result<std::vector<gid_t>> unix_peer_groups(int socket);

// Descriptors and ids that go with a message.
class Ancillary {
public:
  static constexpr std::size_t most_rights = 253; // the kernel's SCM_MAX_FD

  // For sendmsg(), which has to come while this lives.
  void put(msghdr &message, std::span<const int> rights, const std::optional<ucred> &sender = {});
  // For recvmsg(): the same.
  void make_room(msghdr &message);

  // What recvmsg() has brought.
  struct Received {
    std::vector<Fd> rights;
    std::optional<ucred> sender;
    bool lost_rights = false; // some couldn't be received
  };
  static Received take(const msghdr &message);

private:
  alignas(cmsghdr)
    std::array<char, CMSG_SPACE(most_rights * sizeof(int)) + CMSG_SPACE(sizeof(ucred))> bytes_;
};

} // namespace qtfs

#endif
