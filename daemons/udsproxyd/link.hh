// SPDX-License-Identifier: GPL-2.0
//
// A connection to the peer, and the streams on it.
//
// Who made the connection (the initiator) is told which sockets the other side
// has, and opens streams to them.  So two proxies that serve each other have two
// links, and neither has to agree with the other on anything.
//
// All streams take turns, a frame each; a link never waits for one of them.  What
// a link keeps is bounded: frames to be sent by high_water (control frames by
// hard_limit), what came for slow readers by the windows, whose sum is limited.
//
// Objects are what is passed with a message (SCM_RIGHTS): a frame says what each
// one is, then the message names them.  Each is a stream of its own.
//
// Anything that the protocol doesn't allow ends the link, and only the link.

#ifndef QTFS_UDS_LINK_HH
#define QTFS_UDS_LINK_HH

#include <deque>
#include <fmt/format.h>
#include <map>
#include <string>
#include <unordered_map>

#include "buffer.hh"
#include "frame.hh"
#include "key.hh"
#include "loop.hh"
#include "stream.hh"
#include "workers.hh"

namespace qtfs::uds {

struct Counters {
  std::uint64_t links = 0;
  std::uint64_t opened = 0; // streams, both ways
  std::uint64_t refused = 0;
  std::uint64_t passed = 0; // descriptors
  std::uint64_t not_passed = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t violations = 0;
  std::uint64_t unproved = 0; // links of peers without our key
};

class LinkOwner {
public:
  virtual ~LinkOwner() = default;
  // Which the peer has to have as well; nullptr: none.
  virtual const Key *key() const = 0;
  virtual void link_up(Link &link) = 0;
  // After this the link may be destroyed, but not within it.
  virtual void link_down(Link &link, const std::string &why) = 0;
  virtual void announced(Link &link, Announcement announcement) = 0;
  virtual void withdrawn(Link &link, const std::string &path) = 0;
  virtual void synced(Link &link) = 0;
  // The peer wants this machine's sockets to be looked for, and Link::looked() after it.
  virtual void look(Link &link) = 0;
  // The peer has announced what there was when look() of this @number came to it.
  virtual void looked(Link &link, std::uint32_t number) = 0;
  virtual void opened(Link &link, Stream &stream, Opening opening) = 0;
};

class Link {
public:
  static constexpr std::size_t high_water = 256 << 10;
  static constexpr std::size_t hard_limit = 16 << 20;
  static constexpr std::uint32_t first_window = 128 << 10;
  static constexpr std::uint32_t most_window = 1 << 20;
  static constexpr std::uint64_t most_windows = 512 << 20; // what they grow to, together
  static constexpr std::size_t most_streams = 32768;
  static constexpr std::size_t most_unclaimed = 1024; // objects not named yet
  static constexpr std::uint64_t most_unclaimed_bytes = 256 << 20;

  Link(Loop &loop, Workers &workers, LinkOwner &owner, Counters &counters, Fd fd, Role role,
       std::string peer);
  ~Link();

  Role role() const { return role_; }
  const std::string &peer() const { return peer_; }
  bool up() const { return up_ && !ended_; }
  std::size_t streams() const { return streams_.size(); }

  void announce(const Announcement &announcement);
  void withdraw(const std::string &path);
  void end_of_list();
  // The peer is to look for its sockets; numbers grow.
  void look(std::uint32_t number);
  // It has been looked for this machine's; what was found is announced.
  void looked();
  // Nothing: there are too many.
  Stream *open(const Opening &opening);
  // Nothing: it has ended.
  Stream *find(std::uint32_t id);

  void end(const std::string &why);

