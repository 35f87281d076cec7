// SPDX-License-Identifier: GPL-2.0
//
// Carries out the requests that a thread gets, with ordinary system calls and
// as the caller.

#ifndef QTFS_ENGINE_EXECUTOR_HH
#define QTFS_ENGINE_EXECUTOR_HH

#include <optional>

#include "credentials.hh"
#include "policy.hh"
#include "slot.hh"

namespace qtfs::engine {

class Executor {
public:
  // On the thread that @credentials is about.  @policy outlives the object.
  Executor(const Policy &policy, Credentials credentials)
      : policy_(policy), credentials_(std::move(credentials))
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
  std::optional<Refusal> refusal_;
};

} // namespace qtfs::engine

#endif
