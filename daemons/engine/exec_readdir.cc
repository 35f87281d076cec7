// SPDX-License-Identifier: GPL-2.0
//
// READDIR, and what it has in common with OPEN_DIR.

#include <algorithm>
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

// Reads until the row is full or the directory has ended.
int fill(DirentRow &row, int fd)
{
  const std::size_t first = std::max(row.read_size(), DirentRow::read_min());
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(first);

  for (std::size_t size = first; size >= DirentRow::read_min(); size = row.read_size()) {
    const long len = ::syscall(SYS_getdents64, fd, buffer.get(), std::min(size, first));

    // What has been read goes out; an error comes again with the next request.
    if (len < 0)
      return row.len() ? 0 : errno;
    if (len == 0) {
      row.end();
      return 0;
    }
    const auto resume = row.add({buffer.get(), static_cast<std::size_t>(len)});
    if (resume && ::lseek(fd, static_cast<off_t>(*resume), SEEK_SET) < 0)
      return errno;
    if (resume)
      return row.len() ? 0 : EINVAL; // none would look like the end
  }
  return 0;
}

// The module looks up what LOOKUP would be allowed to.
DirentRow::Allows allows(Call &call, std::uint32_t flags)
{
  if (!(flags & QTFS_READDIR_ENTRIES))
    return {};
  return [&call](std::string_view name) {
    return call.judge.allows(Section::Mount, child_path(call.slot.path(0), name));
  };
}

} // namespace

void list_whole(Call &call, int fd, std::uint32_t size, std::uint32_t flags)
{
  DirentRow row(call.slot.room(size), 0, allows(call, flags));

  if (!fill(row, fd) && row.ended())
    call.slot.set_data_len(row.len());
}

int exec_readdir(Call &call)
{
  const std::string_view path = call.slot.path(0);
  if (!call.judge.allows(Section::Readdir, path))
    return EACCES;

  const auto &body = call.slot.body<qtfs_readdir>();
  const int fd = call.slot.open();
  const std::uint64_t cookie = le(body.cookie);
  if (const int status = move_to(fd, cookie))
    return status;

  DirentRow row(call.slot.room(le(body.size)), cookie, allows(call, le(body.flags)));
  const int status = fill(row, fd);
  if (!status)
    call.slot.set_data_len(row.len());
  return status;
}

} // namespace qtfs::engine
