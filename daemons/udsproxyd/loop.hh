// SPDX-License-Identifier: GPL-2.0
//
// The event loop: descriptors, timers, and what is to be done when all events of
// a round have been seen.  Everything happens on one thread.

#ifndef QTFS_UDS_LOOP_HH
#define QTFS_UDS_LOOP_HH

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <sys/epoll.h>
#include <unordered_map>
#include <vector>

#include "fd.hh"
#include "result.hh"

namespace qtfs::uds {

using Clock = std::chrono::steady_clock;

class Loop {
public:
  using OnEvents = std::function<void(std::uint32_t)>;
  using Action = std::function<void()>;

  // A descriptor is watched for as long as this lives.
  class Watch {
  public:
    Watch() = default;
    Watch(Watch &&other) noexcept { *this = std::move(other); }
    Watch &operator=(Watch &&other) noexcept;
    ~Watch() { reset(); }
    void reset();
    void change(std::uint32_t events);
    explicit operator bool() const { return loop_ != nullptr; }

  private:
    friend class Loop;
    Loop *loop_ = nullptr;
    int fd_ = -1;
    std::uint64_t id_ = 0;
  };

  // So is a timer, which goes off once.
  class Timer {
  public:
    Timer() = default;
    Timer(Timer &&other) noexcept { *this = std::move(other); }
    Timer &operator=(Timer &&other) noexcept;
    ~Timer() { reset(); }
    void reset();
    explicit operator bool() const { return loop_ != nullptr; }

  private:
    friend class Loop;
    Loop *loop_ = nullptr;
    std::pair<Clock::time_point, std::uint64_t> key_;
  };

  Loop();
  Loop(const Loop &) = delete;

  // The descriptor must stay open for as long as the result lives.
  Result<Watch> watch(int fd, std::uint32_t events, OnEvents on_events);
  Timer after(Clock::duration delay, Action action);
  // Once, after the events of this round.
  void defer(Action action) { deferred_.push_back(std::move(action)); }

  // Returns what stop() was called with.
  int run();
  void stop(int status);

private:
  void run_timers();
  void run_deferred();
  int timeout() const;

  Fd epoll_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, std::shared_ptr<OnEvents>> watches_;
  std::map<std::pair<Clock::time_point, std::uint64_t>, std::pair<Timer *, Action>> timers_;
  std::vector<Action> deferred_;
  bool running_ = true;
  int status_ = 0;
};

} // namespace qtfs::uds

#endif
