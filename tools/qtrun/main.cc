// SPDX-License-Identifier: GPL-2.0
//
// qtrun: a program whose tree is partly the host's, and whose mounts and signals reach it.

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "config.hh"
#include "ctl.h"
#include "filter.hh"
#include "options.hh"
#include "root.hh"
#include "supervisor.hh"

namespace qtfs::qtrun {

namespace {

int complain(std::string_view what, int status = failed)
{
  fmt::print(stderr, "qtrun: {}\n", what);
  return status;
}

int execute(std::vector<std::string> command)
{
  std::vector<char *> argv;

  argv.reserve(command.size() + 1);
  for (std::string &word : command)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  return complain(fmt::format("{}: {}", command[0], std::strerror(error)),
                  error == ENOENT ? not_found : not_executable);
}

int run(const Options &options)
{
  const Result<Config, std::string> config = load_config(options.config);
  if (!config)
    return complain(config.error());
  if (options.check)
    return 0;

  World world;
  world.control.reset(::open(QTFS_CTL_DEV, O_RDWR | O_CLOEXEC));
  if (!world.control)
    return complain(fmt::format("{}: {}: is qtfs.ko loaded?", QTFS_CTL_DEV, std::strerror(errno)));
  world.proc.reset(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!world.proc)
    return complain(fmt::format("/proc: {}", std::strerror(errno)));
  // A host that doesn't show its processes has none.
  world.host_proc.reset(
    ::open((config->mount + "/proc").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));

  Result<Supervisor> supervisor = Supervisor::start(std::move(world));
  if (!supervisor)
    return complain(supervisor.error().message());
  if (const std::string wrong = enter_root(*config); !wrong.empty())
    return complain(wrong);
  Result<Fd> listener = install_filter();
  if (!listener)
    return complain(fmt::format("a filter for system calls: {}", listener.error().message()));
  if (const std::error_code error = supervisor->take(std::move(*listener)))
    return complain(fmt::format("who answers system calls has ended: {}", error.message()));
  return execute(options.command);
}

} // namespace

} // namespace qtfs::qtrun

int main(int argc, char **argv)
{
  const qtfs::Result<qtfs::qtrun::Options, int> options = qtfs::qtrun::parse_options(argc, argv);

  return options ? qtfs::qtrun::run(*options) : options.error();
}
