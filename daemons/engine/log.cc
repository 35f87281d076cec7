// SPDX-License-Identifier: GPL-2.0

#include "log.hh"

#include <spdlog/spdlog.h>

#include "logging.hh"

namespace qtfs::engine {

namespace {

const char *name_of(const Slot &slot)
{
  const struct qtfs_op_info *info = qtfs_op_info(slot.op());

  return info ? info->name : "?";
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
