// SPDX-License-Identifier: GPL-2.0
//
// rexec: stands here for a command that runs on the other machine.  What is
// done to the one happens to the other: signals, stops, ends.

#ifndef QTFS_REXEC_CLIENT_HH
#define QTFS_REXEC_CLIENT_HH

#include <map>
#include <optional>
#include <string>

#include "acceptors.hh"
#include "caller.hh"
#include "client_options.hh"
#include "link.hh"
#include "loop.hh"
#include "pid_file.hh"
#include "streams.hh"
#include "terminal.hh"

namespace qtfs::rexec {

class Client {
public:
  // @socket: connected to the server.
  Client(const ClientOptions &options, const Caller &caller, Fd socket);

  // What to end with, as of waitpid().
  int run();

private:
  void handle(Frame &frame);
  void greeted(const std::string &machine);
  void send_request();
  void started(std::uint32_t pid);
  void not_started(const Failure &failure);
  void stopped(int signal);
  void lost(const std::string &why);
  void check();

  void open_streams();
  void connected(std::uint16_t object, Fd connection);
  void forget_connections();
  bool is_listener(std::uint16_t object) const;
  void watch_signals();
  void forward(int signal, bool from_terminal);
  void watch_foreground();
  void resize();
  void relay_rest();

  void fail(int status, const std::string &text); // ends with it
  void end(int status);                           // as of waitpid()
  void say(const std::string &text) const;

  const ClientOptions &options_;
  const Caller &caller_;
  Loop loop_;
  Link link_;
  Streams streams_;
  Acceptors acceptors_;
  std::map<std::uint16_t, bool> connections_; // by stream: whether the server has no use for it
  std::uint16_t last_connection_ = objects_max - 1;
  Loop::Timer timer_;

  std::string machine_; // the server's
  std::optional<Caller::Prepared> prepared_;
  PidFile pid_file_, pid_note_;
  RawTerminal terminal_;
  Source *tty_input_ = nullptr; // streams_', from a terminal that is others', too
  Fd tty_;                      // that terminal
  Fd messages_;
  std::optional<std::uint16_t> error_stream_; // of descriptor 2
  Fd signals_;
  Loop::Watch signals_watch_;

  bool pass_ = true;
  bool greeted_ = false;
  std::uint32_t pid_ = 0; // the command's
  bool started_ = false;
  bool exited_ = false;
  bool relaying_ = false;
  int status_ = 0;
};

} // namespace qtfs::rexec

#endif
