// SPDX-License-Identifier: GPL-2.0
//
// All streams of a command, on one side.

#ifndef QTFS_REXEC_STREAMS_HH
#define QTFS_REXEC_STREAMS_HH

#include <map>
#include <memory>

#include "stream.hh"

namespace qtfs::rexec {

class Streams {
public:
  Streams(Loop &loop, Link &link, Changed changed)
      : loop_(loop), link_(link), changed_(std::move(changed))
  {
  }

  Source &add_source(std::uint16_t id, Fd fd, Medium medium);
  void add_sink(std::uint16_t id, Fd fd, Medium medium);

  // Takes Data, Eof, Reset and Credit; what is wrong with it, or nothing.
  std::string handle(const Frame &frame);
  // The link may take data again.
  void update();

  bool ended(std::uint16_t id) const; // in both directions
  void remove(std::uint16_t id);

  void clear(); // closes all, and tells nobody

  void settle();         // all sources
  void finish_sources(); // says Eof for all
  void finish_sinks();   // as if Eof had come for all

  bool sources_settled() const;
  bool sources_ended() const;
  bool sinks_flushed() const;
  bool sinks_ended() const;
  bool sink_ended(std::uint16_t id) const;

private:
  Loop &loop_;
  Link &link_;
  Changed changed_;
  std::map<std::uint16_t, std::unique_ptr<Source>> sources_;
  std::map<std::uint16_t, std::unique_ptr<Sink>> sinks_;
};

} // namespace qtfs::rexec

#endif
