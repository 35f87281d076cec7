// SPDX-License-Identifier: GPL-2.0

#include "top.hh"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <poll.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>

#include "report.hh"
#include "text.hh"

namespace qtfs::qtinfo {

namespace {

constexpr std::string_view keys = "cebtl";

volatile std::sig_atomic_t stopped = 0;

void stop(int)
{
  stopped = 1;
}

// Keys come one by one and unseen, until it goes.
class RawTerminal {
public:
  RawTerminal()
  {
    raw_ =
      ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO) && ::tcgetattr(STDIN_FILENO, &old_) == 0;
    if (!raw_)
      return;
    termios raw = old_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  RawTerminal(const RawTerminal &) = delete;
  ~RawTerminal()
  {
    if (raw_)
      ::tcsetattr(STDIN_FILENO, TCSANOW, &old_);
  }
  bool raw() const { return raw_; }

private:
  termios old_ = {};
  bool raw_;
};

// What one screen shows.
struct Screen {
  Model now;
  std::vector<OpStat> client, server; // of the interval
  double interval;
};

std::uint64_t sort_value(const OpStat &op, char key)
{
  switch (key) {
  case 'e':
    return op.errors;
  case 'b':
    return op.bytes;
  case 't':
    return op.ns;
  case 'l':
    return op.mean();
  default:
    return op.count;
  }
}

void print_text(const Screen &screen, double every)
{
  fmt::print("qtinfo top: {} in flight, every {:g} s; keys: c count, e errors, b data, t time, "
             "l latency, q quit\n",
             screen.now.in_flight.size(), every);
  if (!screen.now.stuck.empty())
    fmt::print("{} doesn't answer\n", screen.now.stuck);
  if (screen.now.client)
    fmt::print("\nclient\n{}", top_table(screen.client, screen.interval));
  if (screen.now.server)
    fmt::print("\nserver\n{}", top_table(screen.server, screen.interval));
}

// An object on a line of its own.
void print_json(const Screen &screen)
{
  Json json = Json::object();

  json.set("seconds", screen.interval);
  json.set("in_flight", static_cast<std::uint64_t>(screen.now.in_flight.size()));
  if (!screen.now.stuck.empty())
    json.set("stuck", screen.now.stuck);
  if (screen.now.client)
    json.set("client", ops_json(screen.client));
  if (screen.now.server)
    json.set("server", ops_json(screen.server));
  fmt::print("{}\n", json.line());
}

// A key that was pressed within @limit, else NUL.
char wait_for_key(bool raw, std::chrono::milliseconds limit)
{
  pollfd poll = {raw ? STDIN_FILENO : -1, POLLIN, 0};
  char key = '\0';

  if (::poll(&poll, 1, static_cast<int>(limit.count())) > 0 && ::read(STDIN_FILENO, &key, 1) != 1)
    key = 'q'; // the terminal has gone
  return key;
}

} // namespace

bool is_top_key(char key)
{
  return keys.find(key) != std::string_view::npos;
}

void sort_ops(std::vector<OpStat> &ops, char key)
{
  std::ranges::stable_sort(
    ops, [&](const OpStat &a, const OpStat &b) { return sort_value(a, key) > sort_value(b, key); });
}

std::string top_table(const std::vector<OpStat> &ops, double interval)
{
  Table table({"operation", "/s", "errors/s", "data/s", "mean", "99 %", "busy"});

  for (const OpStat &op : ops)
    table.add({op.name, human_count(static_cast<double>(op.count) / interval),
               human_count(static_cast<double>(op.errors) / interval),
               human_bytes(static_cast<std::uint64_t>(static_cast<double>(op.bytes) / interval)),
               human_time(op.mean()), human_time(op.quantile(0.99)),
               // Requests at work at a time, by Little's law.
               fmt::format("{:.2f}", static_cast<double>(op.ns) / 1e9 / interval)});
  return table.empty() ? "  nothing\n" : table.text();
}

int run_top(TopOptions options)
{
  const RawTerminal terminal;
  Snapshot before = take_snapshot();
  Model old = read_model(before);
  struct sigaction action = {};

  action.sa_handler = stop;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  for (std::uint64_t shown = 0; !stopped && (!options.count || shown < options.count);) {
    const char key =
      wait_for_key(terminal.raw(),
                   std::chrono::milliseconds(static_cast<std::int64_t>(options.interval * 1000)));
    if (key == 'q' || stopped)
      break;
    if (is_top_key(key))
      options.sort = key;

    Snapshot now = take_snapshot();
    Screen screen = {read_model(now), {}, {}, 0};
    screen.interval = std::chrono::duration<double>(now.at - before.at).count();
    screen.client = difference(client_ops(screen.now), client_ops(old));
    screen.server = difference(screen.now.server_ops, old.server_ops);
    sort_ops(screen.client, options.sort);
    sort_ops(screen.server, options.sort);
    if (options.json) {
      print_json(screen);
    } else {
      if (terminal.raw())
        fmt::print("\x1b[H\x1b[2J");
      print_text(screen, options.interval);
    }
    if (std::fflush(stdout) != 0)
      break;
    before = std::move(now);
    old = std::move(screen.now);
    shown++;
  }
  return EXIT_SUCCESS;
}

} // namespace qtfs::qtinfo
