// SPDX-License-Identifier: GPL-2.0

#include "backoff.hh"

#include <algorithm>
#include <poll.h>

namespace qtfs::engine {

using namespace std::chrono_literals;

namespace {

constexpr unsigned at_once = 3;   // so many deaths are an accident
constexpr unsigned give_up = 20;  // some minutes later
constexpr unsigned doublings = 9; // 51.2 s, so that the limit is what counts

} // namespace

std::optional<std::chrono::milliseconds> backoff(unsigned crashes)
{
  const unsigned round = crashes % (give_up + 1);

  if (round == give_up)
    return std::nullopt;
  if (round <= at_once)
    return 0ms;
  return std::min<std::chrono::milliseconds>(
    100ms * (1U << std::min(round - at_once - 1, doublings)), 30s);
}

bool wait_out(std::chrono::milliseconds delay, int signals)
{
  pollfd event = {signals, POLLIN, 0};

  return ::poll(&event, 1, static_cast<int>(delay.count())) == 0;
}

} // namespace qtfs::engine
