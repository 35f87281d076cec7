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

std::string top_table(std::vector<OpStat> ops, double interval, char sort)
{
  Table table({"operation", "/s", "errors/s", "data/s", "mean", "99 %", "busy"});

  std::ranges::stable_sort(ops, [&](const OpStat &a, const OpStat &b) {
    return sort_value(a, sort) > sort_value(b, sort);
  });
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
    Model model = read_model(now);
    const double interval = std::chrono::duration<double>(now.at - before.at).count();
    if (terminal.raw())
      fmt::print("\x1b[H\x1b[2J");
    fmt::print("qtinfo top: {} in flight, every {:g} s; keys: c count, e errors, b data, t time, "
               "l latency, q quit\n",
               model.in_flight.size(), options.interval);
    if (!model.stuck.empty())
      fmt::print("{} doesn't answer\n", model.stuck);
    if (model.client)
      fmt::print("\nclient\n{}",
                 top_table(difference(client_ops(model), client_ops(old)), interval, options.sort));
    if (model.server)
      fmt::print("\nserver\n{}",
                 top_table(difference(model.server_ops, old.server_ops), interval, options.sort));
    if (std::fflush(stdout) != 0)
      break;
    before = std::move(now);
    old = std::move(model);
    shown++;
  }
  return EXIT_SUCCESS;
}

} // namespace qtfs::qtinfo
