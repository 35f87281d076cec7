// SPDX-License-Identifier: GPL-2.0
//
// What the mains of the daemons have in common.  Unlike the rest of this library
// it logs, as they do.

#ifndef QTFS_DAEMON_HH
#define QTFS_DAEMON_HH

#include <initializer_list>
#include <string>

#include "fd.hh"
#include "result.hh"

namespace qtfs {

// As many descriptors as the administrator allows.
void raise_file_limit();

// SIGTERM, SIGINT, SIGHUP and @more come by the descriptor (signalfd, O_NONBLOCK) and
// not otherwise; SIGPIPE not at all.  To be called before any thread exists.
Result<Fd> take_signals(std::initializer_list<int> more = {});

// The control socket.  Its name goes with it: a name that is left says that the daemon
// ended in another way than by being told to, which is what the tools make of it.
class CommandSocket {
public:
  // None if there shall be none (@path is empty), or if it can't be made: the daemon
  // serves without it as well.  @unreachable says what that means, in the log.
  CommandSocket(std::string path, const std::string &unreachable);
  CommandSocket(const CommandSocket &) = delete;
  CommandSocket &operator=(const CommandSocket &) = delete;
  ~CommandSocket();

  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }

private:
  std::string path_;
  Fd fd_;
};

// Systemd takes the daemon for reloading while this lives, and for ready then.
class Reloading {
public:
  Reloading();
  Reloading(const Reloading &) = delete;
  Reloading &operator=(const Reloading &) = delete;
  ~Reloading();
};

} // namespace qtfs

#endif
