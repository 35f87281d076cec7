// SPDX-License-Identifier: GPL-2.0
//
// TCP and vsock, with limits to every wait. An address is one of IPv4, or vsock:CID.

#ifndef QTFS_FUZZ_CONNECTION_HH
#define QTFS_FUZZ_CONNECTION_HH

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fd.hh"
#include "fuzz.hh"

namespace qtfs::fuzz {

// How many times slower than usual everything may be (RIG_SLOW).
int slow();

// Nothing if it failed.
Fd dial(const std::string &address, std::uint16_t port);

class Connection {
public:
  explicit Connection(Fd fd);

  int fd() const { return fd_.get(); }
  bool good() const { return static_cast<bool>(fd_); }
  void close() { fd_.reset(); }

  // False, and it is closed, if the peer has gone or takes nothing for seconds.
  bool send(std::string_view bytes);
  // Takes what is there; @wait_ms: waits for the first of it. False, and it is closed, at the end.
  bool receive(int wait_ms);
  // The next whole frame of what has been received.
  std::optional<std::string> frame();
  // Whether what came next was no frame, so that there will be none either.
  bool lost() const { return lost_; }

private:
  bool wait_for_room();

  Fd fd_;
  std::string received_;
  std::size_t taken_ = 0;
  bool lost_ = false;
};

// A place for the hostile servers, until their time is over.
class Listener {
public:
  Listener(const std::string &address, std::uint16_t port);

  bool good() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  // Who waits to be let in; nothing if nobody does.
  Fd accept();

private:
  Fd fd_;
};

// Calls @serve with a listener at the options' place, again and again, until their time is over or
// SIGTERM comes.  Says when it begins.  False: it couldn't.
bool serve_until_the_end(const Options &options, const std::function<void(Listener &)> &serve);

} // namespace qtfs::fuzz

#endif
