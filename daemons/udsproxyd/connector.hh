// SPDX-License-Identifier: GPL-2.0
//
// Connects streams that the peer opened to sockets of this machine.
//
// The path is the peer's word.  [Udsconnect] must have it; it is resolved once, as the
// user on whose behalf the peer asks and without any link; and the very object that was
// looked at is connected to.

#ifndef QTFS_UDS_CONNECTOR_HH
#define QTFS_UDS_CONNECTOR_HH

#include <functional>
#include <map>

#include "link.hh"
#include "made_sockets.hh"
#include "place.hh"
#include "whitelist.hh"
#include "workers.hh"

namespace qtfs::uds {

class Connector {
public:
  // As local programs wait that connect to one who is slow to accept.
  static constexpr auto patience = std::chrono::seconds(30);

  using IsMirror = std::function<bool(const Identity &)>;

  Connector(Loop &loop, Workers &workers, const Root &root, const MadeSockets &made,
            Counters &counters, IsMirror is_mirror)
      : loop_(loop), workers_(workers), root_(root), made_(made), counters_(counters),
        is_mirror_(std::move(is_mirror))
  {
  }

  void set_whitelist(const Whitelist *whitelist) { whitelist_ = whitelist; }

  void open(Link &link, Stream &stream, Opening opening);
  void link_down(Link &link);

private:
  struct Target {
    Fd file;
    bool on_mount = false; // who looks at it may have to wait
    Opening opening;
  };
  struct Waiting {
    std::uint64_t number;
    std::shared_ptr<const Target> target; // also of a thread that connects to it
    Clock::time_point until;
    Clock::duration pause;
    Loop::Timer timer;
  };

  using Key = std::pair<Link *, std::uint32_t>;

  // What the path leads to, if it may be connected to.
  Result<Target> find(const Opening &opening) const;
  // EAGAIN: its backlog is full.
  static Result<Fd> connect(const Target &target);
  void attempt(Key key);
  void attempted(Key key, std::uint64_t number, Result<Fd> socket);
  void refuse(Link &link, Stream &stream, const Opening &opening, std::error_code error);

  Loop &loop_;
  Workers &workers_;
  const Root &root_;
  const MadeSockets &made_;
  Counters &counters_;
  IsMirror is_mirror_;
  const Whitelist *whitelist_ = nullptr;
  std::map<Key, Waiting> waiting_;
  std::uint64_t last_number_ = 0;
};

} // namespace qtfs::uds

#endif
