// SPDX-License-Identifier: GPL-2.0
//
// The sockets that programs of this machine have made on mounts of qtfs.  On the peer,
// whose files they are, nobody listens at them: so they are announced to it like those
// of [Udsconnect], with the path that they have there, and the peer's proxy listens in
// the program's place.
//
// The whitelist judges the path here, on the mount.  A file is held by a descriptor that
// doesn't keep the mount busy; its path is asked for whenever it is needed, so that a
// file that was renamed has its new one.

#ifndef QTFS_UDS_MADE_SOCKETS_HH
#define QTFS_UDS_MADE_SOCKETS_HH

#include <map>
#include <string>
#include <vector>

#include "diag.hh"
#include "loop.hh"
#include "mountinfo.hh"
#include "whitelist.hh"

namespace qtfs::uds {

// The mount to be used of each file system of qtfs.
using QtfsMounts = std::map<dev_t, MountInfo>;

class MadeSockets {
public:
  static constexpr std::size_t most = 16384;

  // A file system's device, and the number that the file has there.
  using Key = std::pair<dev_t, std::uint64_t>;

  struct Socket {
    Fd file;
    std::string prefix; // where the file system's root is, on the peer; empty: "/"
    Clock::time_point since;
    bool seen = false; // with a program behind it
    Announcement announcement;
    std::string here; // its path on this machine
  };

  void set_whitelist(const Whitelist *whitelist) { whitelist_ = whitelist; }
  void set_mounts(const QtfsMounts *mounts);

  void add(const Key &key, Fd file, std::string prefix);
  // Those that somebody listens at, by their paths on the peer.  Forgets those whose
  // program has gone; @unready: there are others that may be ready soon.
  std::map<std::string, Announcement> list(const BoundSockets &bound, bool &unready);
  // Which the peer may reach; nullptr: none.
  const Socket *find(const std::string &path) const;

private:
  bool locate(const Key &key, Socket &socket) const;

  const Whitelist *whitelist_ = nullptr;
  const QtfsMounts *mounts_ = nullptr;
  std::map<Key, Socket> sockets_;
};

} // namespace qtfs::uds

#endif
