// SPDX-License-Identifier: GPL-2.0
//
// READ, WRITE, FSYNC, FALLOCATE, LSEEK: for what the module doesn't do itself.

#include <algorithm>
#include <fcntl.h>
#include <mutex>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#include "call.hh"

namespace qtfs::engine {

namespace {

struct Written {
  ssize_t count = -1; // -1: errno says why
  std::uint64_t end = 0;
};

// How the write differs from one without flags to the open file.
int write_flags(const Call &call, std::uint32_t flags)
{
  const std::uint32_t open = call.slot.open_flags();
  int native = 0;

  if (flags & QTFS_WRITE_SYNC && (open & QTFS_O_SYNC) != QTFS_O_SYNC)
    native |= RWF_SYNC;
  if (flags & QTFS_WRITE_DSYNC && !(open & QTFS_O_DSYNC))
    native |= RWF_DSYNC;
  if (flags & QTFS_WRITE_APPEND && !(open & QTFS_O_APPEND))
    native |= RWF_APPEND;
  return native;
}

Written write_at(int fd, std::span<const std::byte> data, std::uint64_t offset, int flags)
{
  const iovec vector = {const_cast<std::byte *>(data.data()), data.size()};
  const auto position = static_cast<off_t>(offset);

  ssize_t count = flags ? ::pwritev2(fd, &vector, 1, position, flags)
                        : ::pwrite(fd, data.data(), data.size(), position);
  if (count < 0 && errno == ESPIPE)
    count = ::write(fd, data.data(), data.size());
  return {count, offset + static_cast<std::uint64_t>(std::max<ssize_t>(count, 0))};
}

// Goes on until all of @data is written, or nothing more can be.
Written write_whole(int fd, std::span<const std::byte> data, std::uint64_t offset, int flags)
{
  std::size_t done = 0;

  do {
    const Written part = write_at(fd, data.subspan(done), offset + done, flags);
    if (part.count < 0)
      return part;
    if (part.count == 0) {
      errno = EIO;
      return {};
    }
    done += static_cast<std::size_t>(part.count);
  } while (done < data.size());
  return {static_cast<ssize_t>(done), offset + done};
}

// A file that was opened to append writes at its end whatever offset it is given.
// The client's page cache means the offset; so it gets another open file, as the
// caller.
Result<Fd> at_offsets(const Call &call)
{
  if (!(call.slot.open_flags() & QTFS_O_APPEND))
    return Fd();
  Fd fd(::open(ProcPath(call.slot.open()).c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd)
    return last_error();
  return fd;
}

// Only the file's own position tells where the data went, and requests for one
// open may be on several threads.  Without flags it is write(), since files of
// /proc and sysfs know no flags.
Written append(int fd, std::span<const std::byte> data, int flags)
{
  static std::mutex position_lock;
  const std::lock_guard<std::mutex> lock(position_lock);
  const iovec vector = {const_cast<std::byte *>(data.data()), data.size()};

  const ssize_t count =
    flags ? ::pwritev2(fd, &vector, 1, -1, flags) : ::write(fd, data.data(), data.size());
  if (count < 0)
    return {};
  const off_t end = ::lseek(fd, 0, SEEK_CUR);
  return {count, end < 0 ? 0 : static_cast<std::uint64_t>(end)};
}

int sync_file(int fd, bool data_only)
{
  return status_of(data_only ? ::fdatasync(fd) : ::fsync(fd));
}

// Whether writing the same to the same place again changes nothing more: in a
// file that is on a disk, or might be.
bool repeatable(int fd, const struct stat &st)
{
  struct statfs fs;

  return S_ISREG(st.st_mode) && ::fstatfs(fd, &fs) == 0 && fs.f_blocks != 0;
}

// How much of @data there is at @offset already, all of what is there being
// the same; -1 if something else is there.
ssize_t found_at(const std::string &object, std::span<const std::byte> data, std::uint64_t offset)
{
  const Fd fd(::open(object.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::vector<std::byte> found(data.size());
  const ssize_t len =
    fd ? ::pread(fd.get(), found.data(), found.size(), static_cast<off_t>(offset)) : -1;

  if (len < 0 || !std::equal(found.begin(), found.begin() + len, data.begin()))
    return -1;
  return len;
}

} // namespace

int exec_read(Call &call)
{
  if (!call.judge.allows(Section::Read, call.slot.path(0)))
    return EACCES;

  const auto &body = call.slot.body<qtfs_read>();
  const int fd = call.slot.open();
  // What an engine that died took out of a stream has gone with it.
  if (::lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE) {
    if (call.slot.resent())
      return EIO;
    call.begin();
  }
  const std::span<std::byte> room = call.slot.room(le(body.size));
  ssize_t len = ::pread(fd, room.data(), room.size(), static_cast<off_t>(le(body.offset)));
  if (len < 0 && errno == ESPIPE)
    len = ::read(fd, room.data(), room.size());
  if (len < 0)
    return errno;
  call.slot.set_data_len(static_cast<std::size_t>(len));
  return 0;
}

// The note's number is the file's size, which is where an append goes.
int exec_write(Call &call)
{
  if (!call.judge.allows(Section::Write, call.slot.path(0)))
    return EACCES;

  const auto &body = call.slot.body<qtfs_write>();
  const std::uint32_t flags = le(body.flags);
  const int fd = call.slot.open();
  const std::span<const std::byte> data = call.slot.data();
  const bool appends = flags & QTFS_WRITE_APPEND;
  struct stat st;
  if (::fstat(fd, &st) != 0)
    return errno;
  auto size = static_cast<std::uint64_t>(st.st_size);

  Written written;
  if (call.slot.resent()) {
    const std::optional<Note> earlier = call.earlier();

    // What a write to sysfs or a FIFO has done can't be found out.
    if (!earlier || !repeatable(fd, st))
      return EIO;
    if (appends && size > earlier->number) {
      written.count = found_at(ProcPath(fd).c_str(), data, earlier->number);
      if (written.count < 0)
        return EIO;
      written.end = earlier->number + static_cast<std::uint64_t>(written.count);
    }
  }

  if (written.count < 0) {
    Result<Fd> other = appends ? Result<Fd>(Fd()) : at_offsets(call);
    if (!other)
      return other.error().value();
    const int target = *other ? other->get() : fd;

    call.begin({}, {}, size);
    if (appends)
      written = append(fd, data, write_flags(call, flags));
    else if (flags & QTFS_WRITE_WHOLE)
      written = write_whole(target, data, le(body.offset), write_flags(call, flags));
    else
      written = write_at(target, data, le(body.offset), write_flags(call, flags));
    if (written.count < 0)
      return errno;
  }
  if (flags & (QTFS_WRITE_FSYNC | QTFS_WRITE_FDATASYNC))
    if (const int status = sync_file(fd, !(flags & QTFS_WRITE_FSYNC)); status)
      return status;
  auto &reply = call.slot.reply_body<qtfs_write_rep>();
  reply.end = le(static_cast<__u64>(written.end));
  reply.count = le(static_cast<__u32>(written.count));
  return 0;
}

int exec_fallocate(Call &call)
{
  if (!call.judge.allows(Section::Write, call.slot.path(0)))
    return EACCES;
  // To insert or collapse a range twice is not to do it once.
  if (call.slot.resent())
    return EIO;

  const auto &body = call.slot.body<qtfs_fallocate>();
  call.begin();
  return status_of(::fallocate(call.slot.open(), static_cast<int>(le(body.mode)),
                               static_cast<off_t>(le(body.offset)),
                               static_cast<off_t>(le(body.len))));
}

int exec_lseek(Call &call)
{
  const auto &body = call.slot.body<qtfs_lseek>();
  const auto whence = static_cast<int>(le(body.whence));

  if (whence != SEEK_DATA && whence != SEEK_HOLE)
    return EINVAL;
  const off_t offset = ::lseek(call.slot.open(), static_cast<off_t>(le(body.offset)), whence);
  if (offset < 0)
    return errno;
  call.slot.reply_body<qtfs_lseek_rep>().offset = le(static_cast<__u64>(offset));
  return 0;
}

int exec_fsync(Call &call)
{
  const std::uint32_t flags = le(call.slot.body<qtfs_fsync>().flags);

  return sync_file(call.slot.open(), flags & QTFS_FSYNC_DATA);
}

} // namespace qtfs::engine
