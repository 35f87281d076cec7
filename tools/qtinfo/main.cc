// SPDX-License-Identifier: GPL-2.0
//
// qtinfo: how qtfs is doing.
//
// Exit status: 0 all is well, or done; 1 it isn't, or not done; 2 the command
// line is wrong.

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <thread>
#include <unistd.h>

#include "abi.hh"
#include "bench.hh"
#include "control.hh"
#include "options.hh"
#include "ping.hh"
#include "release.hh"
#include "report.hh"
#include "write_all.hh"

namespace qtfs::qtinfo {

namespace {

constexpr auto engine_limit = std::chrono::seconds(1);
constexpr auto ping_limit = std::chrono::seconds(2);
constexpr auto summary_interval = std::chrono::milliseconds(200);

int complain(const std::string &text)
{
  fmt::print(stderr, "qtinfo: {}\n", text);
  return EXIT_FAILURE;
}

Engine ask_engine(const std::string &control)
{
  Json request = Json::object();
  request.set("op", "status");
  const Result<Json, std::string> answer = control_ask(control, request, engine_limit);
  Engine engine;

  engine.answers = static_cast<bool>(answer);
  if (!answer) {
    engine.problem = answer.error();
    return engine;
  }
  engine.version = answer->string("version").value_or("?");
  engine.pid = answer->number("pid").value_or(0);
  engine.threads = answer->number("threads").value_or(0);
  engine.file = answer->string("file").value_or("?");
  engine.edited = answer->flag("edited");
  return engine;
}

// None where there is no socket of one.
std::optional<Proxy> ask_proxy()
{
  Json request = Json::object();
  Proxy proxy;

  if (::access(proxy_socket, F_OK) != 0)
    return std::nullopt;
  request.set("op", "status");
  const Result<Json, std::string> answer = control_ask(proxy_socket, request, engine_limit);
  if (!answer) {
    proxy.problem = answer.error();
    return proxy;
  }
  proxy.version = answer->string("version").value_or("?");
  proxy.pid = answer->number("pid").value_or(0);
  proxy.peer = answer->string("peer").value_or("?");
  proxy.connected = answer->flag("connected");
  return proxy;
}

Summary summarise(const Options &options)
{
  const Snapshot first = take_snapshot();
  const Model before = read_model(first);
  Summary summary;

  if (first.stuck.empty() && before.details)
    std::this_thread::sleep_for(summary_interval); // to tell operations per second
  const Snapshot second = first.stuck.empty() ? take_snapshot() : first;
  summary.model = read_model(second);
  summary.interval = std::chrono::duration<double>(second.at - first.at).count();
  summary.recent_client = difference(client_ops(summary.model), client_ops(before));
  summary.recent_server = difference(summary.model.server_ops, before.server_ops);
  summary.pings = ping_all(summary.model.mounts, ping_limit);
  if (summary.model.server && ::geteuid() == 0)
    summary.engine = ask_engine(options.control);
  if (::geteuid() == 0)
    summary.proxy = ask_proxy();
  summary.findings =
    examine(summary.model, summary.engine, summary.pings, ::geteuid() == 0, summary.proxy);
  return summary;
}

bool well(const std::vector<Finding> &findings)
{
  return std::ranges::none_of(findings, &Finding::serious);
}

int show_summary(const Options &options)
{
  const Summary summary = summarise(options);

  if (options.json)
    fmt::print("{}\n", summary_json(summary).pretty());
  else
    fmt::print("{}", summary_text(summary, Style()));
  return well(summary.findings) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int show_all(const Options &options)
{
  if (options.json) {
    const Summary summary = summarise(options);
    Json json = summary_json(summary);
    json.set("requests", in_flight_json(summary.model)).set("stats", stats_json(summary.model));
    fmt::print("{}\n", json.pretty());
    return well(summary.findings) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  const int status = show_summary(options);
  const Model model = read_model(take_snapshot());

  fmt::print("\n{}\n{}\n{}", connections_text(model), in_flight_text(model),
             stats_text(model, "", false, true));
  return status;
}

int show(const Options &options, const Json &json, const std::string &text)
{
  if (options.json)
    fmt::print("{}\n", json.pretty());
  else
    fmt::print("{}", text);
  return EXIT_SUCCESS;
}

int log_level(const Options &options)
{
  const Model model = read_model(take_snapshot());
  Json json = Json::object();
  std::string text;

  if (model.log_levels.empty())
    return complain("neither qtfs nor qtfs_server is loaded");
  for (const auto &[module, level] : model.log_levels) {
    const std::string file = "/sys/module/" + module + "/parameters/qtfs_log_level";
    if (!options.level.empty() && write_into(file, options.level))
      return complain(file + ": " + std::strerror(errno));
    const std::string &now = options.level.empty() ? level : options.level;
    json.set(module, now);
    text += fmt::format("{}: {}\n", module, now);
  }
  return show(options, json, text);
}

int show_pings(const Options &options)
{
  const std::vector<Ping> pings = ping_all(read_model(take_snapshot()).mounts, ping_limit);
  int status = pings.empty() ? EXIT_FAILURE : EXIT_SUCCESS;

  for (const Ping &ping : pings)
    if (ping.error)
      status = EXIT_FAILURE;
  show(options, pings_json(pings), pings_text(pings));
  return status;
}

int show_bench(const Options &options)
{
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto progress = [&](const Measurement &next, std::size_t done, std::size_t all) {
    if (terminal)
      fmt::print(stderr, "\r\033[K{} of {}: {}", done + 1, all, next.name);
  };
  const Result<Bench, std::string> bench = run_bench(options.bench, progress);

  if (terminal)
    fmt::print(stderr, "\r\033[K");
  if (!bench)
    return complain(bench.error());
  return show(options, bench_json(*bench), bench_text(*bench));
}

int clear()
{
  const Snapshot snapshot = take_snapshot();
  unsigned cleared = 0;

  for (const auto &[name, content] : snapshot.files)
    if (name.ends_with("/latency")) {
      if (write_into(name, "0"))
        return complain(name + ": " + std::strerror(errno));
      cleared++;
    }
  return cleared ? EXIT_SUCCESS
                 : complain("nothing to clear: no module is loaded, or you aren't root");
}

int show_sizes(const Options &options)
{
  Json json = Json::object();
  std::string text;

  for (unsigned op = 1; op < QTFS_OP_END; op++) {
    const struct qtfs_op_info *info = qtfs_op_info(op);
    const std::size_t request = sizeof(qtfs_hdr) + sizeof(qtfs_req) + info->req_body;
    const std::size_t reply = sizeof(qtfs_hdr) + info->rep_body;
    Json one = Json::object();
    one.set("request", request).set("reply", reply);
    json.set(info->name, std::move(one));
    text += fmt::format("{:<12} request {:>4}  reply {:>4}\n", info->name, request, reply);
  }
  return show(options, json, text);
}

// Everything that was read, and what it means.  Paths of mounts are in it, the
// whitelist and names of files are not.
int dump(const Options &options)
{
  const Summary summary = summarise(options);
  const Snapshot snapshot = take_snapshot();
  Json files = Json::object();
  Json json = Json::object();

  for (const auto &[name, content] : snapshot.files) {
    if (name != "/proc/self/mountinfo" && name != "/proc/slabinfo" && name != "/etc/fstab")
      files.set(name, content);
  }
  json.set("qtinfo", QTFS_RELEASE).set("summary", summary_json(summary));
  json.set("caches", caches_json(summary.model)).set("files", std::move(files));
  const std::string text = json.pretty() + "\n";
  if (options.file.empty()) {
    fmt::print("{}", text);
    return EXIT_SUCCESS;
  }
  const Fd fd(::open(options.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (const std::error_code error = fd ? write_all(fd.get(), text) : last_error())
    return complain(options.file + ": " + error.message());
  return EXIT_SUCCESS;
}

// @op is one of its control socket.
int show_udsproxyd(const Options &options, const char *op)
{
  Json request = Json::object();
  request.set("op", op);
  const Result<Json, std::string> answer =
    control_ask(options.control, request, std::chrono::seconds(5));
  if (!answer)
    return complain(answer.error());

  const auto text = [&](const char *key) { return answer->string(key).value_or("?"); };
  const auto number = [&](const char *key) {
    return static_cast<std::uint64_t>(answer->number(key).value_or(0));
  };
  std::string told = fmt::format("udsproxyd {}, pid {}, at {}, peer {}\n", text("version"),
                                 number("pid"), text("address"), text("peer"));
  told += fmt::format("links          {}: {} to the peer, {} from it\n",
                      answer->flag("connected") ? "up" : "down", number("links_to_peer"),
                      number("links_from_peer"));
  told += fmt::format("sockets        {} exported, {} of the peer's shown here\n",
                      number("exported"), number("shown"));
  told += fmt::format("connections    {} open, {} waiting, {} in all, {} refused\n", number("open"),
                      number("waiting"), number("connections"), number("refused"));
  told += fmt::format("descriptors    {} passed, {} could not be\n", number("descriptors"),
                      number("not_passed"));
  told += fmt::format("data           {} sent, {} received\n", human_bytes(number("bytes_sent")),
                      human_bytes(number("bytes_received")));
  told += fmt::format("key            {}, {} links without it\n",
                      answer->flag("key") ? "needed" : "none", number("unproved"));
  told += fmt::format("violations     {}\n", number("violations"));
  told += fmt::format("log level      {}\n", text("log_level"));
  return show(options, *answer, told);
}

int run(const Options &options)
{
  const auto model = [] { return read_model(take_snapshot()); };

  switch (options.command) {
  case Command::Summary:
    return show_summary(options);
  case Command::All:
    return show_all(options);
  case Command::Log:
    return log_level(options);
  case Command::Ping:
    return show_pings(options);
  case Command::Bench:
    return show_bench(options);
  case Command::Top:
    return run_top(options.top);
  case Command::Trace:
    return run_trace(options.trace);
  case Command::Dump:
    return dump(options);
  case Command::Clear:
    return clear();
  case Command::Sizes:
    return show_sizes(options);
  case Command::PollMode:
    fmt::print("any file that can be polled on the server can be: there is nothing to set\n");
    return EXIT_SUCCESS;
  case Command::Udsproxyd:
    return show_udsproxyd(options, "status");
  case Command::UdsLevel:
    return show_udsproxyd(options, "log");
  default:
    break;
  }

  const Model now = model();
  switch (options.command) {
  case Command::InFlight:
    return show(options, in_flight_json(now), in_flight_text(now));
  case Command::Opens:
    return show(options, opens_json(now), opens_text(now));
  case Command::Connections:
    return show(options, connections_json(now), connections_text(now));
  case Command::Caches:
    return show(options, caches_json(now), caches_text(now));
  default:
    if (options.prometheus)
      return show({}, Json::object(), prometheus_text(now));
    return show(
      options, stats_json(now),
      stats_text(now, options.op, options.histograms || !options.op.empty(), options.counters));
  }
}

} // namespace

} // namespace qtfs::qtinfo

int main(int argc, char **argv)
{
  using namespace qtfs;

  const Result<qtinfo::Options, int> options = qtinfo::parse_options(argc, argv);
  if (!options)
    return options.error();
  return qtinfo::run(*options);
}
