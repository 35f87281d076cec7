// SPDX-License-Identifier: GPL-2.0

#include "loop.hh"

#include <algorithm>
#include <array>

namespace qtfs::uds {

Loop::Watch &Loop::Watch::operator=(Watch &&other) noexcept
{
  reset();
  loop_ = std::exchange(other.loop_, nullptr);
  fd_ = other.fd_;
  id_ = other.id_;
  return *this;
}

void Loop::Watch::reset()
{
  if (!loop_)
    return;
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  loop_->watches_.erase(id_);
  loop_ = nullptr;
}

void Loop::Watch::change(std::uint32_t events)
{
  epoll_event event = {};

  event.events = events;
  event.data.u64 = id_;
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, fd_, &event);
}

Loop::Timer &Loop::Timer::operator=(Timer &&other) noexcept
{
  reset();
  loop_ = std::exchange(other.loop_, nullptr);
  key_ = other.key_;
  if (loop_)
    loop_->timers_[key_].first = this;
  return *this;
}

void Loop::Timer::reset()
{
  if (loop_)
    loop_->timers_.erase(key_);
  loop_ = nullptr;
}

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Result<Loop::Watch> Loop::watch(int fd, std::uint32_t events, OnEvents on_events)
{
  epoll_event event = {};
  Watch watch;

  const std::uint64_t id = next_id_++;
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return last_error();
  watches_.emplace(id, std::make_shared<OnEvents>(std::move(on_events)));
  watch.loop_ = this;
  watch.fd_ = fd;
  watch.id_ = id;
  return watch;
}

Loop::Timer Loop::after(Clock::duration delay, Action action)
{
  Timer timer;

  timer.key_ = {Clock::now() + delay, next_id_++};
  timers_[timer.key_] = {&timer, std::move(action)};
  timer.loop_ = this;
  return timer;
}

void Loop::run_timers()
{
  const Clock::time_point now = Clock::now();

  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto [timer, action] = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    timer->loop_ = nullptr;
    action();
  }
}

void Loop::run_deferred()
{
  while (!deferred_.empty())
    for (const Action &action : std::exchange(deferred_, {}))
      action();
}

int Loop::timeout() const
{
  if (timers_.empty())
    return -1;
  const auto left =
    std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60000));
}

int Loop::run()
{
  std::array<epoll_event, 256> events;

  run_deferred();
  while (running_) {
    const int n =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout());

    for (int i = 0; i < n; i++) {
      // What an earlier event of this round has ended isn't called any more,
      // and what ends itself lives until it returns.
      const auto found = watches_.find(std::uint64_t{events[static_cast<std::size_t>(i)].data.u64});
      if (found == watches_.end())
        continue;
      const std::shared_ptr<OnEvents> on_events = found->second;
      (*on_events)(events[static_cast<std::size_t>(i)].events);
    }
    run_timers();
    run_deferred();
  }
  return status_;
}

void Loop::stop(int status)
{
  running_ = false;
  status_ = status;
}

} // namespace qtfs::uds
