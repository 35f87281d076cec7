// SPDX-License-Identifier: GPL-2.0

#include "child.hh"

#include <csignal>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qtfs::engine {

Result<Child> Child::start(const std::string &program, const std::vector<std::string> &args)
{
  std::vector<char *> argv;
  argv.push_back(const_cast<char *>(program.c_str()));
  for (const std::string &arg : args)
    argv.push_back(const_cast<char *>(arg.c_str()));
  argv.push_back(nullptr);

  // The engine's threads have signals blocked, which a program would inherit.
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  pid_t pid = -1;
  const int error =
    ::posix_spawn(&pid, program.c_str(), nullptr, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error)
    return errno_code(error);
  return Child(pid);
}

void Child::stop()
{
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGTERM);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR)
    continue;
  pid_ = -1;
}

} // namespace qtfs::engine
