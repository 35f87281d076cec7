// SPDX-License-Identifier: GPL-2.0
//
// GETATTR, SETATTR, STATFS.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

int set_mode(Call &call, const qtfs_setattr &body)
{
  struct stat st;

  // As every file system answers since Linux 6.6; before, some did it.
  if (::fstat(call.slot.node(), &st) != 0)
    return errno;
  if (S_ISLNK(st.st_mode))
    return EOPNOTSUPP;
  return status_of(::chmod(ProcPath(call.slot.node()).c_str(), le(body.mode) & 07777));
}

int set_owner(Call &call, const qtfs_setattr &body, std::uint32_t valid)
{
  const uid_t uid = valid & QTFS_SET_UID ? le(body.uid) : static_cast<uid_t>(-1);
  const gid_t gid = valid & QTFS_SET_GID ? le(body.gid) : static_cast<gid_t>(-1);

  return status_of(::fchownat(call.slot.node(), "", uid, gid, AT_EMPTY_PATH));
}

// Through the open file the mode of the file doesn't count any more.  But
// O_TRUNC also truncates a file that it opens for reading.
int set_size(Call &call, const qtfs_setattr &body)
{
  const auto size = static_cast<off_t>(le(body.size));
  const bool read_only = (call.slot.open_flags() & QTFS_O_ACCMODE) == 0;

  if (call.slot.open() >= 0 && !(read_only && le(body.valid) & QTFS_SET_BY_OPEN))
    return status_of(::ftruncate(call.slot.open(), size));
  return status_of(::truncate(ProcPath(call.slot.node()).c_str(), size));
}

timespec time_of(const qtfs_time &time, bool set, bool now)
{
  timespec spec = {};

  if (set) {
    spec.tv_sec = static_cast<time_t>(le(time.sec));
    spec.tv_nsec = static_cast<long>(le(time.nsec));
  } else {
    spec.tv_nsec = now ? UTIME_NOW : UTIME_OMIT;
  }
  return spec;
}

int set_times(Call &call, const qtfs_setattr &body, std::uint32_t valid)
{
  const timespec times[2] = {
    time_of(body.atime, valid & QTFS_SET_ATIME, valid & QTFS_SET_ATIME_NOW),
    time_of(body.mtime, valid & QTFS_SET_MTIME, valid & QTFS_SET_MTIME_NOW),
  };

  return status_of(::utimensat(call.slot.node(), "", times, AT_EMPTY_PATH));
}

// Whether the parts of the request, each of which is valid, go together.
bool sensible(const qtfs_setattr &body, std::uint32_t valid)
{
  const auto both = [&](std::uint32_t bits) { return (valid & bits) == bits; };

  if (both(QTFS_SET_ATIME | QTFS_SET_ATIME_NOW) || both(QTFS_SET_MTIME | QTFS_SET_MTIME_NOW))
    return false;
  if (valid & QTFS_SET_BY_OPEN && (!(valid & QTFS_SET_SIZE) || le(body.size) != 0))
    return false;
  // To the system calls this id means "leave it".
  return !((valid & QTFS_SET_UID && le(body.uid) == 0xffffffff) ||
           (valid & QTFS_SET_GID && le(body.gid) == 0xffffffff));
}

} // namespace

// The module has the attributes; the engine is asked whether it may tell them.
int exec_getattr(Call &call)
{
  return call.judge.allows(Section::Mount, call.slot.path(0)) ? 0 : EACCES;
}

// Size before times, which it changes; owner after mode, since a new owner
// takes set-id bits away.  A change of size sets mtime by itself, and doing that
// asks for write permission only, while setting mtime alone is for the owner.
int exec_setattr(Call &call)
{
  const auto &body = call.slot.body<qtfs_setattr>();
  std::uint32_t valid = le(body.valid);
  constexpr std::uint32_t times =
    QTFS_SET_ATIME | QTFS_SET_ATIME_NOW | QTFS_SET_MTIME | QTFS_SET_MTIME_NOW;

  if (!sensible(body, valid))
    return EINVAL;
  if (!call.judge.allows_setattr(valid, call.slot.path(0)))
    return EACCES;
  if (valid & QTFS_SET_SIZE)
    valid &= ~std::uint32_t{QTFS_SET_MTIME_NOW};

  int status = 0;
  call.begin();
  if (valid & QTFS_SET_MODE)
    status = set_mode(call, body);
  // Nothing at all is what a chown(-1, -1) leaves: it takes set-id bits away.
  if (!status && (valid & (QTFS_SET_UID | QTFS_SET_GID) || !le(body.valid)))
    status = set_owner(call, body, valid);
  if (!status && valid & QTFS_SET_SIZE)
    status = set_size(call, body);
  if (!status && valid & times)
    status = set_times(call, body, valid);
  return status;
}

// As with GETATTR, the module has what is asked for, and sets it as the caller.
int exec_fileattr_get(Call &call)
{
  return call.judge.allows(Section::Mount, call.slot.path(0)) ? 0 : EACCES;
}

int exec_fileattr_set(Call &call)
{
  return call.judge.allows(Section::Setattr, call.slot.path(0)) ? 0 : EACCES;
}

int exec_statfs(Call &call)
{
  constexpr long st_valid = 0x20; // between kernel and C library only
  struct statfs fs;

  if (!call.judge.allows(Section::Mount, call.slot.path(0)))
    return EACCES;
  if (::fstatfs(call.slot.node(), &fs) != 0)
    return errno;

  const auto wire = [](auto value) { return le(static_cast<__u64>(value)); };
  call.slot.reply_body<qtfs_statfs_rep>() = {
    .type = wire(fs.f_type),
    .bsize = wire(fs.f_bsize),
    .blocks = wire(fs.f_blocks),
    .bfree = wire(fs.f_bfree),
    .bavail = wire(fs.f_bavail),
    .files = wire(fs.f_files),
    .ffree = wire(fs.f_ffree),
    .frsize = wire(fs.f_frsize),
    .namelen = wire(fs.f_namelen),
    .flags = wire(fs.f_flags & ~st_valid),
  };
  return 0;
}

} // namespace qtfs::engine
