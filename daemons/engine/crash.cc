// SPDX-License-Identifier: GPL-2.0

#include "crash.hh"

#ifdef QTFS_FAULT

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "abi.hh"

namespace qtfs::engine {

namespace {

constexpr std::array<const char *, 4> phases = {"fetched", "begun", "executed", "done"};

struct Point {
  std::string op;
  std::string phase;
  long count = 0;
};

std::vector<Point> load()
{
  const char *name = std::getenv("QTFS_CRASH");
  std::vector<Point> points;
  std::ifstream file(name ? name : "");
  Point point;

  while (file >> point.op >> point.phase >> point.count)
    points.push_back(point);
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
      ::kill(::getpid(), SIGKILL);
  }
}

} // namespace qtfs::engine

#endif
