// SPDX-License-Identifier: GPL-2.0
//
// rexec_server: starts, reloads and stops it, and says so.

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon.hh"
#include "logging.hh"
#include "server.hh"
#include "server_options.hh"
#include "socket.hh"

namespace qtfs::rexec {

namespace {

// Commands inherit nothing of it: no descriptor, no terminal, no limit beyond
// what each sets for itself.
void set_up_process()
{
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd)
      std::abort(); // the lowest number is the first that is free

  if (::setsid() < 0)
    if (const Fd terminal(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)); terminal)
      ::ioctl(terminal.get(), TIOCNOTTY);
  if (::chdir("/") != 0)
    spdlog::warn("/: {}", last_error().message());
  raise_file_limit();
}

std::optional<CommandList> load(const std::string &file)
{
  Result<CommandList, std::string> list = CommandList::load(file);

  if (!list) {
    spdlog::error("{}", list.error());
    return std::nullopt;
  }
  for (const std::string &warning : list->warnings())
    spdlog::warn("{}", warning);
  if (list->size() == 0)
    spdlog::warn("{}: no commands, so nothing will be executed", file);
  return std::move(*list);
}

void reload(Server &server, const std::string &file)
{
  const Reloading reloading;

  if (std::optional<CommandList> list = load(file)) {
    spdlog::info("{}: {} commands", file, list->size());
    server.replace(std::move(*list));
  } else {
    spdlog::error("the whitelist stays as it was");
  }
}

// For /run/rexec/pids/, where callers of all users note their commands.
void make_pid_directory()
{
  const std::string directory = std::string(run_directory) + "/pids";

  ::mkdir(run_directory, 0755);
  if (::mkdir(directory.c_str(), 01777) == 0)
    ::chmod(directory.c_str(), 01777);
}

int run(const ServerOptions &options)
{
  std::optional<CommandList> commands = load(options.whitelist);
  if (!commands) {
    spdlog::error(
      "without a whitelist nothing is executed: write one (see rexec_server(8)) or name "
      "another file with --whitelist");
    return EXIT_FAILURE;
  }
  if (options.check)
    return EXIT_SUCCESS;
  if (::geteuid() != 0)
    spdlog::warn("not root: commands can only run as user {}", ::geteuid());
  make_pid_directory();

  const Result<Fd> signals = take_signals({SIGCHLD});
  if (!signals) {
    spdlog::error("signalfd: {}", signals.error().message());
    return EXIT_FAILURE;
  }

  Loop loop;
  Server server(loop, options.server, std::move(*commands), this_machine());
  const std::string wrong = server.listen();
  if (!wrong.empty()) {
    spdlog::error("{}", wrong);
    return EXIT_FAILURE;
  }
  const Loop::Watch watch = loop.watch(signals->get(), EPOLLIN, [&](std::uint32_t) {
    signalfd_siginfo info;

    while (::read(signals->get(), &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo == SIGCHLD) {
        server.reap();
      } else if (info.ssi_signo == SIGHUP) {
        reload(server, options.whitelist);
      } else {
        ::sd_notify(0, "STOPPING=1");
        server.stop();
      }
    }
  });

  spdlog::info("ready at {}", options.server.socket);
  ::sd_notify(0, "READY=1");
  loop.run();
  spdlog::info("stopped");
  return EXIT_SUCCESS;
}

} // namespace

} // namespace qtfs::rexec

int main(int argc, char **argv)
{
  using namespace qtfs;

  const Result<rexec::ServerOptions, int> options = rexec::parse_server_options(argc, argv);
  if (!options)
    return options.error();
  set_up_log("rexec_server", options->log_level);
  rexec::set_up_process();
  return rexec::run(*options);
}
