// SPDX-License-Identifier: GPL-2.0

#include "loop.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace qtfs {

Loop::Watch &Loop::Watch::operator=(Watch &&other) noexcept
{
  reset();
  loop_ = std::exchange(other.loop_, nullptr);
  id_ = other.id_;
  return *this;
}

void Loop::Watch::want(std::uint32_t events)
{
  if (loop_)
    loop_->want(id_, events);
}

void Loop::Watch::reset()
{
  if (loop_)
    std::exchange(loop_, nullptr)->remove(id_);
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
    std::exchange(loop_, nullptr)->timers_.erase(key_);
}

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC))
{
  if (!epoll_)
    throw std::system_error(errno, std::system_category(), "epoll_create1");
}

// ---- descriptors ----

// Errors and hang-ups are told whether they are wanted or not.  Where nothing is, they
// come once (EPOLLET) and not in each round; dispatch() drops that one.
void Loop::control(int op, std::uint64_t id, const Watched &watched) const
{
  epoll_event event = {};

  event.events = watched.events ? watched.events : std::uint32_t{EPOLLET};
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), op, watched.fd, &event) != 0)
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
}

Loop::Watch Loop::watch(int fd, std::uint32_t events, OnEvents on_events)
{
  const std::uint64_t id = ++last_id_;
  const auto watched = std::make_shared<Watched>(Watched{fd, events, false, std::move(on_events)});
  Watch watch;

  try {
    control(EPOLL_CTL_ADD, id, *watched);
  } catch (const std::system_error &error) {
    if (error.code().value() != EPERM)
      throw;
    watched->always_ready = true;
    watched->events = 0;
  }
  watched_.emplace(id, watched);
  watch.loop_ = this;
  watch.id_ = id;
  watch.want(events);
  return watch;
}

void Loop::want(std::uint64_t id, std::uint32_t events)
{
  Watched &watched = *watched_.at(id);

  if (std::exchange(watched.events, events) == events)
    return;
  if (!watched.always_ready)
    control(EPOLL_CTL_MOD, id, watched);
  else if (events & (EPOLLIN | EPOLLOUT))
    always_ready_.insert(id);
  else
    always_ready_.erase(id);
}

void Loop::remove(std::uint64_t id)
{
  const auto found = watched_.find(id);
  Watched &watched = *found->second;

  if (!watched.always_ready)
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watched.fd, nullptr);
  always_ready_.erase(id);
  watched_.erase(found);
}

void Loop::dispatch(std::uint64_t id, std::uint32_t events)
{
  const auto found = watched_.find(id);
  if (found == watched_.end())
    return;

  const std::shared_ptr<Watched> watched = found->second;
  if (watched->events != 0)
    watched->on_events(events);
}

void Loop::run_always_ready()
{
  const std::vector<std::uint64_t> ready(always_ready_.begin(), always_ready_.end());

  for (const std::uint64_t id : ready)
    if (const auto found = watched_.find(id); found != watched_.end())
      dispatch(id, found->second->events);
}

// ---- timers ----

Loop::Timer Loop::after(Clock::duration delay, Action action)
{
  Timer timer;

  timer.key_ = {Clock::now() + delay, ++last_id_};
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

int Loop::timeout() const
{
  using std::chrono::milliseconds;

  if (!always_ready_.empty())
    return 0;
  if (timers_.empty())
    return -1;
  const auto left = std::chrono::ceil<milliseconds>(timers_.begin()->first.first - Clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 60000));
}

// ---- the loop ----

void Loop::run_deferred()
{
  while (!deferred_.empty())
    for (const Action &action : std::exchange(deferred_, {}))
      action();
}

int Loop::run()
{
  std::array<epoll_event, 256> events;

  stopped_ = false;
  run_deferred();
  while (!stopped_) {
    const int n =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout());
    if (n < 0 && errno != EINTR)
      throw std::system_error(errno, std::system_category(), "epoll_wait");

    for (int i = 0; i < n; i++) {
      const epoll_event &event = events[static_cast<std::size_t>(i)];
      dispatch(std::uint64_t{event.data.u64}, event.events);
    }
    run_always_ready();
    run_timers();
    run_deferred();
  }
  return status_;
}

void Loop::stop(int status)
{
  stopped_ = true;
  status_ = status;
}

} // namespace qtfs
