// SPDX-License-Identifier: GPL-2.0

#include "model.hh"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <sstream>
#include <sys/sysmacros.h>

#include "mountinfo.hh"

namespace qtfs::qtinfo {

namespace {

constexpr unsigned unit_shift = 10;

std::string first_line(const std::string &text)
{
  return text.substr(0, text.find('\n'));
}

std::string file_of(const Snapshot &snapshot, const std::string &name)
{
  const auto found = snapshot.files.find(name);

  return found == snapshot.files.end() ? std::string() : found->second;
}

// The numbers that are directories below @directory.
std::vector<std::uint64_t> numbers_below(const Snapshot &snapshot, const std::string &directory)
{
  const std::string prefix = directory + "/";
  std::vector<std::uint64_t> numbers;

  for (auto file = snapshot.files.lower_bound(prefix);
       file != snapshot.files.end() && file->first.starts_with(prefix); ++file) {
    const char *begin = file->first.data() + prefix.size();
    const char *end = file->first.data() + file->first.size();
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error == std::errc() && stop != end && *stop == '/' &&
        (numbers.empty() || numbers.back() != number))
      numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

void find_points(const std::string &mountinfo, std::vector<Mount> &mounts)
{
  for (const MountInfo &info : parse_mountinfo(mountinfo)) {
    const std::string device = fmt::format("{}:{}", major(info.device), minor(info.device));
    for (Mount &mount : mounts) {
      if (info.type != "qtfs" || mount.device != device)
        continue;
      mount.points.push_back(info.point);
      mount.source = info.source;
      mount.options = info.options;
    }
  }
}

std::vector<Slab> find_slabs(const std::string &slabinfo)
{
  std::istringstream lines(slabinfo);
  std::vector<Slab> slabs;

  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Slab slab;
    if (line.starts_with("qtfs") && words >> slab.name >> slab.active >> slab.total >> slab.size)
      slabs.push_back(slab);
  }
  return slabs;
}

Mount read_mount(const Snapshot &snapshot, std::uint64_t id)
{
  const std::string sysfs = "/sys/fs/qtfs/" + std::to_string(id);
  const std::string debugfs = "/sys/kernel/debug/qtfs/" + std::to_string(id);
  Mount mount;

  mount.id = id;
  mount.state = first_line(file_of(snapshot, sysfs + "/state"));
  mount.transport = first_line(file_of(snapshot, sysfs + "/transport"));
  mount.device = first_line(file_of(snapshot, sysfs + "/device"));
  mount.counters = parse_counters(file_of(snapshot, sysfs + "/stats"));
  mount.ops = parse_opstats(file_of(snapshot, debugfs + "/latency"));
  return mount;
}

Session read_session(const Snapshot &snapshot, std::uint64_t id)
{
  const std::string sysfs = "/sys/fs/qtfs_server/" + std::to_string(id);
  const std::string debugfs = "/sys/kernel/debug/qtfs_server/" + std::to_string(id);
  std::istringstream client(first_line(file_of(snapshot, sysfs + "/client")));
  std::istringstream connections(file_of(snapshot, sysfs + "/transport"));
  Session session;
  std::string epoch;

  session.id = id;
  session.state = first_line(file_of(snapshot, sysfs + "/state"));
  client >> session.client >> epoch >> std::ws;
  std::getline(client, session.label);
  for (std::string line; std::getline(connections, line);)
    session.connections.push_back(line);
  std::istringstream(file_of(snapshot, sysfs + "/nodes")) >> session.nodes;
  std::istringstream(file_of(snapshot, sysfs + "/opens")) >> session.opens;
  std::istringstream(file_of(snapshot, sysfs + "/locks")) >> session.locks;
  session.counters = parse_counters(file_of(snapshot, sysfs + "/stats"));
  session.ops = parse_opstats(file_of(snapshot, debugfs + "/latency"));
  return session;
}

void add_in_flight(Model &model, const std::string &text, bool on_server)
{
  for (InFlight &request : parse_in_flight(text, on_server))
    model.in_flight.push_back(std::move(request));
}

} // namespace

std::uint64_t bucket_bound(std::size_t bucket, std::size_t buckets)
{
  return bucket + 1 >= buckets ? 0 : std::uint64_t{1} << (bucket + unit_shift);
}

std::uint64_t OpStat::quantile(double share) const
{
  std::uint64_t all = 0;
  std::uint64_t seen = 0;

  for (const std::uint64_t n : buckets)
    all += n;
  const double wanted = share * static_cast<double>(all);
  for (std::size_t i = 0; i < buckets.size(); i++) {
    seen += buckets[i];
    if (buckets[i] && static_cast<double>(seen) >= wanted)
      return i + 1 < buckets.size() ? bucket_bound(i, buckets.size())
                                    : std::uint64_t{1} << (i - 1 + unit_shift);
  }
  return 0;
}

std::vector<OpStat> parse_opstats(const std::string &text)
{
  std::istringstream lines(text);
  std::vector<OpStat> ops;

  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    OpStat op;
    if (!(words >> op.name >> op.count >> op.errors >> op.bytes >> op.ns))
      continue;
    for (std::uint64_t n = 0; words >> n;)
      op.buckets.push_back(n);
    ops.push_back(std::move(op));
  }
  return ops;
}

