// SPDX-License-Identifier: GPL-2.0
//
// Listening sockets that rexec was started with: who connects is connected to the command.

#ifndef QTFS_REXEC_ACCEPTORS_HH
#define QTFS_REXEC_ACCEPTORS_HH

#include <functional>
#include <map>

#include "fd.hh"
#include "loop.hh"

namespace qtfs::rexec {

class Acceptors {
public:
  using OnConnection = std::function<void(std::uint16_t object, Fd connection)>;

  Acceptors(Loop &loop, OnConnection on_connection)
      : loop_(loop), on_connection_(std::move(on_connection))
  {
  }

  void add(std::uint16_t object, Fd listening);
  // Nobody accepts there any more, so who connects is to be refused.
  void remove(std::uint16_t object) { sockets_.erase(object); }
  void clear() { sockets_.clear(); }
  // While @held, who connects has to wait.
  void hold(bool held);

private:
  struct Socket {
    Fd fd;
    Loop::Watch watch; // goes before it
  };

  void accept(std::uint16_t object);

  Loop &loop_;
  const OnConnection on_connection_;
  std::map<std::uint16_t, Socket> sockets_;
  Loop::Timer pause_;
  bool held_ = false;
};

} // namespace qtfs::rexec

#endif