  // For its streams.
  Loop &loop() { return loop_; }
  Workers &workers() { return workers_; }
  Buffer &out() { return out_; }
  std::span<std::byte> scratch() { return scratch_; }
  void send(const Header &header, Span payload = {});
  void schedule(Stream &stream);
  void bury(Stream &stream);
  // Finds out what is to be passed, for Stream::described().
  void look_at(const Stream &stream, std::vector<Fd> rights);
  // What has been passed on, or won't be any more.
  void close(Rights rights);
  // Describes what @message of @stream passes.  The peer keeps that until the message names it,
  // and not without limit.  False: it has to wait, and the stream gets its turn again.
  bool pass(Stream &stream, PendingMessage &message);
  // It has been named.
  void passed(const PendingMessage &message);
  bool windows_grow(std::uint32_t by);
  void windows_shrink(std::uint32_t by) { windows_ -= std::min<std::uint64_t>(by, windows_); }
  void count_out(std::size_t bytes) { counters_.bytes_out += bytes; }
  void note(const std::string &text);
  void note_debug(const std::string &text);

private:
  // Something that has been described, and not yet been named by a message.
  struct Unclaimed {
    std::shared_ptr<Handed> handed;
    std::uint32_t seals = 0;
    std::uint64_t size = 0;
    bool memory = false;
  };

  void ready(std::uint32_t events);
  void receive();
  bool parse();
  bool take(const Header &header, Span payload);
  bool take_hello(const Header &header, Span payload);
  bool take_proof(const Header &header, Span payload);
  void send_proof(const Key &key);
  void come_up();
  bool take_look(const Header &header, Span payload);
  bool take_open(const Header &header, Span payload);
  bool take_object(const Header &header, Span payload);
  bool take_data(const Header &header, Span payload);
  bool take_for_stream(const Header &header, Span payload);
  void make_later(std::uint32_t id, const Object &object, std::shared_ptr<Handed> handed);
  void take_made(std::uint32_t id, const Object &object, Handed &handed, Result<Made> made);
  bool claim(Span numbers, std::uint32_t stream, Rights &rights);
  Stream &add(std::uint32_t id, bool messages);
  void describe(Stream &stream, PendingMessage &message, Described one);
  bool is_mine(std::uint32_t id) const { return (id & 1) == (role_ == Role::Initiator ? 1U : 0U); }
  bool is_new(std::uint32_t id) const { return !is_mine(id) && id > last_peer_id_; }
  bool was_used(std::uint32_t id) const
  {
    return is_mine(id) ? id < next_id_ : id <= last_peer_id_;
  }
  std::uint32_t take_id();
  void pump();
  void pump_later();
  bool flush();
  void keep_alive();

  Loop &loop_;
  Workers &workers_;
  LinkOwner &owner_;
  Counters &counters_;
  Fd fd_;
  const Role role_;
  const std::string peer_;
  Loop::Watch watch_;
  Loop::Timer alive_;
  Loop::Timer more_;

  bool greeted_ = false; // HELLO has come
  bool up_ = false;      // and the proof, if there is a key
  Nonce nonce_ = {};
  Nonce peer_nonce_ = {};
  bool ended_ = false;
  bool pumping_ = false;
  bool waiting_ = false; // for the socket to take more
  std::uint32_t peer_window_ = 0;
  Clock::time_point heard_ = Clock::now();

  Buffer in_;
  Buffer out_;
  std::vector<std::byte> scratch_;

  std::uint32_t next_id_;
  std::uint32_t last_peer_id_ = 0;
  std::optional<std::uint32_t> look_; // the last one, that isn't answered yet
  std::unordered_map<std::uint32_t, std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Stream>> graveyard_;
  std::deque<std::uint32_t> turns_; // who may have something to send
  std::map<std::uint32_t, Unclaimed> unclaimed_;
  std::uint64_t unclaimed_bytes_ = 0;
  std::size_t coming_ = 0;                                   // objects that aren't there yet
  std::unordered_map<std::uint32_t, std::uint32_t> uploads_; // of whose message it is part
  std::size_t passing_ = 0;                                  // described and not named yet
  std::uint64_t passing_memory_ = 0;
  std::vector<std::uint32_t> waiting_to_pass_; // streams
  std::uint64_t windows_ = 0;
  // Shared with what is deferred, which may come after the end.
  std::shared_ptr<Link *> self_;
};

} // namespace qtfs::uds

#endif
