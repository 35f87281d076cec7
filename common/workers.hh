// SPDX-License-Identifier: GPL-2.0
//
// Threads beside a loop, for calls that may wait for another machine or a disk: a
// file of a mount is opened, or closed with what has yet to be written.  There
// are as many as jobs at once, up to a limit.
//
// A thread that is stuck is not waited for, not even at the end; what a job needs it
// owns.

#ifndef QTFS_WORKERS_HH
#define QTFS_WORKERS_HH

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "fd.hh"
#include "loop.hh"

namespace qtfs {

class Workers {
public:
  static constexpr unsigned most = 32; // threads

  using Job = std::function<void()>;

  // Throws as Loop does.
  explicit Workers(Loop &loop);
  Workers(const Workers &) = delete;
  ~Workers();

  // @work on a thread, then @done on the loop's.
  void run(Job work, Job done = {});

  // Ends @what on a thread: the last close of a file may take long.
  template <typename T> void drop(T what)
  {
    run([owned = std::make_shared<std::optional<T>>(std::move(what))] { owned->reset(); });
  }

private:
  struct Shared;

  void finish();

  const std::shared_ptr<Shared> shared_;
  Loop::Watch watch_;
};

} // namespace qtfs

#endif
