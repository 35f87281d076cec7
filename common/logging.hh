// SPDX-License-Identifier: GPL-2.0
//
// What the daemons' logs have in common.

#ifndef QTFS_LOGGING_HH
#define QTFS_LOGGING_HH

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace qtfs {

// To standard error, from @level on: trace debug info warn error off.
void set_up_log(const std::string &name, const std::string &level);

// The other machine can cause messages at any rate, and must not fill the disk by that.
class RateLimit {
public:
  // Whether to log now; @suppressed is how often it was no since the last yes.
  bool pass(unsigned &suppressed);

private:
  static constexpr unsigned most = 10; // a second

  std::mutex mutex_;
  std::chrono::steady_clock::time_point since_;
  unsigned passed_ = 0;
  unsigned suppressed_ = 0;
};

// Names come from the other machine, and may hold anything.  At most @most bytes of it.
std::string printable(std::string_view text, std::size_t most = std::string_view::npos);

} // namespace qtfs

#endif
