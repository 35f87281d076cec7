// SPDX-License-Identifier: GPL-2.0
//
// READDIR.

#include <dirent.h>
#include <memory>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.hh"
#include "dirents.hh"

namespace qtfs::engine {

namespace {

// Moves only where it must: some file systems keep a cursor in the open
// directory, and lose their place with a seek.
int move_to(int fd, std::uint64_t cookie)
{
  const auto position = static_cast<off_t>(cookie);

  if (::lseek(fd, 0, SEEK_CUR) == position)
    return 0;
  return ::lseek(fd, position, SEEK_SET) < 0 ? errno : 0;
}

} // namespace

int exec_readdir(Call &call)
{
  if (!call.judge.allows(Section::Readdir, call.slot.path(0)))
    return EACCES;

  const auto &body = call.slot.body<qtfs_readdir>();
  const int fd = call.slot.open();
  const std::uint64_t cookie = le(body.cookie);
  if (const int status = move_to(fd, cookie))
    return status;

  const std::span<std::byte> room = call.slot.room(le(body.size));
  const std::size_t size = dirent_read_size(room.size());
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
  const long len = ::syscall(SYS_getdents64, fd, buffer.get(), size);
  if (len < 0)
    return errno;

  const PackedDirents packed =
    pack_dirents({buffer.get(), static_cast<std::size_t>(len)}, room, cookie);
  if (packed.resume && ::lseek(fd, static_cast<off_t>(*packed.resume), SEEK_SET) < 0)
    return errno;
  if (len > 0 && packed.len == 0) // none would look like the end
    return EINVAL;
  call.slot.set_data_len(packed.len);
  return 0;
}

} // namespace qtfs::engine
