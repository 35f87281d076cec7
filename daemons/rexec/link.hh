// SPDX-License-Identifier: GPL-2.0
//
// A connection that carries frames.
//
// What can't be sent at once waits here; who makes data asks congested() first,
// and gets drained() when it goes on, so what waits is bounded.  Descriptors
// come with the first byte of the frame that they belong to; what comes beyond
// that is closed, and ends the connection.

#ifndef QTFS_REXEC_LINK_HH
#define QTFS_REXEC_LINK_HH

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "fd.hh"
#include "loop.hh"
#include "message.hh"

namespace qtfs::rexec {

struct Frame {
  Header header;
  std::string_view body;
  std::vector<Fd> descriptors; // fewer than header.descriptors: they were lost on the way
};

class Link {
public:
  struct Events {
    std::function<void(Frame &)> frame; // may close()
    std::function<void()> drained;
    std::function<void(const std::string &why)> closed; // once, unless by close(); why: a sentence
  };

  Link(Loop &loop, Fd socket, Events events);

  void send(Type type, std::uint16_t stream = 0, std::string_view body = {});
  // With the descriptors, and as the caller; for the first frame, as nothing may wait before it.
  void send_request(std::string_view body, const std::vector<int> &descriptors);

  bool congested() const { return unsent_.size() - sent_ > congestion; }
  bool is_open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  void close();

  // Who sent the first byte, as the kernel says; the socket needs SO_PASSCRED.
  const std::optional<ucred> &sender() const { return sender_; }

private:
  static constexpr std::size_t congestion = 256 << 10;

  void ready(std::uint32_t events);
  void receive();
  std::size_t parse(std::string_view bytes);
  void flush();
  void fail(const std::string &why);

  Fd socket_;
  Events events_;
  Loop::Watch watch_;
  std::string received_; // the beginning of a frame
  std::vector<Fd> descriptors_;
  std::string unsent_;
  std::size_t sent_ = 0; // of unsent_
  std::optional<ucred> sender_;
};

} // namespace qtfs::rexec

#endif
