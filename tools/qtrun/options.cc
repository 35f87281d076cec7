// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include "cli.hh"
#include "release.hh"

namespace qtfs::qtrun {

Result<Options, int> parse_options(int argc, const char *const *argv)
{
  Options options;
  CLI::App app("Runs a program that sees this machine's and the host's directories as one tree, "
               "and whose mounts and signals reach the host. It needs CAP_SYS_ADMIN.",
               "qtrun");

  app.set_version_flag("--version", "qtrun " QTFS_RELEASE);
  app.add_option("--config", options.config, "Which directories are whose")
    ->type_name("FILE")
    ->capture_default_str();
  app.add_flag("--check", options.check, "Say what is wrong with the file, and run nothing");
  app.add_option("COMMAND", options.command, "The program and its arguments");
  app.prefix_command();
  app.positionals_at_end();
  if (const std::optional<int> status = parse_command_line(app, argc, argv, failed))
    return *status;
  const std::vector<std::string> rest = app.remaining();
  options.command.insert(options.command.end(), rest.begin(), rest.end());
  if (!options.command.empty() && options.command.front() == "--")
    options.command.erase(options.command.begin());
  if (options.command.empty() && !options.check) {
    complain(app, "no command");
    return failed;
  }
  return options;
}

} // namespace qtfs::qtrun
