// SPDX-License-Identifier: GPL-2.0
//
// An event loop: epoll and timers, one thread.

#ifndef QTFS_REXEC_LOOP_HH
#define QTFS_REXEC_LOOP_HH

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <sys/epoll.h>
#include <unordered_map>
#include <vector>

#include "fd.hh"

namespace qtfs::rexec {

class Loop {
public:
  using Clock = std::chrono::steady_clock;
  using Callback = std::function<void(std::uint32_t events)>;
  using Timer = std::pair<Clock::time_point, std::uint64_t>;

  Loop();

  // Until stop().
  void run();
  void stop() { stopped_ = true; }

  Timer after(std::chrono::milliseconds delay, std::function<void()> callback);
  void cancel(const Timer &timer) { timers_.erase(timer); }
  // After fork(), in the process that goes on without it: what it removes stays for the other.
  void leave() { epoll_.reset(); }
  // When what is being dispatched now has returned, so that it may end its own object.
  void defer(std::function<void()> callback) { deferred_.push_back(std::move(callback)); }

  // For a link's receiving, and what is handled of it.
  std::span<char> scratch() { return scratch_; }

private:
  friend class Watch;

  struct Entry {
    int fd = -1;
    std::uint32_t events = 0;
    bool always = false; // epoll doesn't take it: a regular file, /dev/null
    Callback callback;
  };

  std::uint64_t add(int fd, Callback callback);
  void want(std::uint64_t id, std::uint32_t events);
  void remove(std::uint64_t id);
  void dispatch(std::uint64_t id, std::uint32_t events);
  void run_timers();
  void run_deferred();
  int timeout() const;

  Fd epoll_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Entry>> entries_;
  std::set<std::uint64_t> always_ready_;
  std::map<Timer, std::function<void()>> timers_;
  std::vector<std::function<void()>> deferred_;
  std::vector<char> scratch_;
  bool stopped_ = false;
};

// Interest in a descriptor, which must stay open for as long.
class Watch {
public:
  Watch() = default;
  Watch(Loop &loop, int fd, Loop::Callback callback)
      : loop_(&loop), id_(loop.add(fd, std::move(callback)))
  {
  }
  Watch(Watch &&other) noexcept : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}
  Watch &operator=(Watch &&other) noexcept
  {
    reset();
    loop_ = std::exchange(other.loop_, nullptr);
    id_ = other.id_;
    return *this;
  }
  ~Watch() { reset(); }

  // EPOLLIN, EPOLLOUT; EPOLLERR for errors alone; 0 for nothing at all.
  void want(std::uint32_t events)
  {
    if (loop_)
      loop_->want(id_, events);
  }
  void reset()
  {
    if (loop_)
      std::exchange(loop_, nullptr)->remove(id_);
  }

private:
  Loop *loop_ = nullptr;
  std::uint64_t id_ = 0;
};

} // namespace qtfs::rexec

#endif
