// SPDX-License-Identifier: GPL-2.0
//
// The peer's sockets as they are shown here: for each one a socket of ours, with
// the same path, type, mode and owner, that passes on who connects.
//
// Only where this machine's own [Udsconnect] allows it, too: else the peer could
// put itself in the place of any service.  A file that is there already, and is
// not dead, is left alone; but what the peer has made here over a mount is its file,
// and a socket of ours is bound to it where nobody's is (common/uds.h).  The sockets stay when the
// link breaks: who connects then waits for it, but not for ever.

#ifndef QTFS_UDS_MIRRORS_HH
#define QTFS_UDS_MIRRORS_HH

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "binder.hh"
#include "link.hh"
#include "place.hh"
#include "whitelist.hh"

namespace qtfs::uds {

class Mirrors;

// A socket to show one of the peer's by, to be bound; and what comes after that.
Result<Fd> listening_socket(SocketType type);
std::error_code listen_as(int socket, const Announcement &announcement);

// One of them.
class Mirror {
public:
  Mirror(Mirrors &mirrors, Announcement announcement, Fd socket, Identity file);
  Mirror(const Mirror &) = delete;
  ~Mirror();

  const Announcement &announcement() const { return announcement_; }
  Identity file() const { return file_; }
  int socket() const { return socket_.get(); }

  // What waits can go on, or has waited in vain.
  void link_up();
  void link_down();
  void give_up();
  // A stream of datagrams has ended.
  void ended(std::uint32_t id);
  std::size_t waiting() const { return waiting_.size(); }

private:
  struct Waiting {
    Fd socket;
    Caller caller;
    Clock::time_point until;
  };
  // Who sends datagrams: an address, or a user without one.
  using Source = std::pair<std::string, std::uint32_t>;

  void ready();
  void accept();
  void receive();
  bool pass_on();
  void connect(Fd socket, Caller caller);
  Stream *stream_for(const UnixMessage &datagram);
  void drop_idle();

  Mirrors &mirrors_;
  Announcement announcement_;
  Fd socket_;
  const Identity file_;
  Loop::Watch watch_;
  Loop::Timer pause_;
  std::deque<Waiting> waiting_;

  // Of datagrams.
  std::map<Source, std::uint32_t> streams_;
  struct Held {
    UnixMessage datagram;
    Bytes data;
  };
  std::optional<Held> held_; // that its stream has no room for
  const std::shared_ptr<int> alive_ = std::make_shared<int>();
};

class Mirrors {
public:
  static constexpr std::size_t most = 16384;
  static constexpr std::size_t most_waiting = 4096; // connections, for each socket
  static constexpr std::size_t most_sources = 1024; // of datagrams, likewise

  struct Options {
    Clock::duration patience = std::chrono::seconds(30); // with a broken link
  };

  Mirrors(Loop &loop, const Root &root, const Binder &binder, Options options);
  ~Mirrors();

  void set_whitelist(const Whitelist *whitelist);
  // Sockets that an earlier process left with the service manager.
  void adopt(std::vector<Fd> sockets);
  // So that they outlive this process; empty: they don't, and their files go with it.
  void keep(std::function<void(int, bool)> store) { store_ = std::move(store); }

  void link_up(Link &link);
  void link_down(Link &link);
  void announced(Announcement announcement);
  void withdrawn(const std::string &path);
  void synced();
  // Something has changed here: what was in the way may be gone, or a file of ours.
  void reconcile();

  // The peer's socket of that path, if it has one.
  const Announcement *wanted(const std::string &path) const;
  bool owns(const Identity &file) const { return files_.contains(file); }
  std::size_t count() const { return mirrors_.size(); }
  std::size_t waiting() const;

  // For its mirrors.
  Loop &loop() { return loop_; }
  Link *link() { return link_ && link_->up() ? link_ : nullptr; }
  const Options &options() const { return options_; }

private:
  friend class Mirror;

  void show(const Announcement &announcement);
  void remove(const std::string &path);
  bool is_there(const Mirror &mirror) const;
  Result<Fd> parent_of(const std::string &path) const;
  Result<Fd> make_directories(const std::string &path) const;
  std::error_code make_way(int parent, const std::string &name) const;
  std::error_code bind_name(int socket, int parent, const std::string &path) const;
  Result<Fd> make(const Announcement &announcement, Identity &file) const;
  Result<Fd> bind(const Announcement &announcement, int parent, Identity &file) const;
  Result<Fd> bind_made(const Announcement &announcement, Identity &file) const;
  void complain(const std::string &path, const std::string &why);
  void tick();

  Loop &loop_;
  const Root &root_;
  const Binder &binder_;
  const Options options_;
  const Whitelist *whitelist_ = nullptr;
  Link *link_ = nullptr;
  std::function<void(int, bool)> store_;
  std::map<std::string, Announcement> wanted_;
  std::set<std::string> listed_; // since the link is there
  bool syncing_ = true;
  std::map<std::string, std::unique_ptr<Mirror>> mirrors_;
  std::set<Identity> files_;
  std::set<std::string> complained_;
  Loop::Timer timer_;
};

} // namespace qtfs::uds

#endif
