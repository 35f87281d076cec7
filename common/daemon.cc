// SPDX-License-Identifier: GPL-2.0

#include "daemon.hh"

#include <csignal>
#include <ctime>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "control.hh"

namespace qtfs {

void raise_file_limit()
{
  rlimit limit = {};

  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    spdlog::warn("limit of open files: {}, ignoring", last_error().message());
}

Result<Fd> take_signals(std::initializer_list<int> more)
{
  sigset_t set;

  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&set, signal);
  for (const int signal : more)
    sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals)
    return last_error();
  return signals;
}

CommandSocket::CommandSocket(std::string path, const std::string &unreachable)
    : path_(std::move(path))
{
  if (path_.empty())
    return;
  Result<Fd, std::string> socket = control_listen(path_);
  if (socket)
    fd_ = std::move(*socket);
  else
    spdlog::warn("{}: {}", unreachable, socket.error());
}

// While we still listen nobody else takes the name: it is ours that goes.
CommandSocket::~CommandSocket()
{
  if (fd_)
    ::unlink(path_.c_str());
}

Reloading::Reloading()
{
  timespec now = {};

  ::clock_gettime(CLOCK_MONOTONIC, &now);
  ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
               static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000);
}

Reloading::~Reloading()
{
  ::sd_notify(0, "READY=1");
}

} // namespace qtfs
