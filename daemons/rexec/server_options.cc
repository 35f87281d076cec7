// SPDX-License-Identifier: GPL-2.0

#include "server_options.hh"

#include <filesystem>

#include "cli.hh"
#include "release.hh"
#include "socket.hh"

namespace qtfs::rexec {

namespace {

std::string check_mode(const std::string &text)
{
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos)
    return "\"" + text + "\" is no octal mode, as 0666 is";
  return {};
}

} // namespace

Result<ServerOptions, int> parse_server_options(int argc, const char *const *argv)
{
  ServerOptions options;
  std::string mode = "0666";
  options.server.socket = socket_of(this_machine());

  CLI::App app("Executes commands for rexec, as far as its whitelist allows.", "rexec_server");
  app.add_option("--socket", options.server.socket, "Where it listens")
    ->type_name("PATH")
    ->capture_default_str();
  app.add_option("--whitelist", options.whitelist, "Which commands may be executed")
    ->type_name("FILE")
    ->capture_default_str();
  app
    .add_option("--mode", mode,
                "Who may connect: the socket's mode; all but root run as themselves")
    ->check(CLI::Validator(check_mode, ""))
    ->type_name("MODE")
    ->capture_default_str();
  app.add_option("--max-commands", options.server.max_commands, "Commands at a time")
    ->check(CLI::Range(1U, 1U << 20))
    ->type_name("N")
    ->capture_default_str();
  app.add_option("--log-level", options.log_level, "Least level that is logged")
    ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
    ->type_name("LEVEL")
    ->capture_default_str();
  app.add_flag("--check", options.check, "Look for mistakes in the whitelist, and end");
  app.set_version_flag("--version", "rexec_server " QTFS_RELEASE);

  if (const std::optional<int> status = parse_command_line(app, argc, argv))
    return *status;
  // It works in /.
  options.whitelist = std::filesystem::absolute(options.whitelist);
  options.server.mode = static_cast<unsigned>(std::stoul(mode, nullptr, 8));
  return options;
}

} // namespace qtfs::rexec
