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

// The control socket; nothing if there shall be none, or if it can't be made: the
// daemon serves without it as well.  @unreachable says what that means, in the log.
Fd listen_for_commands(const std::string &path, const std::string &unreachable);

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
