// SPDX-License-Identifier: GPL-2.0
//
// An event loop: descriptors, timers, and what is to be done when all events of a
// round have been seen.  Everything happens on one thread.
//
// What a callback ends isn't called any more, not even for an event of the same round;
// and what ends itself lives until it returns.

#ifndef QTFS_LOOP_HH
#define QTFS_LOOP_HH

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sys/epoll.h>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fd.hh"

namespace qtfs {

using Clock = std::chrono::steady_clock;

class Loop {
public:
  using OnEvents = std::function<void(std::uint32_t events)>;
  using Action = std::function<void()>;

  // A descriptor is watched for as long as this lives, and must stay open for as long.
  class Watch {
  public:
    Watch() = default;
    Watch(Watch &&other) noexcept { *this = std::move(other); }
    Watch &operator=(Watch &&other) noexcept;
    ~Watch() { reset(); }

    // EPOLLIN, EPOLLOUT, with or without EPOLLET; EPOLLERR for errors and hang-ups
    // alone, which come in any case; 0 for nothing at all.
    void want(std::uint32_t events);
    void reset();

  private:
    friend class Loop;
    Loop *loop_ = nullptr;
    std::uint64_t id_ = 0;
  };

  // Goes off once, if it lives so long.
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

  // These throw std::system_error where the kernel is short of memory, as containers do.
  Loop();
  Loop(const Loop &) = delete;
  Loop &operator=(const Loop &) = delete;
  // What epoll doesn't take, as a regular file, is always ready.
  [[nodiscard]] Watch watch(int fd, std::uint32_t events, OnEvents on_events);

  [[nodiscard]] Timer after(Clock::duration delay, Action action);
  // Once, after the events of this round.
  void defer(Action action) { deferred_.push_back(std::move(action)); }

  // Until stop(), whose status it returns.
  int run();
  void stop(int status = 0);

  // After fork(), in the process that goes on without it: what it ends goes on in the other.
  void leave() { epoll_.reset(); }

private:
  struct Watched {
    int fd;
    std::uint32_t events;
    bool always_ready; // epoll doesn't take it
    OnEvents on_events;
  };

  void control(int op, std::uint64_t id, const Watched &watched) const;
  void want(std::uint64_t id, std::uint32_t events);
  void remove(std::uint64_t id);
  void dispatch(std::uint64_t id, std::uint32_t events);
  void run_always_ready();
  void run_timers();
  void run_deferred();
  int timeout() const;

  Fd epoll_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Watched>> watched_;
  std::set<std::uint64_t> always_ready_; // of watched_, those that are wanted
  std::map<std::pair<Clock::time_point, std::uint64_t>, std::pair<Timer *, Action>> timers_;
  std::vector<Action> deferred_;
  bool stopped_ = false;
  int status_ = 0;
};

} // namespace qtfs

#endif
