// SPDX-License-Identifier: GPL-2.0
//
// A thread that serves requests, with a slot of the channel of its own.

#ifndef QTFS_ENGINE_WORKER_HH
#define QTFS_ENGINE_WORKER_HH

#include <atomic>
#include <functional>
#include <system_error>
#include <thread>

#include "channel.hh"
#include "policy.hh"

namespace qtfs::engine {

// Called on the workers' threads.
struct WorkerEvents {
  // The request in the slot has been executed; its status is in it.
  std::function<void(Slot &)> executed;
  // ... and the policy refused it.
  std::function<void(Slot &, const Refusal &)> refused;
  // The module could not use an answer.  The client got EIO.
  std::function<void(int slot)> rejected;
  // The thread can't go on, and ends.
  std::function<void(std::error_code)> failed;
};

class Worker {
public:
  // Everything named outlives the worker.
  Worker(Channel &channel, MappedSlot slot, const Policy &policy, const WorkerEvents &events);

  // Begins to serve; ends when the channel is stopped.
  void start();
  void join();

  // Requests that it has executed, and whether it is at one.
  unsigned long executed() const { return executed_.load(std::memory_order_relaxed); }
  bool busy() const { return busy_.load(std::memory_order_relaxed); }

private:
  void run();
  std::error_code serve();

  Channel &channel_;
  MappedSlot slot_;
  const Policy &policy_;
  const WorkerEvents &events_;
  std::atomic<unsigned long> executed_ = 0;
  std::atomic<bool> busy_ = false;
  std::thread thread_;
};

} // namespace qtfs::engine

#endif
