// SPDX-License-Identifier: GPL-2.0

#include "loop.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

namespace qtfs::rexec {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), scratch_(256 << 10)
{
  if (!epoll_)
    throw std::system_error(errno, std::system_category(), "epoll");
}

std::uint64_t Loop::add(int fd, Callback callback)
{
  auto entry = std::make_shared<Entry>();

  entry->fd = fd;
  entry->callback = std::move(callback);
  entries_.emplace(++last_, std::move(entry));
  return last_;
}

// What isn't wanted isn't in the epoll set at all: it would tell of errors and
// hang-ups without end.
void Loop::want(std::uint64_t id, std::uint32_t events)
{
  Entry &entry = *entries_.at(id);
  if (entry.events == events)
    return;

  const std::uint32_t before = std::exchange(entry.events, events);
  if (!entry.always) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = id;
    const int op = before == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    if (::epoll_ctl(epoll_.get(), op, entry.fd, &event) == 0 || op == EPOLL_CTL_DEL)
      return;
    if (errno != EPERM)
      throw std::system_error(errno, std::system_category(), "epoll_ctl");
    entry.always = true;
  }
  if (events & (EPOLLIN | EPOLLOUT))
    always_ready_.insert(id);
  else
    always_ready_.erase(id);
}

void Loop::remove(std::uint64_t id)
{
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return;

  Entry &entry = *found->second;
  if (entry.events != 0 && !entry.always)
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.fd, nullptr);
  entry.events = 0; // in case that it is being dispatched
  always_ready_.erase(id);
  entries_.erase(found);
}

Loop::Timer Loop::after(std::chrono::milliseconds delay, std::function<void()> callback)
{
  const Timer timer(Clock::now() + delay, ++last_);

  timers_.emplace(timer, std::move(callback));
  return timer;
}

void Loop::dispatch(std::uint64_t id, std::uint32_t events)
{
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return; // it ended in a callback of the same round

  // It may end in its own callback.
  const std::shared_ptr<Entry> entry = found->second;
  if (entry->events != 0)
    entry->callback(events);
}

void Loop::run_timers()
{
  const Clock::time_point now = Clock::now();

  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const std::function<void()> callback = std::move(timers_.begin()->second);

    timers_.erase(timers_.begin());
    callback();
  }
}

void Loop::run_deferred()
{
  while (!deferred_.empty())
    for (const auto &callback : std::exchange(deferred_, {}))
      callback();
}

int Loop::timeout() const
{
  using std::chrono::milliseconds;

  if (!always_ready_.empty())
    return 0;
  if (timers_.empty())
    return -1;
  const auto left = std::chrono::ceil<milliseconds>(timers_.begin()->first.first - Clock::now());
  return static_cast<int>(
    std::clamp<milliseconds::rep>(left.count(), 0, std::numeric_limits<int>::max()));
}

void Loop::run()
{
  std::array<epoll_event, 64> events;

  for (stopped_ = false; !stopped_;) {
    const int n = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout());
    if (n < 0 && errno != EINTR)
      throw std::system_error(errno, std::system_category(), "epoll_wait");

    for (int i = 0; i < n; i++)
      dispatch(events[static_cast<std::size_t>(i)].data.u64,
               events[static_cast<std::size_t>(i)].events);
    const std::vector<std::uint64_t> ready(always_ready_.begin(), always_ready_.end());
    for (const std::uint64_t id : ready)
      if (const auto found = entries_.find(id); found != entries_.end())
        dispatch(id, found->second->events);
    run_timers();
    run_deferred();
  }
}

} // namespace qtfs::rexec
