// SPDX-License-Identifier: GPL-2.0
//
// Listens, and has a session for each connection.  One thread.

#ifndef QTFS_REXEC_SERVER_HH
#define QTFS_REXEC_SERVER_HH

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "command_list.hh"
#include "loop.hh"
#include "result.hh"
#include "session.hh"

namespace qtfs::rexec {

class Server {
public:
  struct Config {
    std::string socket;
    unsigned mode = 0666;
    unsigned max_commands = 4096;
  };

  Server(Loop &loop, Config config, CommandList commands, std::string machine);
  ~Server();

  // The error is a sentence.
  std::string listen();
  void replace(CommandList commands) { commands_ = std::move(commands); }
  // Tells the commands of callers who wait that these are lost, and ends the
  // loop when they have ended.
  void stop();
  // After SIGCHLD.
  void reap();

  // For sessions.
  Loop &loop() { return loop_; }
  const CommandList &commands() const { return commands_; }
  const std::string &machine() const { return machine_; }
  void note_process(pid_t pid, std::uint64_t session) { processes_[pid] = session; }
  // After the present event.
  void check_later(std::uint64_t session);
  void remove_later(std::uint64_t session);

private:
  void accept();
  std::size_t count(bool failed, std::optional<uid_t> uid = {}) const;
  std::size_t share(uid_t uid) const;
  std::string refusal(uid_t uid) const;

  Loop &loop_;
  const Config config_;
  CommandList commands_;
  const std::string machine_;
  Fd listener_;
  Loop::Watch watch_;
  Loop::Timer pause_; // of it
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::unordered_map<pid_t, std::uint64_t> processes_;
  bool stopping_ = false;
};

} // namespace qtfs::rexec

#endif
