// SPDX-License-Identifier: GPL-2.0
//
// One direction of a pipe, a socket or a terminal, carried over a link.  Both
// sides use this: a Source reads a descriptor of its machine and sends Data, a
// Sink writes to one what has come.
//
// Each direction has a window: so many bytes may be under way before the other
// side has written them to where they go.  So a reader who is stuck holds up
// its own stream only, and a side holds at most a window for each.  Nothing is
// read from a descriptor that can't be sent.
//
// Whoever closes is seen on the other machine as it would be on this one: end
// of file travels as Eof; that nobody reads any more as Reset, upon which the
// reading end is closed there, so that the writer gets its SIGPIPE.

#ifndef QTFS_REXEC_STREAM_HH
#define QTFS_REXEC_STREAM_HH

#include <functional>
#include <string>

#include "link.hh"

namespace qtfs::rexec {

// How bytes get in and out of a descriptor without waiting.
enum class Medium {
  Own,    // O_NONBLOCK: read(), write()
  Shared, // others use it as it is: only when it is ready, and little at a time
  Socket, // recv(), send(); each direction ends by shutdown()
  Master, // of a pseudo terminal: end of file is a character
};

// What ends, settles or is flushed is told by calling this.
using Changed = std::function<void()>;

class Source {
public:
  // @id is the stream's number.
  Source(Loop &loop, Link &link, std::uint16_t id, Fd fd, Medium medium, const Changed &changed);

  // False if that is more than there can be.
  bool credit(std::uint32_t bytes);
  // Nobody reads it.
  void reset();
  // Says Eof, and reads no more.
  void finish();
  // Reads nothing while @held.
  void hold(bool held);
  // The link may take data again.
  void update();
  // Notes what there is to read now; settled() says that it has been sent.
  void settle();

  bool ended() const { return ended_; }
  bool settled() const { return ended_ || (settling_ && unsettled_ == 0); }

private:
  bool may_read() const;
  bool read();
  void close();

  Link &link_;
  const std::uint16_t id_;
  const Medium medium_;
  const Changed &changed_;
  Fd fd_;
  Loop::Watch watch_;
  std::uint32_t credit_ = window;
  bool held_ = false;
  bool ended_ = false;
  bool settling_ = false;
  std::size_t unsettled_ = 0; // bytes
};

class Sink {
public:
  Sink(Loop &loop, Link &link, std::uint16_t id, Fd fd, Medium medium, const Changed &changed);

  // False if that is more than was allowed.
  bool data(std::string_view bytes);
  void eof();
  void update();

  bool ended() const { return ended_; }
  bool flushed() const { return pending_.empty(); }

private:
  void ready(std::uint32_t events);
  std::size_t write(std::string_view bytes);
  void grant();
  std::string end_of_input() const;
  void finish();
  void fail();
  void close();

  Link &link_;
  const std::uint16_t id_;
  const Medium medium_;
  const Changed &changed_;
  Fd fd_;
  Loop::Watch watch_;
  std::string pending_;
  std::size_t done_ = 0; // of pending_
  std::uint32_t allowed_ = window;
  std::uint32_t ungranted_ = 0;
  bool eof_ = false;
  bool ended_ = false;
  bool line_open_ = false; // the last byte was no end of a line
  bool end_typed_ = false; // to a terminal
};

} // namespace qtfs::rexec

#endif
