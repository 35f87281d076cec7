// SPDX-License-Identifier: GPL-2.0

#include "workers.hh"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace qtfs {

namespace {

constexpr auto idle_limit = std::chrono::seconds(10);

struct Task {
  Workers::Job work;
  Workers::Job done;
};

} // namespace

struct Workers::Shared {
  std::mutex mutex; // of all below
  std::condition_variable news;
  std::deque<Task> tasks;
  std::vector<Job> done;
  unsigned threads = 0;
  unsigned idle = 0;
  bool ended = false;

  const Fd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  static void serve(const std::shared_ptr<Shared> &shared);
};

// A thread, until there has been nothing to do for a while.
void Workers::Shared::serve(const std::shared_ptr<Shared> &shared)
{
  std::unique_lock lock(shared->mutex);

  for (;;) {
    shared->idle++;
    shared->news.wait_for(lock, idle_limit,
                          [&] { return !shared->tasks.empty() || shared->ended; });
    shared->idle--;
    if (shared->tasks.empty())
      break;
    Task task = std::move(shared->tasks.front());
    shared->tasks.pop_front();
    lock.unlock();
    task.work();
    task.work = {};
    lock.lock();
    if (!task.done)
      continue;
    shared->done.push_back(std::move(task.done));
    ::eventfd_write(shared->event.get(), 1);
  }
  shared->threads--;
}

Workers::Workers(Loop &loop) : shared_(std::make_shared<Shared>())
{
  if (!shared_->event)
    throw std::system_error(errno, std::generic_category(), "eventfd");
  watch_ = loop.watch(shared_->event.get(), EPOLLIN, [this](std::uint32_t) { finish(); });
}

Workers::~Workers()
{
  const std::lock_guard lock(shared_->mutex);

  shared_->ended = true;
  shared_->news.notify_all();
}

void Workers::finish()
{
  std::vector<Job> done;
  eventfd_t count = 0;

  ::eventfd_read(shared_->event.get(), &count);
  {
    const std::lock_guard lock(shared_->mutex);
    done.swap(shared_->done);
  }
  for (const Job &job : done)
    job();
}

void Workers::run(Job work, Job done)
{
  std::unique_lock lock(shared_->mutex);

  shared_->tasks.push_back({std::move(work), std::move(done)});
  if (shared_->idle >= shared_->tasks.size() || shared_->threads == most) {
    shared_->news.notify_one();
    return;
  }
  shared_->threads++;
  lock.unlock();
  try {
    std::thread([shared = shared_] { Shared::serve(shared); }).detach();
  } catch (const std::system_error &) { // there are no more: those that there are will do it, or we
    lock.lock();
    if (--shared_->threads > 0)
      return;
    const Task task = std::move(shared_->tasks.back());
    shared_->tasks.pop_back();
    lock.unlock();
    task.work();
    if (task.done)
      task.done();
  }
}

} // namespace qtfs
