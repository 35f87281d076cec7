// SPDX-License-Identifier: GPL-2.0
//
// qtfs-engine: starts, reloads and stops the engine, and says so.

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "audit.hh"
#include "backoff.hh"
#include "child.hh"
#include "commands.hh"
#include "control.hh"
#include "crash_mark.hh"
#include "daemon.hh"
#include "engine.hh"
#include "log.hh"
#include "logging.hh"
#include "mount_watch.hh"
#include "options.hh"

namespace qtfs::engine {

namespace {

constexpr const char *udsproxyd = "/usr/sbin/udsproxyd";

// What may be meant, but rarely is.
void warn_about(const std::string &file, const Whitelist &whitelist)
{
  struct stat st;

  if (::stat(file.c_str(), &st) == 0 && (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))))
    spdlog::warn("{}: others than root can change it", file);
  if (whitelist.items(Section::Mount).empty())
    spdlog::warn("{}: nothing in [Mount], so nothing can be mounted", file);
}

std::optional<WhitelistText> load_whitelist(const std::string &file)
{
  Result<WhitelistText, Whitelist::Error> text = WhitelistText::load(file);

  if (!text) {
    spdlog::error("{}", text.error().text());
    if (text.error().code == ENOENT)
      spdlog::error("without a whitelist nothing is served: write one (qtfs-engine comes with a "
                    "sample) or name another file with --whitelist");
    return std::nullopt;
  }
  warn_about(file, text->whitelist());
  return std::move(*text);
}

// Wakes the main thread when a worker fails.
class Alarm {
public:
  Alarm() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int fd() const { return fd_.get(); }
  void ring() const { ::eventfd_write(fd_.get(), 1); }

private:
  Fd fd_;
};

void reload(Commands &commands)
{
  const Reloading reloading;
  const std::string wrong = commands.reload();

  if (!wrong.empty())
    spdlog::error("{}; the whitelist stays as it was", wrong);
}

// @events, and a record in @audit, if there is one, of what was executed.
WorkerEvents audited_events(WorkerEvents events, Audit *audit)
{
  if (audit)
    events.executed = [logged = std::move(events.executed), audit](Slot &slot) {
      if (logged)
        logged(slot);
      audit->record(slot);
    };
  return events;
}

// How often systemd wants to hear that requests get on, in ms; -1: never.
int watchdog_interval()
{
  std::uint64_t usec = 0;

  return ::sd_watchdog_enabled(0, &usec) > 0 ? static_cast<int>(usec / 2000) : -1;
}

// The sooner of two times to wait, of which -1 is never.
int sooner(int a, int b)
{
  return a < 0 ? b : b < 0 ? a : std::min(a, b);
}

constexpr int idle_interval = 5000; // ms

// Returns when the engine shall end; the exit status.
int wait_for_end(Engine &engine, Commands &commands, int control, int signals, const Alarm &alarm)
{
  std::array<pollfd, 4> events = {
    {{signals, POLLIN, 0}, {alarm.fd(), POLLIN, 0}, {control, POLLIN, 0}, {-1, 0, 0}}};
  const int interval = watchdog_interval();
  MountWatch mounts;

  for (;;) {
    events[3] = mounts.poll_for();
    const int n = ::poll(events.data(), events.size(),
                         sooner(sooner(interval, idle_interval), mounts.due_in()));
    if (interval > 0 && engine.gets_on())
      ::sd_notify(0, "WATCHDOG=1");
    if (mounts.take(events[3].revents))
      engine.mounts_changed();
    engine.let_go_of_idle();
    if (n <= 0)
      continue;
    if (events[1].revents)
      return EXIT_FAILURE;
    if (events[2].revents)
      control_serve(control, [&](std::string_view line) { return commands.answer(line); });

    signalfd_siginfo info;
    if (::read(signals, &info, sizeof(info)) != sizeof(info))
      continue;
    if (info.ssi_signo != SIGHUP)
      return EXIT_SUCCESS;
    reload(commands);
  }
}

