// SPDX-License-Identifier: GPL-2.0

#include "crash.hh"

#ifdef QTFS_FAULT

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "abi.hh"

namespace qtfs::engine {

namespace {

constexpr std::array<const char *, 4> phases = {"fetched", "begun", "executed", "done"};

struct Point {
  std::string op;
  std::string phase;
  long count = 0;
  int signal = SIGKILL;
};

std::vector<Point> load()
{
  const char *name = std::getenv("QTFS_CRASH");
  std::vector<Point> points;
  std::ifstream file(name ? name : "");

  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Point point;

    if (!(words >> point.op >> point.phase >> point.count))
      continue;
    if (int signal = 0; words >> signal)
      point.signal = signal;
    points.push_back(point);
  }
  return points;
}

} // namespace

void crash_point(unsigned op, Phase phase)
{
  static const std::vector<Point> points = load();
  static std::vector<std::atomic<long>> seen(points.size());
  const struct qtfs_op_info *info = qtfs_op_info(op);

  for (std::size_t i = 0; i < points.size(); i++) {
    const Point &point = points[i];

    if (!info || (point.op != "any" && point.op != info->name) ||
        point.phase != phases[static_cast<std::size_t>(phase)])
      continue;
    if (++seen[i] == point.count)
      ::raise(point.signal);
  }
}

} // namespace qtfs::engine

#endif
