// SPDX-License-Identifier: GPL-2.0

#include "note.hh"

#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "bytes.hh"

namespace qtfs::engine {

Identity Identity::of(const struct statx &stat)
{
  Identity identity;

  identity.device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
  identity.inode = stat.stx_ino;
  if (stat.stx_mask & STATX_BTIME) {
    identity.born_sec = stat.stx_btime.tv_sec;
    identity.born_nsec = stat.stx_btime.tv_nsec;
  }
  identity.present = 1;
  return identity;
}

Result<Identity> Identity::of(int directory, const char *name)
{
  struct statx stat;
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;

  if (::statx(directory, name, flags, STATX_INO | STATX_BTIME, &stat) == 0)
    return of(stat);
  if (errno == ENOENT)
    return Identity();
  return last_error();
}

Note Note::about(const qtfs_slot &slot)
{
  Note note;

  note.session = slot.session;
  note.seq = le(slot.hdr.seq);
  note.wire_slot = le(slot.hdr.slot);
  note.op = le(slot.hdr.op);
  return note;
}

std::optional<Note> Note::read(const qtfs_slot &slot)
{
  const Note wanted = about(slot);
  Note note;

  static_assert(sizeof(note) <= sizeof(slot.note));
  std::memcpy(&note, slot.note, sizeof(note));
  if (note.session != wanted.session || note.seq != wanted.seq ||
      note.wire_slot != wanted.wire_slot || note.op != wanted.op)
    return std::nullopt;
  return note;
}

void Note::write(qtfs_slot &slot) const
{
  std::memcpy(slot.note, this, sizeof(*this));
}

} // namespace qtfs::engine
