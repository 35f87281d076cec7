// SPDX-License-Identifier: GPL-2.0
//
// A value or the reason why there is none; std::expected is C++23.

#ifndef QTFS_RESULT_HH
#define QTFS_RESULT_HH

#include <cerrno>
#include <system_error>
#include <utility>
#include <variant>

namespace qtfs {

template <typename T, typename E = std::error_code> class [[nodiscard]] Result {
public:
  Result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : either_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return either_.index() == 0; }

  T &operator*() & { return *std::get_if<0>(&either_); }
  const T &operator*() const & { return *std::get_if<0>(&either_); }
  T &&operator*() && { return std::move(*std::get_if<0>(&either_)); }
  T *operator->() { return std::get_if<0>(&either_); }
  const T *operator->() const { return std::get_if<0>(&either_); }

  const E &error() const { return *std::get_if<1>(&either_); }

private:
  std::variant<T, E> either_;
};

inline std::error_code errno_code(int error)
{
  return {error, std::system_category()};
}

// The error of the system call that has just failed.
inline std::error_code last_error()
{
  return errno_code(errno);
}

} // namespace qtfs

#endif
