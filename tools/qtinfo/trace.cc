// SPDX-License-Identifier: GPL-2.0

#include "trace.hh"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sstream>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.hh"
#include "json.hh"
#include "text.hh"
#include "write_all.hh"

namespace qtfs::qtinfo {

namespace {

constexpr const char *tracing = "/sys/kernel/tracing";

volatile std::sig_atomic_t stopped = 0;

void stop(int)
{
  stopped = 1;
}

// The error of the operation as a positive errno.
int error_of(const TraceEvent &event)
{
  const std::int64_t number =
    event.fields.contains("error") ? -event.number("error") : event.number("status");

  return static_cast<int>(number);
}

// "age=1234 ns": the unit is a word of its own.
std::uint64_t age_of(const TraceEvent &event)
{
  return static_cast<std::uint64_t>(event.number("age"));
}

bool is_end(const TraceEvent &event)
{
  return event.name == "qtfs_request_end" || event.name == "qtfsd_call_replied";
}

// Removed with its owner; that also switches its events off.
class Instance {
public:
  Instance() : path_(fmt::format("{}/instances/qtinfo.{}", tracing, ::getpid()))
  {
    made_ = ::mkdir(path_.c_str(), 0700) == 0;
  }
  Instance(const Instance &) = delete;
  ~Instance()
  {
    if (!made_)
      return;
    (void)write_into(path_ + "/events/enable", "0");
    ::rmdir(path_.c_str());
  }

  bool made() const { return made_; }
  const std::string &path() const { return path_; }

private:
  std::string path_;
  bool made_;
};

} // namespace

std::int64_t TraceEvent::number(const std::string &field) const
{
  const auto found = fields.find(field);

  return found == fields.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 0);
}

// COMM-PID [CPU] FLAGS TIME: NAME: FIELD=VALUE...
std::optional<TraceEvent> parse_trace(const std::string &line)
{
  const std::size_t name = line.find(": qtfs");
  if (name == std::string::npos)
    return std::nullopt;
  const std::size_t end = line.find(':', name + 2);
  if (end == std::string::npos)
    return std::nullopt;

  TraceEvent event;
  const std::size_t blank = line.rfind(' ', name);
  event.time = line.substr(blank + 1, name - blank - 1);
  event.name = line.substr(name + 2, end - name - 2);
  std::istringstream words(line.substr(end + 1));
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos)
      event.fields[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return event;
}

bool TraceFilter::wants(const TraceEvent &event) const
{
  const auto found = event.fields.find("op");

  if (!every_event && !is_end(event))
    return false;
  if (!op.empty() &&
      (found == event.fields.end() || strcasecmp(found->second.c_str(), op.c_str()) != 0))
    return false;
  return (!errors || error_of(event) != 0) && age_of(event) >= slow_us * 1000;
}

std::string trace_text(const TraceEvent &event)
{
  const auto field = [&](const char *name) {
    const auto found = event.fields.find(name);
    return found == event.fields.end() ? std::string("-") : found->second;
  };
  const bool server = event.name.starts_with("qtfsd_");
  const std::string tag = field("session") + "/" + field("slot") + "/" + field("seq");
  std::string text = fmt::format("{:>14} {} {:<14} {:<11}", event.time,
                                 server ? "server" : "client", tag, field("op"));

  if (is_end(event))
    text += fmt::format(" {:<12} {:>8}", error_of(event) ? error_name(error_of(event)) : "ok",
                        human_time(age_of(event)));
  else
    text += " " + event.name.substr(event.name.rfind('_') + 1);
  if (event.fields.contains("pid"))
    text += " pid " + field("pid");
  if (event.number("data"))
    text += " " + field("data") + " bytes";
  return text;
}

std::string trace_json(const TraceEvent &event)
{
  Json json = Json::object();

  json.set("time", event.time).set("event", event.name);
  for (const auto &[name, value] : event.fields)
    json.set(name, value);
  return json.line();
}

int run_trace(const TraceOptions &options)
{
  using Clock = std::chrono::steady_clock;
  const Instance instance;
  if (!instance.made()) {
    fmt::print(stderr, "qtinfo: {}: {} (tracing needs root and tracefs)\n", instance.path(),
               std::strerror(errno));
    return EXIT_FAILURE;
  }
  const bool client = !write_into(instance.path() + "/events/qtfs/enable", "1");
  const bool server = !write_into(instance.path() + "/events/qtfs_server/enable", "1");
  if (!client && !server) {
    fmt::print(stderr, "qtinfo: neither qtfs nor qtfs_server is loaded\n");
    return EXIT_FAILURE;
  }
  const Fd pipe(
    ::open((instance.path() + "/trace_pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!pipe) {
    fmt::print(stderr, "qtinfo: {}/trace_pipe: {}\n", instance.path(), std::strerror(errno));
    return EXIT_FAILURE;
  }

  struct sigaction action = {};
  action.sa_handler = stop; // without SA_RESTART
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const Clock::time_point end = Clock::now() + std::chrono::seconds(options.seconds);
  std::uint64_t shown = 0;
  std::string rest;
  std::array<char, 65536> chunk;

  while (!stopped && (!options.seconds || Clock::now() < end)) {
    pollfd poll = {pipe.get(), POLLIN, 0};
    ::poll(&poll, 1, 200);
    const ssize_t n = ::read(pipe.get(), chunk.data(), chunk.size());
    if (n <= 0)
      continue;
    rest.append(chunk.data(), static_cast<std::size_t>(n));
    for (std::size_t stop_at; (stop_at = rest.find('\n')) != std::string::npos;) {
      const std::optional<TraceEvent> event = parse_trace(rest.substr(0, stop_at));
      rest.erase(0, stop_at + 1);
      if (!event || !options.filter.wants(*event))
        continue;
      fmt::print("{}\n", options.json ? trace_json(*event) : trace_text(*event));
      if (++shown == options.count)
        return EXIT_SUCCESS;
    }
    if (std::fflush(stdout) != 0)
      return EXIT_SUCCESS; // nobody reads any more
  }
  return EXIT_SUCCESS;
}

} // namespace qtfs::qtinfo