Child start_udsproxyd(const std::vector<std::string> &args)
{
  if (::access(udsproxyd, X_OK) != 0) {
    spdlog::warn("{}: {}, unix sockets aren't forwarded", udsproxyd, last_error().message());
    return {};
  }
  Result<Child> child = Child::start(udsproxyd, args);
  if (!child) {
    spdlog::warn("{}: {}, unix sockets aren't forwarded", udsproxyd, child.error().message());
    return {};
  }
  return std::move(*child);
}

// Waits if engines have died one after the other.  An exit status: this one ends.
std::optional<int> hold_back(unsigned crashes, int signals)
{
  const std::optional<std::chrono::milliseconds> delay = backoff(crashes);

  if (!delay) {
    spdlog::error("{} engines in a row died before they had answered anything: giving up", crashes);
    ::sd_notify(0, "STATUS=Given up: engines die before they have answered anything");
    return exit_given_up;
  }
  if (*delay == std::chrono::milliseconds(0))
    return std::nullopt;
  spdlog::warn("{} engines in a row died before they had answered anything: waiting for {} ms",
               crashes, delay->count());
  ::sd_notifyf(0, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=Waiting: %u engines died at once", crashes);
  if (!wait_out(*delay, signals))
    return EXIT_SUCCESS;
  return std::nullopt;
}

int run(const Options &options, int signals)
{
  if (::geteuid() != 0) {
    spdlog::error("qtfs-engine must run as root");
    return EXIT_FAILURE;
  }
  std::optional<WhitelistText> whitelist = load_whitelist(options.whitelist);
  if (!whitelist)
    return EXIT_FAILURE;
  raise_file_limit(); // every node and open file of a request is a descriptor for a moment

  Result<Channel, std::string> channel = Channel::open();
  if (!channel) {
    spdlog::error("{}", channel.error());
    return EXIT_FAILURE;
  }
  if (const std::optional<int> status = hold_back(channel->setup().crashes, signals))
    return *status;
  std::unique_ptr<Audit> audit;
  if (!options.audit.empty()) {
    Result<std::unique_ptr<Audit>, std::string> opened = Audit::open(options.audit);
    if (!opened) {
      spdlog::error("the audit log: {}", opened.error());
      return EXIT_FAILURE;
    }
    audit = std::move(*opened);
  }
  if (const std::error_code error = install_crash_mark()) {
    spdlog::error("sigaction: {}", error.message());
    return EXIT_FAILURE;
  }
  const Alarm alarm;
  Engine engine(std::move(*channel), whitelist->whitelist(),
                audited_events(logged_events([&alarm] { alarm.ring(); }), audit.get()));
  const std::string problem = engine.start(options.threads);
  if (!problem.empty()) {
    spdlog::error("{}", problem);
    return EXIT_FAILURE;
  }

  Child proxy;
  if (options.udsproxyd)
    proxy = start_udsproxyd(*options.udsproxyd);

  const CommandSocket control(options.control, "qtcfg can't reach this engine");
  Commands commands(std::move(*whitelist), options.threads, [&](Whitelist list) {
    warn_about(options.whitelist, list);
    return engine.reload(std::move(list));
  });

  spdlog::info("ready");
  ::sd_notifyf(0, "READY=1\nSTATUS=Serving with %u threads", options.threads);
  const int status = wait_for_end(engine, commands, control.fd(), signals, alarm);

  ::sd_notify(0, "STOPPING=1\nSTATUS=Finishing requests");
  engine.stop();
  spdlog::info("stopped");
  return status;
}

} // namespace

} // namespace qtfs::engine

int main(int argc, char **argv)
{
  using namespace qtfs;

  const Result<engine::Options, int> options = engine::parse_options(argc, argv);
  if (!options)
    return options.error();
  set_up_log("qtfs-engine", options->log_level);

  const Result<Fd> signals = take_signals();
  if (!signals) {
    spdlog::error("signalfd: {}", signals.error().message());
    return EXIT_FAILURE;
  }
  // The module's way to end a system call whose request was cancelled.
  struct sigaction interrupt = {};
  interrupt.sa_handler = [](int) {};
  ::sigaction(SIGURG, &interrupt, nullptr);
  return engine::run(*options, signals->get());
}
