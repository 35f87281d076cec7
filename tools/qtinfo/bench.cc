// SPDX-License-Identifier: GPL-2.0

#include "bench.hh"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>

#include "fd.hh"
#include "model.hh"
#include "snapshot.hh"
#include "text.hh"

namespace qtfs::qtinfo {

namespace {

constexpr std::uint32_t block = 4096;
constexpr std::uint32_t chunk = 1 << 20;

// One of those at a time.  Returns 0 or an errno.
int echo(const std::string &file, unsigned ms, Measurement &measured)
{
  const std::string text = fmt::format("{} {} {}\n", measured.out, measured.in, ms);
  const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  char said[128] = {};
  unsigned long long count = 0, ns = 0, min_ns = 0;

  if (!fd || ::write(fd.get(), text.data(), text.size()) < 0 ||
      ::read(fd.get(), said, sizeof(said) - 1) < 0)
    return errno;
  // NOLINTNEXTLINE(cert-err34-c): the module's own numbers
  if (std::sscanf(said, "%llu %llu %llu", &count, &ns, &min_ns) != 3)
    return EPROTO;
  measured.count = count;
  measured.ns = ns;
  measured.min_ns = min_ns;
  return 0;
}

int measure(const std::string &file, unsigned ms, Measurement &measurement)
{
  std::vector<Measurement> parts(measurement.at_a_time, measurement);
  std::vector<std::thread> threads;
  std::mutex lock;
  int error = 0;

  threads.reserve(parts.size());
  for (Measurement &part : parts)
    threads.emplace_back([&, ms] {
      const int failed = echo(file, ms, part);
      const std::lock_guard guard(lock);
      error = failed ? failed : error;
    });
  for (std::thread &thread : threads)
    thread.join();
  measurement.min_ns = parts.front().min_ns;
  for (const Measurement &part : parts) {
    measurement.count += part.count;
    measurement.ns += part.ns / parts.size();
    measurement.min_ns = std::min(measurement.min_ns, part.min_ns);
  }
  return error;
}

std::string point_of(const Mount &mount)
{
  return mount.points.empty() ? std::to_string(mount.id) : mount.points.front();
}

Result<Mount, std::string> choose(const Model &model, const std::string &wanted)
{
  const auto fits = [&](const Mount &mount) {
    return wanted.empty() || wanted == std::to_string(mount.id) ||
           std::ranges::find(mount.points, wanted) != mount.points.end();
  };
  const auto found = std::ranges::find_if(model.mounts, fits);

  if (found == model.mounts.end())
    return wanted.empty() ? std::string("nothing is mounted") : wanted + ": no mount of qtfs";
  if (wanted.empty() && model.mounts.size() > 1)
    return std::string("there are several mounts: name one");
  return *found;
}

} // namespace

double Measurement::mean_us() const
{
  return count ? static_cast<double>(ns) * at_a_time / static_cast<double>(count) / 1e3 : 0;
}

double Measurement::bytes_per_second() const
{
  const double bytes = (static_cast<double>(in) + out) * static_cast<double>(count);
  return ns ? bytes * 1e9 / static_cast<double>(ns) : 0;
}

Result<Bench, std::string> run_bench(
  const BenchOptions &options,
  const std::function<void(const Measurement &next, std::size_t done, std::size_t all)> &progress)
{
  const Result<Mount, std::string> mount = choose(read_model(take_snapshot()), options.mount);
  if (!mount)
    return mount.error();

  const std::string file = "/sys/kernel/debug/qtfs/" + std::to_string(mount->id) + "/bench";
  const unsigned streams = options.streams;
  Bench bench{point_of(*mount), mount->transport, {}};
  bench.measurements = {
    {.name = "empty"},
    {.name = "read-4k", .in = block},
    {.name = "write-4k", .out = block},
    {.name = "empty", .at_a_time = streams},
    {.name = "read-1m", .in = chunk},
    {.name = "write-1m", .out = chunk},
    {.name = "read-1m", .in = chunk, .at_a_time = streams},
    {.name = "write-1m", .out = chunk, .at_a_time = streams},
  };
  for (std::size_t i = 0; i < bench.measurements.size(); i++) {
    progress(bench.measurements[i], i, bench.measurements.size());
    if (const int error = measure(file, options.ms, bench.measurements[i]))
      return file + ": " + std::strerror(error);
  }
  return bench;
}

std::string bench_text(const Bench &bench)
{
  std::string text =
    fmt::format("{}: {}\n{:<10} {:>9} {:>10} {:>12} {:>12} {:>14}\n", bench.place, bench.transport,
                "", "at a time", "requests", "mean", "shortest", "data/s");

  for (const Measurement &one : bench.measurements)
    text +=
      fmt::format("{:<10} {:>9} {:>10} {:>9.1f} us {:>9.1f} us {:>14}\n", one.name, one.at_a_time,
                  one.count, one.mean_us(), static_cast<double>(one.min_ns) / 1e3,
                  human_bytes(static_cast<std::uint64_t>(one.bytes_per_second())));
  return text;
}

Json bench_json(const Bench &bench)
{
  Json measurements = Json::array();
  Json json = Json::object();

  for (const Measurement &one : bench.measurements) {
    Json entry = Json::object();
    entry.set("name", one.name).set("bytes_out", one.out).set("bytes_in", one.in);
    entry.set("at_a_time", one.at_a_time).set("requests", one.count);
    entry.set("mean_us", one.mean_us()).set("min_us", static_cast<double>(one.min_ns) / 1e3);
    entry.set("bytes_per_second", one.bytes_per_second());
    measurements.push(std::move(entry));
  }
  json.set("mount", bench.place).set("transport", bench.transport);
  json.set("measurements", std::move(measurements));
  return json;
}

} // namespace qtfs::qtinfo
