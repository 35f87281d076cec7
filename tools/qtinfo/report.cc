// SPDX-License-Identifier: GPL-2.0

#include "report.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

namespace qtfs::qtinfo {

namespace {

std::string joined(const std::vector<std::string> &words, const char *separator = ", ")
{
  std::string text;

  for (const std::string &word : words)
    text.append(text.empty() ? "" : separator).append(word);
  return text;
}

std::string place_of(const Mount &mount)
{
  return mount.points.empty() ? "(not in this name space)" : joined(mount.points);
}

const Ping *ping_of(const std::vector<Ping> &pings, std::uint64_t mount)
{
  const auto found = std::ranges::find(pings, mount, &Ping::mount);

  return found == pings.end() ? nullptr : &*found;
}

std::string ping_text(const Ping *ping)
{
  if (!ping)
    return {};
  if (ping->error == ETIMEDOUT)
    return ", no answer";
  return ping->error ? fmt::format(", {}", std::strerror(ping->error))
                     : fmt::format(", round trip {}", human_time(ping->ns));
}

std::string traffic_text(const std::vector<OpStat> &recent, const std::vector<OpStat> &ever,
                         double interval)
{
  const OpStat now = total(recent);
  const OpStat all = total(ever);

  return fmt::format(
    "{} operations/s, {}/s now; {} operations, {} errors, {} in all",
    human_count(interval > 0 ? static_cast<double>(now.count) / interval : 0),
    human_bytes(interval > 0 ? static_cast<std::uint64_t>(static_cast<double>(now.bytes) / interval)
                             : 0),
    human_count(static_cast<double>(all.count)), human_count(static_cast<double>(all.errors)),
    human_bytes(all.bytes));
}

Json op_json(const OpStat &op)
{
  Json buckets = Json::array();
  Json json = Json::object();

  for (std::size_t i = 0; i < op.buckets.size(); i++) {
    const std::uint64_t bound = bucket_bound(i, op.buckets.size());
    Json bucket = Json::object();
    if (!op.buckets[i])
      continue;
    if (bound)
      bucket.set("below_ns", bound);
    bucket.set("count", op.buckets[i]);
    buckets.push(std::move(bucket));
  }
  json.set("op", op.name).set("count", op.count).set("errors", op.errors).set("bytes", op.bytes);
  json.set("ns", op.ns).set("mean_ns", op.mean()).set("p50_ns", op.quantile(0.5));
  json.set("p99_ns", op.quantile(0.99)).set("latency", std::move(buckets));
  return json;
}

Json counters_json(const Counters &counters)
{
  Json json = Json::object();

  for (const auto &[name, value] : counters)
    json.set(name, value);
  return json;
}

Json strings_json(const std::vector<std::string> &strings)
{
  Json json = Json::array();

  for (const std::string &text : strings)
    json.push(text);
  return json;
}

Json ping_json(const Ping &ping)
{
  Json json = Json::object();

  json.set("mount", ping.mount).set("point", ping.point);
  if (ping.error)
    json.set("error", error_name(ping.error));
  else
    json.set("ns", ping.ns);
  return json;
}

std::string ops_table(std::vector<OpStat> ops, bool histograms)
{
  Table table({"operation", "count", "errors", "data", "mean", "50 %", "99 %", "max <"});
  std::string drawn;

  std::ranges::sort(ops, std::greater<>(), &OpStat::count);
  for (const OpStat &op : ops) {
    table.add({op.name, std::to_string(op.count), std::to_string(op.errors), human_bytes(op.bytes),
               human_time(op.mean()), human_time(op.quantile(0.5)), human_time(op.quantile(0.99)),
               human_time(op.quantile(1))});
    if (histograms)
      drawn += "\n" + op.name + "\n" + histogram(op.buckets);
  }
  return table.empty() ? "  nothing yet\n" : table.text() + drawn;
}

std::vector<OpStat> only(std::vector<OpStat> ops, const std::string &name)
{
  if (!name.empty())
    std::erase_if(ops, [&](const OpStat &op) { return op.name != name; });
  return ops;
}

std::string counters_table(const Counters &counters)
{
  std::string text;

  for (const auto &[name, value] : counters)
    if (value)
      text += fmt::format("  {:<24} {}\n", name, value);
  return text;
}

} // namespace

Json ops_json(const std::vector<OpStat> &ops)
{
  Json json = Json::array();

  for (const OpStat &op : ops)
    json.push(op_json(op));
  return json;
}

std::vector<OpStat> client_ops(const Model &model)
{
  std::vector<OpStat> ops;

  for (const Mount &mount : model.mounts)
    ops = sum(std::move(ops), mount.ops);
  return ops;
}

// ---- the one screen ----

std::string summary_text(const Summary &summary, const Style &style)
{
  const Model &model = summary.model;
  const bool serious =
    std::ranges::any_of(summary.findings, [](const Finding &finding) { return finding.serious; });
  std::string text = serious ? style.bad("Not all is well") : style.good("All is well");

  text += "\n";
  for (const Finding &finding : summary.findings)
    text += fmt::format("  {} {}\n    {}\n", finding.serious ? style.bad("!") : style.doubtful("-"),
                        finding.what, finding.advice);

  if (model.client) {
    text += fmt::format("\n{} {} mount(s)\n", style.bold("client"), model.mounts.size());
    for (const Mount &mount : model.mounts)
      text +=
        fmt::format("  {} from {}: {}\n    {}{}\n", place_of(mount), mount.source, mount.state,
                    mount.transport, ping_text(ping_of(summary.pings, mount.id)));
    if (model.details && !model.mounts.empty())
      text +=
        "  " + traffic_text(summary.recent_client, client_ops(model), summary.interval) + "\n";
  }
  if (model.server) {
    text += fmt::format("\n{} {} client(s), engine {}", style.bold("server"), model.sessions.size(),
                        model.engine);
    if (summary.engine && summary.engine->answers)
      text += fmt::format(", pid {}, {} threads, {}", summary.engine->pid, summary.engine->threads,
                          summary.engine->file);
    text += "\n";
    for (const Session &session : model.sessions)
      text += fmt::format("  {} ({}): {}, {} names, {} open files\n", session.label,
                          joined(session.connections), session.state, session.nodes, session.opens);
    if (model.details)
      text += "  " + traffic_text(summary.recent_server, model.server_ops, summary.interval) + "\n";
  }
  if (summary.proxy && summary.proxy->problem.empty())
    text += fmt::format("\n{} {} to {}, pid {}\n", style.bold("udsproxyd"),
                        summary.proxy->connected ? "connected" : "not connected",
                        summary.proxy->peer, summary.proxy->pid);
  if (!model.in_flight.empty())
    text += fmt::format("\n{} request(s) in flight, the oldest for {}\n", model.in_flight.size(),
                        human_time(model.in_flight.front().age_ms * 1'000'000));
  return text;
}

Json summary_json(const Summary &summary)
{
  const Model &model = summary.model;
  Json findings = Json::array();
  bool serious = false;

  for (const Finding &finding : summary.findings) {
    Json json = Json::object();
    serious = serious || finding.serious;
    json.set("serious", finding.serious).set("what", finding.what).set("advice", finding.advice);
    findings.push(std::move(json));
  }
  Json json = Json::object();
  json.set("well", !serious).set("findings", std::move(findings));
  json.set("client", model.client).set("server", model.server);
  json.set("connections", connections_json(model)).set("pings", pings_json(summary.pings));
  if (model.server)
    json.set("engine", model.engine);
  if (summary.engine && summary.engine->answers) {
    Json engine = Json::object();
    engine.set("version", summary.engine->version).set("pid", summary.engine->pid);
    engine.set("threads", summary.engine->threads).set("whitelist", summary.engine->file);
    engine.set("edited", summary.engine->edited);
    json.set("engine_process", std::move(engine));
  }
  if (summary.proxy) {
    Json proxy = Json::object();
    proxy.set("answers", summary.proxy->problem.empty()).set("version", summary.proxy->version);
    proxy.set("pid", summary.proxy->pid).set("peer", summary.proxy->peer);
    proxy.set("connected", summary.proxy->connected);
    json.set("udsproxyd", std::move(proxy));
  }
  json.set("in_flight", model.in_flight.size());
  return json;
}

// ---- stats ----

std::string stats_text(const Model &model, const std::string &op, bool histograms, bool counters)
{
  std::string text;

  if (!model.details && (model.client || model.server))
    text += "(the counters are in debugfs, which can't be read: are you root, is it mounted?)\n";
  for (const Mount &mount : model.mounts) {
    text += fmt::format("{} from {}\n{}", place_of(mount), mount.transport,
                        ops_table(only(mount.ops, op), histograms));
    if (counters)
      text += counters_table(mount.counters);
  }
  for (const Session &session : model.sessions)
    text += fmt::format("client {} ({})\n{}", session.id, session.label,
                        ops_table(only(session.ops, op), histograms));
  if (model.server)
    text += "all clients, also those that have gone\n" +
            ops_table(only(model.server_ops, op), histograms);
  if (model.server && counters)
    text += counters_table(model.server_counters);
  return text.empty() ? "nothing is mounted or served here\n" : text;
}

Json stats_json(const Model &model)
{
  Json mounts = Json::array();
  Json sessions = Json::array();
  Json json = Json::object();

  for (const Mount &mount : model.mounts) {
    Json one = Json::object();
    one.set("mount", mount.id).set("points", strings_json(mount.points));
    one.set("ops", ops_json(mount.ops)).set("counters", counters_json(mount.counters));
    mounts.push(std::move(one));
  }
  for (const Session &session : model.sessions) {
    Json one = Json::object();
    one.set("session", session.id).set("label", session.label);
    one.set("ops", ops_json(session.ops)).set("counters", counters_json(session.counters));
    sessions.push(std::move(one));
  }
  json.set("mounts", std::move(mounts)).set("sessions", std::move(sessions));
  json.set("server", ops_json(model.server_ops));
  json.set("server_counters", counters_json(model.server_counters));
  return json;
}

// ---- requests in flight ----

std::string in_flight_text(const Model &model)
{
  Table table({"side", "of", "slot", "operation", "state", "age", "pid", "attempts"});

  for (const InFlight &request : model.in_flight)
    table.add({request.on_server ? "server" : "client", std::to_string(request.owner),
               std::to_string(request.slot), request.op, request.state,
               human_time(request.age_ms * 1'000'000), std::to_string(request.pid),
               std::to_string(request.attempts)});
  if (table.empty())
    return model.details ? "no requests in flight\n"
                         : "requests in flight are shown to root alone, in debugfs\n";
  return table.text();
}

Json in_flight_json(const Model &model)
{
  Json json = Json::array();

  for (const InFlight &request : model.in_flight) {
    Json one = Json::object();
    one.set("side", request.on_server ? "server" : "client").set("of", request.owner);
    one.set("slot", request.slot).set("op", request.op).set("state", request.state);
    one.set("age_ms", request.age_ms).set("pid", request.pid).set("attempts", request.attempts);
    json.push(std::move(one));
  }
  return json;
}

// ---- what clients hold ----

std::string opens_text(const Model &model)
{
  Table table({"client", "session", "open files", "locks", "names"});

  for (const Session &session : model.sessions)
    table.add({session.label, std::to_string(session.id), std::to_string(session.opens),
               std::to_string(session.locks), std::to_string(session.nodes)});
  if (!table.empty())
    return table.text();
  return model.server ? "no clients\n" : "this machine is no server: try there\n";
}

Json opens_json(const Model &model)
{
  Json json = Json::array();

  for (const Session &session : model.sessions) {
    Json one = Json::object();
    one.set("session", session.id).set("client", session.client).set("label", session.label);
    one.set("opens", session.opens).set("locks", session.locks).set("nodes", session.nodes);
    json.push(std::move(one));
  }
  return json;
}

// ---- connections ----

std::string connections_text(const Model &model)
{
  std::string text;

  for (const Mount &mount : model.mounts)
    text += fmt::format("client  mount {:<4} {:<14} {}  {}\n", mount.id, mount.state,
                        mount.transport, place_of(mount));
  for (const Session &session : model.sessions)
    text += fmt::format("server  session {:<2} {:<14} {}  {}\n", session.id, session.state,
                        joined(session.connections), session.label);
  return text.empty() ? "no connections\n" : text;
}

Json connections_json(const Model &model)
{
  Json mounts = Json::array();
  Json sessions = Json::array();
  Json json = Json::object();

  for (const Mount &mount : model.mounts) {
    Json one = Json::object();
    one.set("mount", mount.id).set("state", mount.state).set("transport", mount.transport);
    one.set("source", mount.source).set("points", strings_json(mount.points));
    mounts.push(std::move(one));
  }
  for (const Session &session : model.sessions) {
    Json one = Json::object();
    one.set("session", session.id).set("state", session.state).set("client", session.client);
    one.set("label", session.label).set("connections", strings_json(session.connections));
    sessions.push(std::move(one));
  }
  json.set("mounts", std::move(mounts)).set("sessions", std::move(sessions));
  return json;
}

// ---- caches ----

std::string caches_text(const Model &model)
{
  Table table({"cache", "in use", "objects", "memory"});
  std::string text;

  for (const Slab &slab : model.slabs)
    table.add({slab.name, std::to_string(slab.active), std::to_string(slab.total),
               human_bytes(slab.total * slab.size)});
  if (!table.empty())
    text += table.text();
  for (const Mount &mount : model.mounts)
    text += fmt::format("{}: {}\n", place_of(mount), mount.options);
  return text.empty() ? "no caches (those of the kernel are shown to root alone)\n" : text;
}

Json caches_json(const Model &model)
{
  Json json = Json::array();

  for (const Slab &slab : model.slabs) {
    Json one = Json::object();
    one.set("name", slab.name).set("active", slab.active).set("objects", slab.total);
    one.set("bytes", slab.total * slab.size);
    json.push(std::move(one));
  }
  return json;
}

// ---- ping ----

std::string pings_text(const std::vector<Ping> &pings)
{
  std::string text;

  for (const Ping &ping : pings)
    text +=
      fmt::format("{}: {}\n", ping.point.empty() ? fmt::format("mount {}", ping.mount) : ping.point,
                  ping.error ? std::strerror(ping.error) : human_time(ping.ns));
  return text.empty() ? "nothing is mounted here\n" : text;
}

Json pings_json(const std::vector<Ping> &pings)
{
  Json json = Json::array();

  for (const Ping &ping : pings)
    json.push(ping_json(ping));
  return json;
}

} // namespace qtfs::qtinfo
