// SPDX-License-Identifier: GPL-2.0
//
// The channel, the policy and the workers, put together.

#ifndef QTFS_ENGINE_ENGINE_HH
#define QTFS_ENGINE_ENGINE_HH

#include <memory>
#include <string>
#include <vector>

#include "channel.hh"
#include "policy.hh"
#include "worker.hh"

namespace qtfs::engine {

class Engine {
public:
  Engine(Channel channel, Whitelist whitelist, WorkerEvents events)
      : channel_(std::move(channel)), policy_(std::move(whitelist)), events_(std::move(events))
  {
  }
  Engine(const Engine &) = delete;
  ~Engine() { stop(); }

  // Begins to serve.  Returns what could not be done, or nothing.
  std::string start(unsigned threads);

  // Puts @whitelist in force; what the module granted by the old one is void.
  std::error_code reload(Whitelist whitelist);

  // Whether requests get on: since the last time some thread has executed one, or
  // one has nothing to do.
  bool gets_on();

  // Something was mounted or unmounted on this machine.
  void mounts_changed() { channel_.mounts_changed(); }
  // To be called now and then: what clients haven't used for a while mustn't keep a
  // file system from being unmounted.
  void let_go_of_idle() { channel_.let_go(-1); }

  // Takes no more requests and waits for those being executed.
  void stop();

private:
  Channel channel_;
  Policy policy_;
  const WorkerEvents events_;
  std::vector<std::unique_ptr<Worker>> workers_;
  unsigned long executed_ = 0; // at the last gets_on()
};

} // namespace qtfs::engine

#endif
