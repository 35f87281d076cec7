// SPDX-License-Identifier: GPL-2.0
//
// The sockets of this machine that the peer may reach: what is in the directories
// of [Udsconnect] and belongs to a program that listens; and what programs of this
// machine have made on mounts (made_sockets.hh).
//
// inotify says when to look, sock_diag what a socket file is.  What no event tells
// of (a program that listens only some time after it has made the file, or that ends
// and leaves the file) is found by looking again: soon after something new, and every
// now and then.

#ifndef QTFS_UDS_EXPORTS_HH
#define QTFS_UDS_EXPORTS_HH

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "diag.hh"
#include "loop.hh"
#include "made_sockets.hh"
#include "mountinfo.hh"
#include "place.hh"
#include "whitelist.hh"

namespace qtfs::uds {

class Exports {
public:
  static constexpr std::size_t most_directories = 4096;
  static constexpr std::size_t most_sockets = 16384;
  static constexpr int deepest = 16;

  struct Events {
    std::function<void(const Announcement &)> appeared; // or changed
    std::function<void(const std::string &)> vanished;
    // Not to be exported, as it is one of the peer's sockets that is shown here.
    std::function<bool(const Identity &)> is_mirror;
    std::function<void()> looked;
  };

  Exports(Loop &loop, const Root &root, MadeSockets &made, Events events);

  void set_paths(std::vector<std::string> paths);
  void look_soon();

  const std::map<std::string, Announcement> &list() const { return list_; }

private:
  struct Look {
    std::vector<MountInfo> mounts;
    BoundSockets bound;
    std::map<std::string, Announcement> found;
    std::set<int> watched;
    std::size_t directories = 0;
    bool unready = false; // there are files of sockets that nobody listens on
  };

  void look();
  void visit(Look &look, const std::string &path, int depth, dev_t device);
  void visit_directory(Look &look, int fd, const std::string &path, int depth, dev_t device);
  void visit_socket(Look &look, int fd, const struct stat &st, const std::string &path);
  void wait_for(Look &look, std::string path);
  void watch(Look &look, int fd, std::uint32_t events);
  void drain();
  void plan(const Look &look, bool changed);

  Loop &loop_;
  const Root &root_;
  MadeSockets &made_;
  Events events_;
  std::vector<std::string> paths_;
  std::map<std::string, Announcement> list_;

  Fd inotify_;
  std::set<int> watched_;
  Loop::Watch watch_;
  Loop::Timer timer_;
  Clock::time_point next_look_;
  Clock::time_point last_look_;
  Clock::duration look_took_ = {};
  Clock::duration pause_ = {};
  bool warned_ = false;
};

} // namespace qtfs::uds

#endif
