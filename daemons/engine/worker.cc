// SPDX-License-Identifier: GPL-2.0

#include "worker.hh"

#include "crash_mark.hh"
#include "executor.hh"

namespace qtfs::engine {

Worker::Worker(Channel &channel, MappedSlot slot, const Policy &policy, const WorkerEvents &events)
    : channel_(channel), slot_(std::move(slot)), policy_(policy), events_(events)
{
}

void Worker::start()
{
  thread_ = std::thread([this] { run(); });
}

void Worker::join()
{
  if (thread_.joinable())
    thread_.join();
}

void Worker::run()
{
  const std::error_code error = serve();

  if (error && events_.failed)
    events_.failed(error);
}

std::error_code Worker::serve()
{
  Result<Credentials> credentials = Credentials::of_thread();
  if (!credentials)
    return credentials.error();

  Executor executor(policy_, std::move(*credentials),
                    [this](int fd) { return channel_.let_go(fd); });
  Slot &slot = slot_.slot;
  CrashMark mark;
  for (;;) {
    const std::error_code error = channel_.next(slot.index());

    // However the call ended, the answer before it has been taken.
    slot.committed();
    switch (error.value()) {
    case 0:
      busy_.store(true, std::memory_order_relaxed);
      mark.serve(&slot.raw());
      executor.run(slot);
      mark.serve(nullptr);
      executed_.fetch_add(1, std::memory_order_relaxed);
      busy_.store(false, std::memory_order_relaxed);
      if (events_.executed)
        events_.executed(slot);
      if (events_.refused && executor.refusal())
        events_.refused(slot, *executor.refusal());
      break;
    case EINTR:
      break;
    case EPROTO:
      if (events_.rejected)
        events_.rejected(slot.index());
      break;
    case ESHUTDOWN:
      return {};
    default:
      return error;
    }
  }
}

} // namespace qtfs::engine
