// SPDX-License-Identifier: GPL-2.0
//
// Extended attributes.  The system calls that take a descriptor want an open
// file, so that these take the path that leads to the same.

#include <algorithm>
#include <sys/xattr.h>
#include <vector>

#include "call.hh"

namespace qtfs::engine {

namespace {

// Answers with what @get, called with a buffer and its size, fills in.
template <typename Get> int reply_value(Call &call, Get get)
{
  const std::size_t wanted = le(call.slot.body<qtfs_getxattr>().size);
  const std::span<std::byte> room = call.slot.room(wanted);
  const ssize_t len = get(room.data(), room.size());

  if (len < 0)
    return errno;
  call.slot.reply_body<qtfs_getxattr_rep>().len = le(static_cast<__u32>(len));
  if (wanted)
    call.slot.set_data_len(static_cast<std::size_t>(len));
  return 0;
}

bool has_value(const char *object, const char *name, std::span<const std::byte> value)
{
  std::vector<std::byte> found(value.size() + 1); // one more, so that longer ones differ
  const ssize_t len = ::getxattr(object, name, found.data(), found.size());

  return len >= 0 && std::equal(found.begin(), found.begin() + len, value.begin(), value.end());
}

} // namespace

int exec_getxattr(Call &call)
{
  if (!call.judge.allows(Section::Mount, call.slot.path(0)))
    return EACCES;
  return reply_value(call, [&](void *value, std::size_t size) {
    return ::getxattr(ProcPath(call.slot.node()).c_str(), call.name(), value, size);
  });
}

int exec_listxattr(Call &call)
{
  if (!call.judge.allows(Section::Mount, call.slot.path(0)))
    return EACCES;
  return reply_value(call, [&](void *list, std::size_t size) {
    return ::listxattr(ProcPath(call.slot.node()).c_str(), static_cast<char *>(list), size);
  });
}

int exec_setxattr(Call &call)
{
  if (!call.judge.allows(Section::Setxattr, call.slot.path(0)))
    return EACCES;

  const ProcPath object(call.slot.node());
  const std::span<const std::byte> value = call.slot.data();
  const auto flags = static_cast<int>(le(call.slot.body<qtfs_setxattr>().flags));
  if (call.earlier() && (flags & XATTR_CREATE) && has_value(object.c_str(), call.name(), value))
    return 0;
  call.begin();
  return status_of(::setxattr(object.c_str(), call.name(), value.data(), value.size(), flags));
}

// The note's number is whether the attribute was there.
int exec_removexattr(Call &call)
{
  if (!call.judge.allows(Section::Setxattr, call.slot.path(0)))
    return EACCES;

  const ProcPath object(call.slot.node());
  const bool present = ::getxattr(object.c_str(), call.name(), nullptr, 0) >= 0;
  const std::optional<Note> earlier = call.earlier();
  if (earlier && earlier->number && !present)
    return 0;
  call.begin({}, {}, present);
  return status_of(::removexattr(object.c_str(), call.name()));
}

} // namespace qtfs::engine
