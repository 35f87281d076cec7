// SPDX-License-Identifier: GPL-2.0
//
// Carries out the requests that a thread gets, with ordinary system calls and
// as the caller.

#ifndef QTFS_ENGINE_EXECUTOR_HH
#define QTFS_ENGINE_EXECUTOR_HH

#include <functional>
#include <optional>

#include "credentials.hh"
#include "policy.hh"
#include "slot.hh"

namespace qtfs::engine {

class Executor {
public:
  // On the thread that @credentials is about.  @policy outlives the object.  @let_go:
  // see call.hh.
  Executor(
    const Policy &policy, Credentials credentials,
    std::function<int(int fd)> let_go = [](int) { return 0; })
      : policy_(policy), credentials_(std::move(credentials)), let_go_(std::move(let_go))
  {
  }

  // Executes the request in @slot and completes the answer.
  void run(Slot &slot);

  // What the policy refused in the last request, if that was it.
  const std::optional<Refusal> &refusal() const { return refusal_; }

private:
  int execute(Slot &slot);

  const Policy &policy_;
  Credentials credentials_;
  std::function<int(int fd)> let_go_;
  std::optional<Refusal> refusal_;
};

} // namespace qtfs::engine

#endif
