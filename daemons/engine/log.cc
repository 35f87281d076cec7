// SPDX-License-Identifier: GPL-2.0

#include "log.hh"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace qtfs::engine {

namespace {

// A client can cause refusals at any rate, and must not fill the disk by that.
class RateLimit {
public:
  // Whether to log now; @suppressed is how often it was no since the last yes.
  bool pass(unsigned &suppressed)
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

private:
  static constexpr unsigned most = 10; // a second

  std::mutex mutex_;
  std::chrono::steady_clock::time_point since_;
  unsigned passed_ = 0;
  unsigned suppressed_ = 0;
};

const char *name_of(const Slot &slot)
{
  const struct qtfs_op_info *info = qtfs_op_info(slot.op());

  return info ? info->name : "?";
}

// Names are the client's, and may hold anything.
std::string printable(std::string_view text)
{
  std::string safe(text);

  for (char &c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  return safe;
}

void log_executed(Slot &slot)
{
  const qtfs_slot &raw = slot.raw();

  spdlog::debug("session {} pid {} uid {}: {} {} {}: {}", raw.session, le(raw.req.pid),
                le(raw.req.uid), name_of(slot), printable(slot.path(0)), printable(slot.name(0)),
                raw.status);
}

void log_refused(Slot &slot, const Refusal &refusal)
{
  static RateLimit limit;
  unsigned suppressed = 0;

  if (!limit.pass(suppressed))
    return;
  if (suppressed)
    spdlog::info("{} more refusals", suppressed);
  spdlog::info("refused {} of {} to session {}: not in [{}]", name_of(slot),
               refusal.path.empty() ? "(unknown path)" : printable(refusal.path),
               slot.raw().session, section_name(refusal.section));
}

} // namespace

void set_up_log(const std::string &level)
{
  auto logger = spdlog::stderr_logger_mt("qtfs-engine");

  // The journal has its own time.
  logger->set_pattern(std::getenv("JOURNAL_STREAM") ? "%l: %v" : "%Y-%m-%d %H:%M:%S.%e %l: %v");
  logger->set_level(spdlog::level::from_str(level == "error" ? "err" : level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

WorkerEvents logged_events(std::function<void()> failed)
{
  WorkerEvents events;

  if (spdlog::should_log(spdlog::level::debug))
    events.executed = log_executed;
  if (spdlog::should_log(spdlog::level::info))
    events.refused = log_refused;
  events.rejected = [](int slot) {
    spdlog::error("the module could not use the answer in slot {}, its caller got EIO", slot);
  };
  events.failed = [failed = std::move(failed)](std::error_code error) {
    spdlog::error("a thread can't go on: {}", error.message());
    failed();
  };
  return events;
}

} // namespace qtfs::engine
