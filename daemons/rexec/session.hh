// SPDX-License-Identifier: GPL-2.0
//
// A connection of a caller, and its command.
//
// The command's end is told after all that it wrote before has been sent.  What
// its children write later goes on to be sent, until the caller leaves.
//
// If the connection breaks while the command runs, the caller is lost: the
// command's process group gets SIGTERM, and SIGKILL after the grace that was
// agreed on; or it goes on, if that was.

#ifndef QTFS_REXEC_SESSION_HH
#define QTFS_REXEC_SESSION_HH

#include <map>
#include <optional>
#include <set>
#include <string>

#include "identity.hh"
#include "launch.hh"
#include "link.hh"
#include "listener.hh"
#include "streams.hh"

namespace qtfs::rexec {

class Server;

class Session {
public:
  Session(Server &server, std::uint64_t id, Fd socket);

  uid_t peer_uid() const { return peer_uid_; }
  // Nothing runs, and nothing will: it is there until the caller has read why.
  bool failed() const { return failed_; }
  void refuse(const std::string &why);
  // Of the process that launch() made, as of waitpid().
  void child_changed(int status);
  // Something has ended, settled or come.
  void check();
  // The server ends: as if the caller were lost.
  void leave();

private:
  // What the server has of the command's objects.
  struct Ends {
    std::vector<Fd> command; // by object
    Fd terminal;             // the command's side of the terminal
  };

  // And what it keeps.
  struct OwnEnd {
    std::uint16_t id;
    Fd source;
    Fd sink;
  };

  void handle(Frame &frame);
  void start(Frame &frame);
  void fail(const Failure &failure);
  std::string make_objects(Frame &frame, Ends &ends);
  std::string make_object(std::uint16_t id, Object::Kind kind, Ends &ends);
  std::string make_terminal(std::uint16_t id, Ends &ends);
  std::string make_listener(std::uint16_t id, Ends &ends);
  std::string keep_end(std::uint16_t id, Fd fd);
  void open_streams();
  void run(const Ends &ends);

  std::string connect(const Frame &frame);
  void connect_to(const Listener &listener, std::uint16_t stream, const Connected &who);
  void free_connections();

  void read_report();
  void read_keeper();
  void command_changed(int status);
  void send_signal(int signal, bool group) const;
  void resize(const WindowSize &size) const;
  void lost(const std::string &why);
  void end_command();
  void remove();

  Server &server_;
  const std::uint64_t id_;
  uid_t peer_uid_ = 0;
  Link link_;
  Streams streams_;
  Loop::Timer timer_; // for the request; then for the grace

  std::optional<Request> request_;
  Identity identity_;
  Fd master_;                                   // of the terminal
  std::vector<OwnEnd> own_ends_;                // of streams to be
  std::map<std::uint32_t, Listener> listeners_; // by object
  std::set<std::uint16_t> connections_;

  // The watch goes before what it watches.
  Fd report_;
  Loop::Watch report_watch_;
  std::string report_text_;
  Fd keeper_;
  Loop::Watch keeper_watch_;

  pid_t child_ = -1;   // ours to wait for: the command or its keeper
  pid_t command_ = -1; // -1: not known yet, or ended
  pid_t number_ = -1;  // what it had
  bool executed_ = false;
  bool started_sent_ = false;
  bool failed_ = false;
  std::optional<int> status_;
  bool exited_sent_ = false;
  bool lost_ = false;
};

} // namespace qtfs::rexec

#endif
