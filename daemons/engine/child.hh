// SPDX-License-Identifier: GPL-2.0
//
// A program that runs for as long as the engine does.

#ifndef QTFS_ENGINE_CHILD_HH
#define QTFS_ENGINE_CHILD_HH

#include <string>
#include <sys/types.h>
#include <vector>

#include "result.hh"

namespace qtfs::engine {

class Child {
public:
  Child() = default;
  Child(Child &&other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child &operator=(Child &&other) noexcept
  {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Child() { stop(); }

  static Result<Child> start(const std::string &program, const std::vector<std::string> &args);

  void stop();

private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
};

} // namespace qtfs::engine

#endif
