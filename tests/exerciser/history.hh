// SPDX-License-Identifier: GPL-2.0
//
// The last operations, to be shown when something is wrong; also by a signal's
// handler, since who reads memory of a mapped file learns of errors by SIGBUS.

#ifndef QTFS_EXERCISER_HISTORY_HH
#define QTFS_EXERCISER_HISTORY_HH

#include <array>
#include <cstddef>
#include <string>

namespace qtfs::exerciser {

class History {
public:
  History();

  void add(const std::string &line);
  // The oldest first, by write(2) alone.
  void show() const;

private:
  static constexpr std::size_t lines = 40;
  static constexpr std::size_t width = 120;

  std::array<std::array<char, width>, lines> lines_{};
  std::size_t next_ = 0;
};

} // namespace qtfs::exerciser

#endif
