// SPDX-License-Identifier: GPL-2.0

#include "health.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

#include "release.hh"
#include "text.hh"

namespace qtfs::qtinfo {

namespace {

constexpr std::uint64_t long_ms = 5000; // a request that has waited so long is told

std::string place_of(const Mount &mount)
{
  return mount.points.empty() ? fmt::format("mount {}", mount.id) : mount.points.front();
}

void examine_server(const Model &model, const std::optional<Engine> &engine,
                    std::vector<Finding> &findings)
{
  if (model.engine == "failing")
    findings.push_back(
      {true, "engines die before they have answered anything: clients wait",
       "journalctl -u qtfs-engine; coredumpctl; then systemctl restart qtfs-engine"});
  else if (model.engine != "running")
    findings.push_back({true, "no engine is running: clients wait",
                        "systemctl start qtfs-engine; why it ended: journalctl -u qtfs-engine"});
  else if (engine && !engine->answers)
    findings.push_back(
      {false, engine->problem, "qtcfg doesn't work; systemctl restart qtfs-engine"});
  if (engine && engine->edited)
    findings.push_back({false,
                        fmt::format("the whitelist in force is not that of {}", engine->file),
                        "qtcfg save keeps it, qtcfg reload drops it"});
  std::uint64_t bad = 0;
  for (const auto &[name, value] : model.server_counters)
    bad += name.starts_with("bad_") ? value : 0;
  if (bad)
    findings.push_back({false, fmt::format("{} bad frames came from clients", bad),
                        "dmesg names them; qtinfo connections, qtinfo stats --counters"});
}

void examine_fstab(const Model &model, std::vector<Finding> &findings)
{
  for (const std::string &point : model.fstab) {
    const bool mounted = std::ranges::any_of(model.mounts, [&](const Mount &mount) {
      return std::ranges::find(mount.points, point) != mount.points.end();
    });
    if (!mounted)
      findings.push_back({true, point + ": in /etc/fstab, but not mounted",
                          fmt::format("mount {}; dmesg says why it wasn't", point)});
  }
}

void examine_proxy(const Proxy &proxy, std::vector<Finding> &findings)
{
  if (!proxy.problem.empty())
    findings.push_back({true, proxy.problem,
                        "unix sockets of the other machine don't work; journalctl -u udsproxyd"});
  else if (!proxy.connected)
    findings.push_back({true, "udsproxyd has no connection to " + proxy.peer,
                        "does the one there run? are address and port right? qtinfo -u"});
}

// An upgrade leaves a module that is in use as it is.
void examine_releases(const Model &model, std::vector<Finding> &findings)
{
  for (const auto &[module, release] : model.releases)
    if (release != QTFS_RELEASE)
      findings.push_back(
        {false, fmt::format("{} {} is loaded, {} is installed", module, release, QTFS_RELEASE),
         module == "qtfs" ? "it runs after umount, modprobe -r qtfs, mount; or after a reboot"
                          : "it runs after systemctl stop qtfs-engine, modprobe -r qtfs_server, "
                            "systemctl start qtfs-engine; or after a reboot"});
}

void examine_mount(const Mount &mount, std::vector<Finding> &findings)
{
  if (mount.state != "connected" && !mount.state.empty())
    findings.push_back({true,
                        fmt::format("{}: {} ({})", place_of(mount), mount.state, mount.transport),
                        "is the server up and its port reachable? dmesg says what happened"});
  const auto errors = mount.counters.find("proto_errors");
  if (errors != mount.counters.end() && errors->second)
    findings.push_back(
      {false,
       fmt::format("{}: {} bad frames came from the server", place_of(mount), errors->second),
       "are both sides of one release? dmesg"});
}

void examine_ping(const Ping &ping, std::vector<Finding> &findings)
{
  if (ping.error == ETIMEDOUT)
    findings.push_back(
      {true, ping.point + ": doesn't answer", "on the server: qtinfo; here: qtinfo inflight"});
  else if (ping.error)
    findings.push_back({true, fmt::format("{}: {}", ping.point, std::strerror(ping.error)),
                        ping.error == EACCES
                          ? "[Mount] of the server's whitelist doesn't allow it any more"
                          : "umount it and mount it again; dmesg"});
}

} // namespace

std::vector<Finding> examine(const Model &model, const std::optional<Engine> &engine,
                             const std::vector<Ping> &pings, bool root,
                             const std::optional<Proxy> &proxy)
{
  std::vector<Finding> findings;

  if (!model.stuck.empty())
    findings.push_back({true, model.stuck + " doesn't answer",
                        "something hangs in the kernel: dmesg, echo w >/proc/sysrq-trigger"});
  if (!model.client && !model.server)
    findings.push_back({true, "neither qtfs nor qtfs_server is loaded",
                        "modprobe qtfs on a client, systemctl start qtfs-engine on a server"});
  if (model.server)
    examine_server(model, engine, findings);
  for (const Mount &mount : model.mounts)
    examine_mount(mount, findings);
  for (const Ping &ping : pings)
    examine_ping(ping, findings);
  examine_fstab(model, findings);
  examine_releases(model, findings);
  if (proxy)
    examine_proxy(*proxy, findings);
  if (!model.in_flight.empty() && model.in_flight.front().age_ms >= long_ms) {
    const InFlight &oldest = model.in_flight.front();
    findings.push_back({true,
                        fmt::format("a {} waits for {} (pid {} on the client)", oldest.op,
                                    human_time(oldest.age_ms * 1'000'000), oldest.pid),
                        "qtinfo inflight, here and on the other side"});
  }
  if (!root && (model.client || model.server))
    findings.push_back({false, "not root: what only root may read is left out", "sudo qtinfo"});
  std::ranges::stable_sort(findings, std::greater<>(), &Finding::serious);
  return findings;
}

} // namespace qtfs::qtinfo
