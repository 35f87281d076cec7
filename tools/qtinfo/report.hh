// SPDX-License-Identifier: GPL-2.0
//
// Each of qtinfo's answers, as JSON and as text.

#ifndef QTFS_QTINFO_REPORT_HH
#define QTFS_QTINFO_REPORT_HH

#include <optional>
#include <string>
#include <vector>

#include "health.hh"
#include "json.hh"
#include "model.hh"
#include "text.hh"

namespace qtfs::qtinfo {

struct Summary {
  Model model;
  std::vector<OpStat> recent_client; // during `interval`
  std::vector<OpStat> recent_server;
  double interval = 0; // seconds
  std::vector<Ping> pings;
  std::optional<Engine> engine; // of this machine, if it is a server
  std::optional<Proxy> proxy;   // of this machine, if one runs
  std::vector<Finding> findings;
};

// Operations of both sides, of all mounts and sessions.
std::vector<OpStat> client_ops(const Model &model);

std::string summary_text(const Summary &summary, const Style &style);
Json summary_json(const Summary &summary);

// @op: only this one, with its histogram; empty: all.
std::string stats_text(const Model &model, const std::string &op, bool histograms, bool counters);
Json ops_json(const std::vector<OpStat> &ops);
Json stats_json(const Model &model);

std::string in_flight_text(const Model &model);
Json in_flight_json(const Model &model);

std::string opens_text(const Model &model);
Json opens_json(const Model &model);

std::string connections_text(const Model &model);
Json connections_json(const Model &model);

std::string caches_text(const Model &model);
Json caches_json(const Model &model);

std::string pings_text(const std::vector<Ping> &pings);
Json pings_json(const std::vector<Ping> &pings);

// For Prometheus' text format.
std::string prometheus_text(const Model &model);

} // namespace qtfs::qtinfo

#endif
