// SPDX-License-Identifier: GPL-2.0
//
// This machine's end of a stream: a socket, an end of a pipe, a memory file, or
// the way back to who sent a datagram.  Nothing here ever blocks, but for the end of
// those that say so.
//
// A descriptor that was passed to us shares its open file with the program that
// passed it, so its flags are never changed: sockets are asked not to block with
// each call, pipes are opened anew.

#ifndef QTFS_UDS_LOCAL_HH
#define QTFS_UDS_LOCAL_HH

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "fd.hh"
#include "frame.hh"
#include "result.hh"
#include "unix_socket.hh"

namespace qtfs::uds {

struct Received {
  std::size_t size = 0;
  std::vector<Fd> rights;
  bool lost_rights = false; // some couldn't be received
  bool end = false;         // nothing will come any more
};

// Which way data goes.
enum class Way { Both, FromLocal, ToLocal };

class Local {
public:
  virtual ~Local() = default;

  // At most as much as there is room for, one message where there are messages.
  virtual Result<Received> receive(std::span<std::byte> room) = 0;
  // How much was sent; descriptors go with the first byte.
  virtual Result<std::size_t> send(Span data, std::span<const int> rights) = 0;
  virtual void shut(bool reading, bool writing) = 0;

  virtual int fd() const = 0; // to wait for; -1: nothing to wait for
  virtual bool messages() const { return false; }
  virtual Way way() const { return Way::Both; }
  // Its end may be long in coming: what was written goes to a disk or a peer first.
  virtual bool ends_slowly() const { return false; }
};

// A connected socket of any family.  Messages are sent as @caller's, if that is
// somebody else than us and we may.
std::unique_ptr<Local> local_socket(Fd fd, SocketType type,
                                    const std::optional<ucred> &caller = std::nullopt);
// An end of a pipe, which doesn't block.
std::unique_ptr<Local> local_pipe(Fd fd, bool reads);
// A memory file of @size bytes, which is read or written from its beginning.
std::unique_ptr<Local> local_file(Fd fd, std::uint64_t size, bool reads);
// Nothing comes from it: @fd stays open until the stream ends.
std::unique_ptr<Local> local_held(Fd fd);
// Sends datagrams from @socket, which outlives it, to @address.
std::unique_ptr<Local> local_reply(int socket, const sockaddr_un &address, socklen_t length);

} // namespace qtfs::uds

#endif
