// SPDX-License-Identifier: GPL-2.0

#include "dirents.hh"

#include <cstring>
#include <dirent.h>

#include "abi.hh"
#include "bytes.hh"

namespace qtfs::engine {

namespace {

// The C library's dirent64 is the kernel's linux_dirent64.
constexpr std::size_t kernel_header = offsetof(dirent64, d_name);

constexpr std::size_t align8(std::size_t len)
{
  return (len + 7) & ~std::size_t{7};
}

bool is_dots(std::string_view name)
{
  return name == "." || name == "..";
}

} // namespace

std::size_t DirentRow::read_min()
{
  return align8(kernel_header + QTFS_NAME_MAX + 1);
}

std::size_t DirentRow::read_size() const
{
  const std::size_t left = room_.size() - wire_len_;

  return (allows_ ? left / 8 : left / 4 * 3) & ~std::size_t{7};
}

std::optional<std::uint64_t> DirentRow::add(std::span<const std::byte> entries)
{
  while (!entries.empty()) {
    dirent64 entry;
    std::memcpy(&entry, entries.data(), kernel_header);
    const auto *text = reinterpret_cast<const char *>(entries.data()) + kernel_header;
    const std::string_view name(text, ::strnlen(text, entry.d_reclen - kernel_header));
    const std::size_t len = sizeof(qtfs_dirent) + align8(name.size());
    const bool looked_up = allows_ && !is_dots(name) && allows_(name);
    const std::size_t wire_len = len + (looked_up ? sizeof(qtfs_entry_rep) : 0);

    if (wire_len > room_.size() - wire_len_)
      return cookie_;

    qtfs_dirent wire = {};
    wire.ino = le(static_cast<__u64>(entry.d_ino));
    wire.cookie = le(static_cast<__u64>(entry.d_off));
    wire.name_len = le(static_cast<__u16>(name.size()));
    wire.type = entry.d_type;
    wire.flags = looked_up ? QTFS_DIRENT_ENTRY : 0;

    std::byte *to = room_.data() + len_;
    std::memset(to, 0, len);
    std::memcpy(to, &wire, sizeof(wire));
    std::memcpy(to + sizeof(wire), name.data(), name.size());

    last_ = len_;
    len_ += len;
    wire_len_ += wire_len;
    cookie_ = static_cast<std::uint64_t>(entry.d_off);
    entries = entries.subspan(entry.d_reclen);
  }
  return std::nullopt;
}

void DirentRow::end()
{
  ended_ = true;
  if (!len_)
    return;

  qtfs_dirent wire;
  std::memcpy(&wire, room_.data() + last_, sizeof(wire));
  wire.flags |= QTFS_DIRENT_LAST;
  std::memcpy(room_.data() + last_, &wire, sizeof(wire));
}

} // namespace qtfs::engine
