// SPDX-License-Identifier: GPL-2.0
//
// Names that go: UNLINK, RMDIR, RENAME.

#include <cstdio>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

int remove_name(Call &call, Section section, int flags)
{
  if (!call.judge.allows(section, call.child()))
    return EACCES;

  const int directory = call.slot.node();
  const Result<Identity> now = Identity::of(directory, call.name());
  if (!now)
    return now.error().value();

  // Gone, or something else of that name by now, which isn't ours to remove.
  const std::optional<Note> earlier = call.earlier();
  if (earlier && earlier->before[0].present && *now != earlier->before[0])
    return 0;

  call.begin(*now);
  return status_of(::unlinkat(directory, call.name(), flags));
}

enum class Outcome { NotYet, Happened, Unknown };

// Whether the rename happened that was begun when the names led to @old_before
// and @new_before.
Outcome renamed(const Identity &old_before, const Identity &new_before, const Identity &old_now,
                const Identity &new_now, bool exchange)
{
  if (!old_before.present || old_now == old_before)
    return Outcome::NotYet;
  if (new_now != old_before)
    return Outcome::Unknown;
  return !exchange || old_now == new_before ? Outcome::Happened : Outcome::Unknown;
}

} // namespace

int exec_unlink(Call &call)
{
  return remove_name(call, Section::Unlink, 0);
}

int exec_rmdir(Call &call)
{
  return remove_name(call, Section::Rmdir, AT_REMOVEDIR);
}

int exec_rename(Call &call)
{
  if (!call.judge.allows(Section::Rename, call.child(0)) ||
      !call.judge.allows(Section::Rename, call.child(1)))
    return EACCES;

  const int old_directory = call.slot.node();
  const int new_directory = call.slot.node2();
  const unsigned flags = le(call.slot.body<qtfs_rename>().flags);

  const Result<Identity> old_now = Identity::of(old_directory, call.name(0));
  if (!old_now)
    return old_now.error().value();

  // Whether there was something at the new name tells nothing, unless it goes to the old one.
  const std::optional<Note> earlier = call.earlier();
  Result<Identity> new_now = Identity();
  if (earlier || flags & RENAME_EXCHANGE)
    new_now = Identity::of(new_directory, call.name(1));
  if (!new_now)
    return new_now.error().value();

  if (earlier) {
    switch (renamed(earlier->before[0], earlier->before[1], *old_now, *new_now,
                    flags & RENAME_EXCHANGE)) {
    case Outcome::NotYet:
      break;
    case Outcome::Happened:
      return 0;
    case Outcome::Unknown:
      return EIO;
    }
  }

  call.begin(*old_now, *new_now);
  return status_of(static_cast<int>(
    ::syscall(SYS_renameat2, old_directory, call.name(0), new_directory, call.name(1), flags)));
}

} // namespace qtfs::engine
