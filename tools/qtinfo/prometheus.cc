// SPDX-License-Identifier: GPL-2.0
//
// Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/.

#include <fmt/format.h>

#include "report.hh"

namespace qtfs::qtinfo {

namespace {

// Label values are the server's and the clients' own.
std::string escaped(const std::string &text)
{
  std::string safe;

  for (const char c : text) {
    if (c == '\\' || c == '"')
      safe.append("\\").append(1, c);
    else if (c == '\n')
      safe += "\\n";
    else
      safe += c;
  }
  return safe;
}

struct Series {
  std::string labels; // side and whose
  const std::vector<OpStat> *ops;
};

std::vector<Series> all_series(const Model &model)
{
  std::vector<Series> series;

  for (const Mount &mount : model.mounts)
    series.push_back(
      {fmt::format(R"(side="client",mount="{}")",
                   escaped(mount.points.empty() ? std::to_string(mount.id) : mount.points.front())),
       &mount.ops});
  if (model.server)
    series.push_back({R"(side="server")", &model.server_ops});
  return series;
}

std::string family(const char *name, const char *type, const char *help)
{
  return fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

std::string counter(const char *name, const char *help, const std::vector<Series> &series,
                    std::uint64_t OpStat::*value)
{
  std::string text = family(name, "counter", help);

  for (const Series &one : series)
    for (const OpStat &op : *one.ops)
      text += fmt::format("{}{{{},op=\"{}\"}} {}\n", name, one.labels, op.name, op.*value);
  return text;
}

std::string seconds(std::uint64_t ns)
{
  return fmt::format("{:.9g}", static_cast<double>(ns) / 1e9);
}

std::string latencies(const std::vector<Series> &series)
{
  const char *name = "qtfs_operation_seconds";
  std::string text = family(name, "histogram", "How long operations took");

  for (const Series &one : series)
    for (const OpStat &op : *one.ops) {
      const std::string labels = fmt::format("{},op=\"{}\"", one.labels, op.name);
      std::uint64_t below = 0;

      for (std::size_t i = 0; i < op.buckets.size(); i++) {
        const std::uint64_t bound = bucket_bound(i, op.buckets.size());
        below += op.buckets[i];
        text += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels,
                            bound ? seconds(bound) : "+Inf", below);
      }
      text += fmt::format("{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, labels,
                          seconds(op.ns), below);
    }
  return text;
}

} // namespace

std::string prometheus_text(const Model &model)
{
  const std::vector<Series> series = all_series(model);
  std::string text;

  text += counter("qtfs_operations_total", "Operations that were answered", series, &OpStat::count);
  text += counter("qtfs_operation_errors_total", "Of these with an error", series, &OpStat::errors);
  text += counter("qtfs_operation_bytes_total", "Bytes of data", series, &OpStat::bytes);
  text += latencies(series);
  text += family("qtfs_mount_connected", "gauge", "Whether a mount has a connection");
  for (const Mount &mount : model.mounts)
    text +=
      fmt::format("qtfs_mount_connected{{mount=\"{}\"}} {:d}\n",
                  escaped(mount.points.empty() ? std::to_string(mount.id) : mount.points.front()),
                  mount.state == "connected");
  if (model.server) {
    text += family("qtfs_engine_running", "gauge", "Whether an engine serves clients");
    text += fmt::format("qtfs_engine_running {:d}\n", model.engine == "running");
    text += family("qtfs_clients", "gauge", "Sessions of clients");
    text += fmt::format("qtfs_clients {}\n", model.sessions.size());
    text += family("qtfs_client_open_files", "gauge", "Files that a client has open");
    for (const Session &session : model.sessions)
      text += fmt::format("qtfs_client_open_files{{session=\"{}\",client=\"{}\"}} {}\n", session.id,
                          escaped(session.label), session.opens);
    text += family("qtfs_client_locks", "gauge", "Locks that a client holds");
    for (const Session &session : model.sessions)
      text += fmt::format("qtfs_client_locks{{session=\"{}\",client=\"{}\"}} {}\n", session.id,
                          escaped(session.label), session.locks);
  }
  text += family("qtfs_requests_in_flight", "gauge", "Requests that are not answered yet");
  text += fmt::format("qtfs_requests_in_flight {}\n", model.in_flight.size());
  return text;
}

} // namespace qtfs::qtinfo
