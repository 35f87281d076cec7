// SPDX-License-Identifier: GPL-2.0
//
// The unix sockets that are bound to files, as the kernel's sock_diag tells: which
// file belongs to a socket of which type, and whether it listens.
//
// It knows those of this network name space.  For others there is probe().

#ifndef QTFS_UDS_DIAG_HH
#define QTFS_UDS_DIAG_HH

#include <map>
#include <optional>

#include "frame.hh"
#include "place.hh"
#include "result.hh"

namespace qtfs::uds {

struct BoundSocket {
  SocketType type = SocketType::Stream;
  bool ready = false; // it listens, or is one of datagrams
};

class BoundSockets {
public:
  static Result<BoundSockets> now();

  // The socket of the file; nullptr: none that is known.
  const BoundSocket *find(const struct stat &st) const { return find(st.st_dev, st.st_ino); }
  const BoundSocket *find(dev_t device, ino_t inode) const;
  // Whether @socket, a descriptor, is bound to the file.
  bool is_bound(int socket, const struct stat &st) const;

private:
  // The kernel tells only half of an inode's number.
  using File = std::pair<dev_t, std::uint32_t>;

  std::map<File, BoundSocket> sockets_;
  std::map<std::uint32_t, File> files_; // by the socket's own inode
};

// Whether the socket file @fd (O_PATH) is anybody's, and of what type.  A listening
// seqpacket socket sees a connection that ends at once.
std::optional<SocketType> probe(int fd);

} // namespace qtfs::uds

#endif
