// SPDX-License-Identifier: GPL-2.0

#include "policy.hh"

#include "abi.hh"

namespace qtfs::engine {

namespace {

// The access mode 3 is for ioctls, and needs both permissions.
bool opens_for_reading(std::uint32_t flags)
{
  return (flags & QTFS_O_ACCMODE) != 1;
}

bool opens_for_writing(std::uint32_t flags)
{
  return (flags & QTFS_O_ACCMODE) != 0;
}

} // namespace

std::string child_path(std::string_view directory, std::string_view name)
{
  std::string path(directory);

  if (path.empty())
    return path;
  if (path.back() != '/')
    path += '/';
  path += name;
  return path;
}

bool Judge::allows(Section section, std::string_view path)
{
  const bool allowed = whitelist_.allows(section, path);

  if (!allowed && !refusal_)
    refusal_ = Refusal{section, std::string(path)};
  return allowed;
}

bool Judge::allows_process(std::string_view name, std::string_view program)
{
  const bool allowed = whitelist_.allows_process(name, program);

  if (!allowed && !refusal_)
    refusal_ = Refusal{Section::Kill, std::string(program.empty() ? name : program)};
  return allowed;
}

bool Judge::allows_open(std::uint32_t flags, std::string_view path)
{
  const bool writes = opens_for_writing(flags) || (flags & QTFS_O_TRUNC);

  return allows(Section::Open, path) &&
         (!opens_for_reading(flags) || allows(Section::Read, path)) &&
         (!writes || allows(Section::Write, path));
}

// Opening a file with O_TRUNC is writing to it, also where the client's kernel
// does it in two steps.  Its times come along.
bool Judge::allows_setattr(std::uint32_t valid, std::string_view path)
{
  constexpr std::uint32_t truncation = QTFS_SET_SIZE | QTFS_SET_BY_OPEN | QTFS_SET_MTIME_NOW;
  const bool by_open = valid & QTFS_SET_BY_OPEN;
  const bool more = valid & ~truncation;

  return (!by_open || allows(Section::Write, path)) &&
         ((by_open && !more) || allows(Section::Setattr, path));
}

} // namespace qtfs::engine
