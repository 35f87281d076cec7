// SPDX-License-Identifier: GPL-2.0
//
// Connects streams that the peer opened to sockets of this machine.
//
// The path is the peer's word.  It is resolved once, as the user on whose behalf
// the peer asks; what it led to must be a socket that [Udsconnect] has; and the
// very object that was looked at is connected to.

#ifndef QTFS_UDS_CONNECTOR_HH
#define QTFS_UDS_CONNECTOR_HH

#include <functional>
#include <map>

#include "link.hh"
#include "made_sockets.hh"
#include "place.hh"
#include "whitelist.hh"

namespace qtfs::uds {

class Connector {
public:
  // As local programs wait that connect to one who is slow to accept.
  static constexpr auto patience = std::chrono::seconds(30);

  struct Target {
    Fd fd;
    std::string path;
  };

  using IsMirror = std::function<bool(const Identity &)>;

  Connector(Loop &loop, const Root &root, const MadeSockets &made, Counters &counters,
            IsMirror is_mirror)
      : loop_(loop), root_(root), made_(made), counters_(counters), is_mirror_(std::move(is_mirror))
  {
  }

  void set_whitelist(const Whitelist *whitelist) { whitelist_ = whitelist; }

  void open(Link &link, Stream &stream, Opening opening);
  void link_down(Link &link);

  // What @path leads to, if it may be connected to.
  Result<Target> find(const Opening &opening) const;

private:
  struct Waiting {
    Opening opening;
    Fd target;
    Clock::time_point until;
    Clock::duration pause;
    Loop::Timer timer;
  };

  using Key = std::pair<Link *, std::uint32_t>;

  // EAGAIN: its backlog is full.
  static Result<Fd> connect(const Opening &opening, int target);
  bool finish(Link &link, Stream &stream, const Opening &opening, Result<Fd> socket);
  void try_again(Key key);
  void refuse(Link &link, Stream &stream, const Opening &opening, std::error_code error);

  Loop &loop_;
  const Root &root_;
  const MadeSockets &made_;
  Counters &counters_;
  IsMirror is_mirror_;
  const Whitelist *whitelist_ = nullptr;
  std::map<Key, Waiting> waiting_;
};

} // namespace qtfs::uds

#endif
