// SPDX-License-Identifier: GPL-2.0
//
// udsproxyd: starts, reloads and stops the proxy, and says so.

#include <cap-ng.h>
#include <csignal>
#include <cstdlib>
#include <grp.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#include "control.hh"
#include "daemon.hh"
#include "logging.hh"
#include "proxy.hh"

namespace qtfs::uds {

namespace {

// What the service manager kept for us.
std::vector<Fd> left_by_predecessor()
{
  const int count = ::sd_listen_fds(1);
  std::vector<Fd> sockets;

  sockets.reserve(count > 0 ? static_cast<std::size_t>(count) : 0);

  for (int i = 0; i < count; i++)
    sockets.emplace_back(SD_LISTEN_FDS_START + i);
  return sockets;
}

// What nothing here takes any more; CAP_SYS_ADMIN is for QTFS_UDS_DIR.
void drop_capabilities()
{
  capng_clear(CAPNG_SELECT_CAPS);
  capng_get_caps_process();
  capng_updatev(CAPNG_DROP, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                CAP_SYS_CHROOT, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_PTRACE, CAP_SYS_BOOT,
                CAP_SYS_TIME, CAP_MKNOD, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETPCAP, CAP_SETFCAP,
                CAP_KILL, -1);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    spdlog::warn("capabilities can't be given up, ignoring");
}

void reload(Proxy &proxy)
{
  const Reloading reloading;
  const std::string wrong = proxy.reload();

  if (!wrong.empty())
    spdlog::error("{}; the whitelist stays as it was", wrong);
}

int run(const Options &options, int signals)
{
  Binder binder;
  if (const std::error_code error = binder.start())
    spdlog::warn("sockets on mounts can't be reached, as that takes CAP_SYS_ADMIN: {}",
                 error.message());
  if (::geteuid() == 0)
    drop_capabilities();
  Loop loop;
  Result<Root> root = Root::open(options.root);
  if (!root) {
    spdlog::error("{}: {}", options.root, root.error().message());
    return EXIT_FAILURE;
  }
  raise_file_limit(); // each connection is a descriptor
  ::setgroups(0, nullptr);

  Workers workers(loop);
  Proxy proxy(loop, workers, options, std::move(*root), binder);
  const std::string problem = proxy.start(left_by_predecessor(), {});
  if (!problem.empty()) {
    spdlog::error("{}", problem);
    return EXIT_FAILURE;
  }
  const CommandSocket control(options.control, "qtinfo can't reach this proxy");
  Loop::Watch commands;
  if (control)
    commands = loop.watch(control.fd(), EPOLLIN, [&](std::uint32_t) {
      control_serve(control.fd(), [&](std::string_view line) { return proxy.answer(line); });
    });
  const Loop::Watch ending = loop.watch(signals, EPOLLIN, [&](std::uint32_t) {
    signalfd_siginfo info;
    if (::read(signals, &info, sizeof(info)) != sizeof(info))
      return;
    if (info.ssi_signo == SIGHUP)
      reload(proxy);
    else
      loop.stop(EXIT_SUCCESS);
  });

  std::uint64_t watchdog = 0;
  Loop::Timer alive;
  const std::function<void()> feed = [&] {
    ::sd_notify(0, "WATCHDOG=1");
    alive = loop.after(std::chrono::microseconds(watchdog / 2), feed);
  };
  if (::sd_watchdog_enabled(0, &watchdog) > 0)
    feed();

  spdlog::info("ready");
  ::sd_notify(0, "READY=1");
  const int status = loop.run();
  ::sd_notify(0, "STOPPING=1");
  spdlog::info("stopped");
  return status;
}

} // namespace

} // namespace qtfs::uds

int main(int argc, char **argv)
{
  using namespace qtfs;

  const Result<uds::Options, int> options = uds::parse_options(argc, argv);
  if (!options)
    return options.error();
  set_up_log("udsproxyd", options->log_level);

  const Result<Fd> signals = take_signals();
  if (!signals) {
    spdlog::error("signalfd: {}", signals.error().message());
    return EXIT_FAILURE;
  }
  return uds::run(*options, signals->get());
}
