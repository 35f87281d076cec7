// SPDX-License-Identifier: GPL-2.0

#include "logging.hh"

#include <cstdlib>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace qtfs {

void set_up_log(const std::string &name, const std::string &level)
{
  auto logger = spdlog::stderr_logger_mt(name);

  // The journal has its own time.
  logger->set_pattern(std::getenv("JOURNAL_STREAM") ? "%l: %v" : "%Y-%m-%d %H:%M:%S.%e %l: %v");
  logger->set_level(spdlog::level::from_str(level == "error" ? "err" : level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

bool RateLimit::pass(unsigned &suppressed)
{
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = std::chrono::steady_clock::now();

  if (now - since_ > std::chrono::seconds(1)) {
    since_ = now;
    passed_ = 0;
  }
  if (passed_ == most) {
    suppressed_++;
    return false;
  }
  passed_++;
  suppressed = std::exchange(suppressed_, 0);
  return true;
}

std::string printable(std::string_view text, std::size_t most)
{
  std::string safe(text.substr(0, most));

  for (char &c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  return safe;
}

} // namespace qtfs
