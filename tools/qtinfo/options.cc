// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include <algorithm>

#include "cli.hh"
#include "release.hh"

namespace qtfs::qtinfo {

namespace {

// "warn" and "WARN" are the same; the modules want the latter.
std::string upper(std::string text)
{
  std::ranges::transform(text, text.begin(), ::toupper);
  return text;
}

} // namespace

Result<Options, int> parse_options(int argc, const char *const *argv)
{
  Options options;
  bool all = false, clear = false, sizes = false, udsproxyd = false, uds_level = false;
  std::string sort = "c";
  unsigned poll_mode = 0;

  CLI::App app("Shows how qtfs is doing on this machine, client or server. Without a command: "
               "whether all is well. Exit status: 0 it is, or done; 1 it isn't, or not done.",
               "qtinfo");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "Help on all commands");
  app.set_version_flag("--version", "qtinfo " QTFS_RELEASE);
  app.add_flag("--json", options.json, "Answer in JSON");
  CLI::Option *control = app
                           .add_option("--control", options.control,
                                       "The engine's socket, or with -u and -s udsproxyd's")
                           ->type_name("SOCKET")
                           ->capture_default_str();

  const CLI::Validator level =
    CLI::IsMember({"NONE", "ERROR", "WARN", "INFO", "DEBUG"}, CLI::ignore_case);
  CLI::Option_group *old = app.add_option_group("Historical options");
  old->add_flag("-a", all, "Everything: summary, connections, statistics");
  old->add_flag("-c", clear, "Clear the statistics of operations");
  CLI::Option *set_level = old->add_option("-l", options.level, "As log LEVEL")->check(level);
  old->add_flag("-t", sizes, "Sizes of the protocol's structures");
  CLI::Option *poll = old->add_option("-p", poll_mode, "Without effect: any file can be polled")
                        ->check(CLI::Range(0u, 1u));
  old->add_flag("-u", udsproxyd, "State of udsproxyd");
  old->add_flag("-s", uds_level, "Step udsproxyd's log level");
  old->require_option(0, 1);

  CLI::App *stats = app.add_subcommand("stats", "Operations: counts, errors, data, times");
  stats->add_option("OPERATION", options.op, "Only this one, with its histogram");
  stats->add_flag("--histogram", options.histograms, "Draw how long operations took");
  stats->add_flag("--counters", options.counters, "The other counters, too");
  stats->add_flag("--prometheus", options.prometheus, "In Prometheus' text format");
  app.add_subcommand("inflight", "Requests that are not answered yet, the oldest first");
  app.add_subcommand("opens", "Open files, locks and names that clients hold (server)");
  app.add_subcommand("connections", "Mounts and clients, and how they are connected");
  app.add_subcommand("caches", "Memory of caches, and the mounts' caching options");
  CLI::App *log = app.add_subcommand("log", "Shows or sets how much the modules log");
  log->add_option("LEVEL", options.level, "NONE ERROR WARN INFO DEBUG")->check(level);
  app.add_subcommand("ping", "Round trips through the engine, for each mount");
  CLI::App *bench =
    app.add_subcommand("bench", "The mount's transport alone: round trips and streams");
  bench->add_option("MOUNT", options.bench.mount, "Mount point or number, where there are several");
  bench->add_option("--ms", options.bench.ms, "Milliseconds of each measurement")
    ->check(CLI::Range(1u, 10000u))
    ->capture_default_str();
  bench
    ->add_option("--streams", options.bench.streams, "Requests at a time, where there are several")
    ->check(CLI::Range(1u, 16u))
    ->capture_default_str();
  CLI::App *top = app.add_subcommand("top", "What is going on, live");
  top->add_option("--interval", options.top.interval, "Seconds")->check(CLI::Range(0.1, 3600.0));
  top->add_option("--count", options.top.count, "End after so many screens")
    ->check(CLI::NonNegativeNumber);
  top->add_option("--sort", sort, "c count, e errors, b data, t time, l latency")
    ->check(CLI::IsMember({"c", "e", "b", "t", "l"}));
  CLI::App *trace = app.add_subcommand("trace", "A line for each operation, as they end");
  trace->add_option("OPERATION", options.trace.filter.op, "Only this one");
  trace->add_flag("--errors", options.trace.filter.errors, "Only those that fail");
  trace->add_option("--slow", options.trace.filter.slow_us, "Only those that take so long")
    ->type_name("MICROSECONDS")
    ->check(CLI::NonNegativeNumber);
  trace->add_flag("--all", options.trace.filter.every_event, "Each step, not only the end");
  trace->add_option("--count", options.trace.count, "End after so many lines")
    ->check(CLI::NonNegativeNumber);
  trace->add_option("--seconds", options.trace.seconds, "End after so long")
    ->check(CLI::NonNegativeNumber);
  CLI::App *dump = app.add_subcommand("dump", "All there is, for a bug report; no secrets");
  dump->add_option("FILE", options.file, "Instead of standard output");

  if (const std::optional<int> status = parse_command_line(app, argc, argv))
    return *status;
  options.level = upper(options.level);
  options.top.sort = sort.front();
  options.top.json = options.json;
  options.trace.json = options.json;

  const bool historical =
    all || clear || sizes || udsproxyd || uds_level || set_level->count() || poll->count();
  const std::vector<CLI::App *> chosen = app.get_subcommands();
  if (!chosen.empty() && historical) {
    return complain(app, "either a command or a historical option");
  }
  constexpr std::pair<const char *, Command> commands[] = {
    {"stats", Command::Stats},   {"inflight", Command::InFlight},
    {"opens", Command::Opens},   {"connections", Command::Connections},
    {"caches", Command::Caches}, {"log", Command::Log},
    {"ping", Command::Ping},     {"top", Command::Top},
    {"trace", Command::Trace},   {"dump", Command::Dump},
    {"bench", Command::Bench},
  };
  for (const auto &[name, command] : commands)
    if (!chosen.empty() && chosen.front()->get_name() == name)
      options.command = command;
  if (all)
    options.command = Command::All;
  else if (clear)
    options.command = Command::Clear;
  else if (set_level->count())
    options.command = Command::Log;
  else if (sizes)
    options.command = Command::Sizes;
  else if (poll->count())
    options.command = Command::PollMode;
  else if (udsproxyd)
    options.command = Command::Udsproxyd;
  else if (uds_level)
    options.command = Command::UdsLevel;
  if ((udsproxyd || uds_level) && !control->count())
    options.control = proxy_socket;
  return options;
}

} // namespace qtfs::qtinfo
