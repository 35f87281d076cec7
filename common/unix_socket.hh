// SPDX-License-Identifier: GPL-2.0
//
// Unix sockets: their names, who is at the other end, and messages with what goes with
// them beside their bytes.

#ifndef QTFS_UNIX_SOCKET_HH
#define QTFS_UNIX_SOCKET_HH

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/uio.h>
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

// ---- messages: some bytes of a stream, or one message of another type ----

inline constexpr std::size_t most_unix_rights = 253; // the kernel's SCM_MAX_FD

// What goes with the bytes.
struct UnixExtras {
  std::span<const int> rights = {};
  std::optional<ucred> sender = std::nullopt;
  // To whom, as the kernel has told it; empty: to whom the socket is connected.
  std::span<const std::byte> address = {};
};

// Returns how much was sent: all @parts, but for a stream that doesn't wait.  Nobody gets
// SIGPIPE, or EINTR.
Result<std::size_t> unix_send(int socket, std::span<const iovec> parts,
                              const UnixExtras &extras = {}, int flags = 0);
Result<std::size_t> unix_send(int socket, std::string_view bytes, const UnixExtras &extras = {},
                              int flags = 0);

struct UnixMessage {
  std::size_t size = 0; // 0: also the end of a stream
  std::vector<Fd> rights;
  bool lost_rights = false;    // some couldn't be received
  std::optional<ucred> sender; // where SO_PASSCRED asks for it
  sockaddr_un address = {};
  socklen_t address_length = 0;
};

// EMSGSIZE, and it is gone, if a message is longer than @room.  Never EINTR.
Result<UnixMessage> unix_receive(int socket, std::span<std::byte> room, int flags = 0);
Result<UnixMessage> unix_receive(int socket, std::span<char> room, int flags = 0);

} // namespace qtfs

#endif
