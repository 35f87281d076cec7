// SPDX-License-Identifier: GPL-2.0
//
// The peer's sockets that are on a mount of qtfs: the file is there, what lacks is
// somebody who listens.  The module says when a program is about to connect to one
// (common/uds.h); then there is bound a socket of ours to the file, which stays for
// those who come later, until the peer's goes or the mount does.

#ifndef QTFS_UDS_MOUNTED_HH
#define QTFS_UDS_MOUNTED_HH

#include <map>
#include <memory>
#include <string>

#include "binder.hh"
#include "mirrors.hh"
#include "mountinfo.hh"

struct qtfs_uds_event;

namespace qtfs::uds {

class Mounted {
public:
  Mounted(Loop &loop, Mirrors &mirrors, const Binder &binder);
  ~Mounted();

  void link_up();
  void link_down();
  // What the peer has, has changed.
  void reconcile();
  std::size_t count() const { return sockets_.size(); }

private:
  // The file: the mount's device, and the number that it has there.
  using Key = std::pair<dev_t, std::uint64_t>;
  struct Ask {
    Key key;
    std::uint64_t id;
    std::string path;   // on the server
    std::string inside; // the part below the mount's root
    Clock::time_point until;
  };

  void open_device();
  void wait_for_device();
  void read_events();
  void take(const qtfs_uds_event &event);
  bool answer(const Ask &ask);
  std::error_code show(const Ask &ask, const Announcement &announcement);
  Result<Fd> bind(const Ask &ask, const Announcement &announcement) const;
  void done(const Ask &ask);
  void retry();
  void look_at_mounts();
  void tick();

  Loop &loop_;
  Mirrors &mirrors_;
  const Binder &binder_;
  Fd device_;
  Loop::Watch device_watch_;
  Fd appears_; // the device's directory
  Loop::Watch appears_watch_;
  Fd mounts_;
  Loop::Watch mounts_watch_;
  std::map<dev_t, MountInfo> where_;
  std::map<Key, std::unique_ptr<Mirror>> sockets_;
  std::vector<Ask> waiting_; // for the peer to announce the socket
  Loop::Timer timer_;
  Loop::Timer tick_;
};

} // namespace qtfs::uds

#endif
