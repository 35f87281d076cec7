// SPDX-License-Identifier: GPL-2.0
//
// A descriptor that is closed with its owner.

#ifndef QTFS_FD_HH
#define QTFS_FD_HH

#include <unistd.h>
#include <utility>

namespace qtfs {

class Fd {
public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd &&other) noexcept : fd_(other.release()) {}
  Fd &operator=(Fd &&other) noexcept
  {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  int release() { return std::exchange(fd_, -1); }

  void reset(int fd = -1)
  {
    const int old = std::exchange(fd_, fd);

    if (old >= 0)
      ::close(old);
  }

private:
  int fd_ = -1;
};

} // namespace qtfs

#endif
