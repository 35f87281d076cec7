// SPDX-License-Identifier: GPL-2.0
//
// A new process of the server becomes the command: what happens between fork()
// and execve().
//
// The server has one thread, so its child may do whatever a program may do. It
// looks the command up and asks the whitelist itself, as the user: a directory
// that hangs then hangs nobody else.
//
// Process groups and sessions.  A command has a process group of its own in the
// server's session, so that it isn't orphaned, and SIGTSTP stops it as it does
// under a shell.  With a terminal it needs a session of its own, and a leader
// of that session who stays: the keeper, a process of ours that waits for the
// command, tells the server of its stops and its end, and hangs up the terminal
// when the server lets go of it.

#ifndef QTFS_REXEC_LAUNCH_HH
#define QTFS_REXEC_LAUNCH_HH

#include <string>
#include <sys/types.h>
#include <vector>

#include "command_list.hh"
#include "fd.hh"
#include "identity.hh"
#include "message.hh"
#include "result.hh"

namespace qtfs::rexec {

struct Placement {
  int number; // in the command
  int fd;     // of the server
};

struct Launch {
  const Request &request;
  const Identity &identity;
  const CommandList &commands;
  const std::vector<std::string> &environment;
  std::vector<Placement> placements;
  int terminal = -1; // the new terminal's own side
};

struct Launched {
  pid_t pid = -1; // the command, or its keeper
  Fd report;      // a Failure, encoded, or end of file: it runs
  Fd keeper;      // KeeperNote; closed by the server when it needs it no more
};

struct KeeperNote {
  enum class What : int { Pid, Status };

  What what = What::Pid;
  int value = 0;
};

Result<Launched> launch(const Launch &plan);

// The command's path without symbolic links, looked up as execvp() does in the
// environment's PATH; the error is what to say.
Result<std::string, Failure> look_up(const std::string &command,
                                     const std::vector<std::string> &environment,
                                     const std::string &cwd);

} // namespace qtfs::rexec

#endif
