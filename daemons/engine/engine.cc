// SPDX-License-Identifier: GPL-2.0

#include "engine.hh"

#include <utility>

namespace qtfs::engine {

std::string Engine::start(unsigned threads)
{
  if (threads > channel_.setup().max_slots)
    return std::to_string(threads) + " threads are more than the module's " +
           std::to_string(channel_.setup().max_slots) + " slots";

  for (unsigned i = 0; i < threads; i++) {
    Result<MappedSlot> slot = channel_.add_slot();

    if (!slot)
      return "slot " + std::to_string(i) + ": " + slot.error().message();
    workers_.push_back(std::make_unique<Worker>(channel_, std::move(*slot), policy_, events_));
  }
  for (const std::unique_ptr<Worker> &worker : workers_)
    worker->start();

  const std::error_code error = channel_.ready();
  return error ? "starting: " + error.message() : std::string();
}

// The new whitelist first: a grant that the module makes for a request which
// was judged by the old one is older than READY, and void.
std::error_code Engine::reload(Whitelist whitelist)
{
  policy_.replace(std::move(whitelist));
  return channel_.ready();
}

bool Engine::gets_on()
{
  unsigned long executed = 0;
  bool idle = false;

  for (const std::unique_ptr<Worker> &worker : workers_) {
    executed += worker->executed();
    idle = idle || !worker->busy();
  }
  return idle || std::exchange(executed_, executed) != executed;
}

void Engine::stop()
{
  if (workers_.empty())
    return;
  channel_.stop(); // it fails only where there is nothing to stop
  for (const std::unique_ptr<Worker> &worker : workers_)
    worker->join();
  workers_.clear();
}

} // namespace qtfs::engine
