// SPDX-License-Identifier: GPL-2.0
//
// A stream of a link, and this machine's end of it.
//
// From the local end nothing is read before the peer has room for it: what a
// slow reader leaves stays in the socket of who sent it, as if both were on one
// machine.  From the link comes no more than the window that was granted, and as
// the window is room that this side keeps, the link never waits for a reader.
//
// Each direction ends by itself: at the end of what is read (shut_write is sent)
// or when nobody reads (shut_read is sent).  When both have ended, the stream has.

#ifndef QTFS_UDS_STREAM_HH
#define QTFS_UDS_STREAM_HH

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "local.hh"
#include "loop.hh"
#include "rights.hh"

namespace qtfs::uds {

class Link;

// What has been read and not been sent.  What it passes is described to the peer just
// before its end, when nothing but memory files that are under way can hold that up.
struct PendingMessage {
  Bytes data;
  std::size_t sent = 0;
  bool looking = false; // at what it passes
  std::vector<Described> passes;
  std::vector<std::uint32_t> objects; // numbers of what has been described
  std::uint64_t memory = 0;           // bytes of that
  unsigned uploads = 0;               // that have to end before
};

// What has come and not been taken.
struct ArrivedChunk {
  Bytes data;
  std::size_t taken = 0;
  Rights rights;
  std::uint32_t cost = 0; // to be given back when it is gone
};

class Stream {
public:
  Stream(Link &link, std::uint32_t id, bool messages, std::uint32_t credit, std::uint32_t window);
  ~Stream();

  std::uint32_t id() const { return id_; }

  // Gives it its local end.  Until then what comes is kept.
  void attach(std::unique_ptr<Local> local);

  // What the peer sent.  False: it isn't allowed to.
  bool data(const Header &header, Span data, Rights rights);
  bool credit(std::uint32_t more);
  void shut(std::uint8_t flags);
  void reset(int error);

  // Puts at most a frame into the link.  Returns whether there may be more.
  bool produce();

  // Ends it from this side, with the reason for the peer.
  void fail(int error);

  // A message from a local end that nothing can be read from.  Not while it is busy.
  void push(Span data, std::vector<Fd> rights);
  bool busy() const { return pending_.has_value(); }
  // Is called when it isn't busy any more, and when it has finished.
  void on_idle(std::function<void()> call) { on_idle_ = std::move(call); }
  Clock::time_point used() const { return used_; }

  // What its message passes; false: it is of no use any more.
  bool described(std::vector<Described> &passes);
  // An upload that a message waits for has ended.
  void uploaded();
  // What a message that has come passes on is there.
  void handed() { flush(); }

  bool finished() const { return finished_; }
  bool in_turn = false; // the link's

private:
  void ready(std::uint32_t events);
  bool receive_bytes();
  bool receive_one_message();
  bool send_pending();
  void drop_pending();
  void read_end();
  bool read_failed(std::error_code error);
  std::size_t sendable() const;

  bool take_piece(const Header &header, Span data, Rights rights);
  void deliver(Bytes data, Span view, Rights rights, std::uint32_t cost);
  void flush();
  Result<std::size_t> write(Span data, const Rights &rights);
  void drop_queue();
  void write_failed();
  void consumed(std::uint32_t cost);
  void shut_local();
  void finish();

  Link &link_;
  const std::uint32_t id_;
  const bool messages_;
  std::unique_ptr<Local> local_;
  Loop::Watch watch_; // behind local_: ends before the descriptor is closed
  Loop::Timer retry_;
  Clock::time_point used_ = Clock::now();
  std::function<void()> on_idle_;

  // Towards the link.
  std::uint32_t credit_;
  bool readable_ = false;
  bool out_ended_ = false;
  std::optional<PendingMessage> pending_;

  // From the link.
  std::uint32_t window_;
  std::uint32_t allowance_; // of the window, what the peer hasn't used
  std::uint32_t owed_ = 0;  // and what it may use again, but hasn't been told yet
  bool writable_ = true;
  bool in_ended_ = false;
  bool peer_shut_write_ = false; // nothing comes after what is in the queue
  bool told_local_ = false;      // and the local end knows
  std::deque<ArrivedChunk> queue_;
  std::optional<ArrivedChunk> message_; // whose end hasn't come

  bool finished_ = false;
};

} // namespace qtfs::uds

#endif
