// SPDX-License-Identifier: GPL-2.0
//
// rexec: starts, and ends as the command did.  Where its file is found by another name, it
// stands for the command of that name.

#include <csignal>
#include <exception>
#include <iostream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caller.hh"
#include "client.hh"
#include "client_options.hh"
#include "proc_path.hh"
#include "socket.hh"

namespace {

// Dies by @signal; the core is on the other machine.
void die_by(int signal)
{
  sigset_t set;

  ::prctl(PR_SET_DUMPABLE, 0);
  std::signal(signal, SIG_DFL);
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::kill(::getpid(), signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

bool has_terminal()
{
  return ::isatty(STDIN_FILENO) || ::isatty(STDOUT_FILENO) || ::isatty(STDERR_FILENO);
}

// What to end with, as of waitpid().
int run(const qtfs::rexec::ClientOptions &options, const qtfs::rexec::Caller &caller)
{
  qtfs::Result<qtfs::Fd, std::string> socket = qtfs::rexec::connect_to(options.server);

  if (!socket) {
    std::cerr << "rexec: " << socket.error() << '\n';
    return W_EXITCODE(qtfs::rexec::status_failed, 0);
  }
  try {
    return qtfs::rexec::Client(options, caller, std::move(*socket)).run();
  } catch (const std::exception &error) { // no memory, or no descriptors
    std::cerr << "rexec: " << error.what() << '\n';
    return W_EXITCODE(qtfs::rexec::status_failed, 0);
  }
}

} // namespace

int main(int argc, char **argv)
{
  using namespace qtfs;

  const rexec::Caller caller;
  const std::optional<std::string> program = rexec::program_stood_for(name_of_own_file());
  const Result<rexec::ClientOptions, int> options =
    program ? rexec::options_of_stand_in(*program, argc, argv, has_terminal())
            : rexec::parse_client_options(argc, argv);
  if (!options)
    return options.error();
  std::signal(SIGPIPE, SIG_IGN);

  const int status = run(*options, caller);
  if (!WIFSIGNALED(status))
    return WEXITSTATUS(status);
  die_by(WTERMSIG(status));
  return 128 + WTERMSIG(status);
}