Counters parse_counters(const std::string &text)
{
  std::istringstream words(text);
  Counters counters;
  std::string name;

  for (std::uint64_t value = 0; words >> name >> value;)
    counters[name] = value;
  return counters;
}

std::vector<InFlight> parse_in_flight(const std::string &text, bool on_server)
{
  std::istringstream lines(text);
  std::vector<InFlight> requests;

  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    InFlight request;
    request.on_server = on_server;
    if (words >> request.owner >> request.slot >> request.op >> request.state >> request.age_ms >>
        request.pid >> request.attempts)
      requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<std::string> parse_fstab(const std::string &text)
{
  std::istringstream lines(text);
  std::vector<std::string> points;

  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string source, point, type, options;
    if (!(words >> source >> point >> type >> options) || source.starts_with('#') || type != "qtfs")
      continue;
    if (("," + options + ",").find(",noauto,") != std::string::npos)
      continue;
    while (point.size() > 1 && point.ends_with('/'))
      point.pop_back();
    points.push_back(unescaped_field(point));
  }
  return points;
}

Model read_model(const Snapshot &snapshot)
{
  Model model;

  model.stuck = snapshot.stuck;
  for (const char *module : {"qtfs", "qtfs_server"}) {
    const std::string level =
      file_of(snapshot, std::string("/sys/module/") + module + "/parameters/qtfs_log_level");
    if (!level.empty())
      model.log_levels[module] = first_line(level);
    const std::string release =
      file_of(snapshot, std::string("/sys/module/") + module + "/version");
    if (!release.empty())
      model.releases[module] = first_line(release);
  }
  model.client = model.log_levels.contains("qtfs");
  model.server = model.log_levels.contains("qtfs_server");
  model.details = snapshot.files.contains("/sys/kernel/debug/qtfs/log") ||
                  snapshot.files.contains("/sys/kernel/debug/qtfs_server/log");
  for (const std::uint64_t id : numbers_below(snapshot, "/sys/fs/qtfs")) {
    model.mounts.push_back(read_mount(snapshot, id));
    add_in_flight(model, file_of(snapshot, "/sys/kernel/debug/qtfs/" + std::to_string(id) + "/ops"),
                  false);
  }
  find_points(file_of(snapshot, "/proc/self/mountinfo"), model.mounts);
  model.fstab = parse_fstab(file_of(snapshot, "/etc/fstab"));
  for (const std::uint64_t id : numbers_below(snapshot, "/sys/fs/qtfs_server"))
    model.sessions.push_back(read_session(snapshot, id));
  add_in_flight(model, file_of(snapshot, "/sys/kernel/debug/qtfs_server/ops"), true);
  std::ranges::stable_sort(model.in_flight, std::greater<>(), &InFlight::age_ms);
  model.engine = first_line(file_of(snapshot, "/sys/fs/qtfs_server/engine"));
  model.server_counters = parse_counters(file_of(snapshot, "/sys/fs/qtfs_server/stats"));
  model.server_ops = parse_opstats(file_of(snapshot, "/sys/kernel/debug/qtfs_server/latency"));
  model.slabs = find_slabs(file_of(snapshot, "/proc/slabinfo"));
  return model;
}

std::vector<OpStat> difference(const std::vector<OpStat> &now, const std::vector<OpStat> &before)
{
  std::vector<OpStat> result;

  for (OpStat op : now) {
    const auto old = std::ranges::find(before, op.name, &OpStat::name);
    // Fewer than before: they were cleared meanwhile.
    if (old != before.end() && old->count <= op.count && old->buckets.size() == op.buckets.size()) {
      op.count -= old->count;
      op.errors -= std::min(op.errors, old->errors);
      op.bytes -= std::min(op.bytes, old->bytes);
      op.ns -= std::min(op.ns, old->ns);
      for (std::size_t i = 0; i < op.buckets.size(); i++)
        op.buckets[i] -= std::min(op.buckets[i], old->buckets[i]);
    }
    if (op.count)
      result.push_back(std::move(op));
  }
  return result;
}

std::vector<OpStat> sum(std::vector<OpStat> one, const std::vector<OpStat> &other)
{
  for (const OpStat &op : other) {
    const auto same = std::ranges::find(one, op.name, &OpStat::name);
    if (same == one.end()) {
      one.push_back(op);
      continue;
    }
    same->count += op.count;
    same->errors += op.errors;
    same->bytes += op.bytes;
    same->ns += op.ns;
    same->buckets.resize(std::max(same->buckets.size(), op.buckets.size()));
    for (std::size_t i = 0; i < op.buckets.size(); i++)
      same->buckets[i] += op.buckets[i];
  }
  return one;
}

OpStat total(const std::vector<OpStat> &ops)
{
  std::vector<OpStat> all;

  for (OpStat op : ops) {
    op.name = "total";
    all = sum(std::move(all), {op});
  }
  return all.empty() ? OpStat{} : all.front();
}

} // namespace qtfs::qtinfo
