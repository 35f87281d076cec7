// SPDX-License-Identifier: GPL-2.0

#include "client_options.hh"

#include <cstdlib>

#include "cli.hh"
#include "message.hh"
#include "release.hh"

namespace qtfs::rexec {

Result<ClientOptions, int> parse_client_options(int argc, const char *const *argv)
{
  ClientOptions options;
  CLI::App app(
    "rexec [OPTIONS] COMMAND [ARGS...]: executes a command on the other machine as if it "
    "ran here.",
    "rexec");

  // What follows the command is its own.
  app.prefix_command();
  app.add_flag("-t,--tty", options.terminal, "Give the command a terminal of its own");
  app.add_flag("-n,--no-input", options.no_input, "Its standard input is /dev/null");
  app.add_flag("--stdio-only", options.stdio_only, "It inherits no descriptors beyond 0, 1 and 2");
  app.add_option("--cwd", options.cwd, "Its working directory there [the present one]")
    ->type_name("DIR");
  app.add_option("--pid-file", options.pid_file, "Where to write its process number there")
    ->type_name("FILE");
  CLI::Option *detach =
    app.add_flag("--detach", options.detach, "Leave it alone as soon as it has been started");
  bool kill = false;
  CLI::Option *orphan =
    app.add_flag("--orphan", options.orphan, "It goes on when rexec dies or the link is lost");
  app.add_flag("--kill", kill, "It is ended then (default)")->excludes(orphan)->excludes(detach);
  app.add_option("--grace", options.grace, "Seconds from SIGTERM to SIGKILL then")
    ->check(CLI::Range(0.0, grace_max_ms / 1000.0))
    ->type_name("SECONDS")
    ->capture_default_str();
  app.add_option("--server", options.server, "Socket of the server [the other machine's]")
    ->envname("REXEC_SERVER")
    ->type_name("PATH");
  app.set_version_flag("--version", "rexec " QTFS_RELEASE);
  app.footer("Its exit status is the command's; it dies by the signal that the command died by.\n"
             "125: rexec failed, or the link was lost; 126: not allowed; 127: not found.");

  app.callback([&] {
    options.command = app.remaining();
    if (!options.command.empty() && options.command.front() == "--")
      options.command.erase(options.command.begin());
    else if (!options.command.empty() && options.command.front().starts_with('-'))
      throw CLI::ExtrasError({options.command.front()});
    if (options.command.empty() || options.command.front().empty())
      throw CLI::RequiredError("COMMAND");
    if (options.detach && options.terminal)
      throw CLI::ExcludesError("--detach", "--tty");
  });

  if (const std::optional<int> status = parse_command_line(app, argc, argv, status_failed))
    return *status;
  return options;
}

std::optional<std::string> program_stood_for(std::string_view file)
{
  constexpr std::string_view deleted = " (deleted)"; // by an upgrade

  if (file.ends_with(deleted))
    file.remove_suffix(deleted.size());
  if (!file.starts_with('/') || file.ends_with("/rexec"))
    return std::nullopt;
  return std::string(file);
}

ClientOptions options_of_stand_in(const std::string &program, int argc, const char *const *argv,
                                  bool terminal)
{
  ClientOptions options;

  options.terminal = terminal;
  if (const char *server = std::getenv("REXEC_SERVER"))
    options.server = server;
  options.command = {program};
  if (argc > 1)
    options.command.insert(options.command.end(), argv + 1, argv + argc);
  return options;
}

} // namespace qtfs::rexec
