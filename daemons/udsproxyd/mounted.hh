// SPDX-License-Identifier: GPL-2.0
//
// The peer's sockets that are on a mount of qtfs: the file is there, what lacks is
// somebody who listens.  The module says when a program is about to connect to one
// (common/uds.h); then there is bound a socket of ours to the file, which stays for
// those who come later, until the peer's goes or the mount does.
//
// It also says when a program makes one there, which is for made_sockets.hh.

#ifndef QTFS_UDS_MOUNTED_HH
#define QTFS_UDS_MOUNTED_HH

#include <map>
#include <memory>
#include <string>

#include "binder.hh"
#include "made_sockets.hh"
#include "mirrors.hh"
#include "workers.hh"

struct qtfs_uds_event;

namespace qtfs::uds {

class Mounted {
public:
  // @news: a program has made a socket.
  Mounted(Loop &loop, Workers &workers, Mirrors &mirrors, const Binder &binder, MadeSockets &made,
          std::function<void()> news);
  ~Mounted();

  void link_up();
  void link_down();
  // What the peer has, has changed.
  void reconcile();
  // The peer has announced what there was when it was told Link::look(@number).
  void looked(std::uint32_t number);
  std::size_t count() const { return sockets_.size(); }

private:
  using Key = MadeSockets::Key;
  struct Ask {
    Key key;
    std::uint64_t id;
    std::string path;   // on the server
    std::string inside; // the part below the mount's root
    std::uint32_t look; // of the peer, after which it's known; 0: there is no link
    Clock::time_point until;
  };

  void open_device();
  void wait_for_device();
  void read_events();
  void take_ask(const qtfs_uds_event &event);
  void take_made(const qtfs_uds_event &event);
  void open_mount(dev_t device, std::function<void(Result<Fd>)> opened);
  Result<Fd> open(unsigned long request, const Fd &mount, std::uint64_t id) const;
  void made(const Key &key, std::uint64_t id, const std::string &path, std::size_t prefix,
            Result<Fd> mount);
  bool answer(const Ask &ask);
  void answer(const Ask &ask, const Announcement &announcement, Result<Fd> mount);
  std::error_code show(const Ask &ask, const Announcement &announcement, const Fd &mount);
  Result<Fd> bind(const Ask &ask, const Announcement &announcement, const Fd &mount);
  void done(const Ask &ask);
  void answer_waiting();
  void wait_on();
  void look_at_mounts();
  void tick();

  Loop &loop_;
  Workers &workers_;
  Mirrors &mirrors_;
  const Binder &binder_;
  MadeSockets &made_;
  const std::function<void()> news_;
  Fd device_;
  Loop::Watch device_watch_;
  Fd appears_; // the device's directory
  Loop::Watch appears_watch_;
  Fd mounts_;
  Loop::Watch mounts_watch_;
  QtfsMounts where_;
  std::map<Key, std::unique_ptr<Mirror>> sockets_;
  std::vector<Ask> waiting_; // for the peer to announce the socket
  std::uint32_t looks_ = 0;  // that it was asked for
  std::uint32_t looked_ = 0; // and has done
  Loop::Timer timer_;
  Loop::Timer tick_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();
};

} // namespace qtfs::uds

#endif
