// SPDX-License-Identifier: GPL-2.0

#include "dirents.hh"

#include <algorithm>
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

constexpr std::size_t kernel_max = align8(kernel_header + QTFS_NAME_MAX + 1);

} // namespace

std::size_t dirent_read_size(std::size_t size)
{
  return std::max(size / 4 * 3 & ~std::size_t{7}, kernel_max);
}

PackedDirents pack_dirents(std::span<const std::byte> entries, std::span<std::byte> room,
                           std::uint64_t cookie)
{
  PackedDirents packed;

  while (!entries.empty()) {
    dirent64 entry;
    std::memcpy(&entry, entries.data(), kernel_header);
    const auto *name = reinterpret_cast<const char *>(entries.data()) + kernel_header;
    const std::size_t name_len = ::strnlen(name, entry.d_reclen - kernel_header);
    const std::size_t len = sizeof(qtfs_dirent) + align8(name_len);

    if (len > room.size() - packed.len) {
      packed.resume = cookie;
      break;
    }

    qtfs_dirent wire = {};
    wire.ino = le(static_cast<__u64>(entry.d_ino));
    wire.cookie = le(static_cast<__u64>(entry.d_off));
    wire.name_len = le(static_cast<__u16>(name_len));
    wire.type = entry.d_type;

    std::byte *to = room.data() + packed.len;
    std::memset(to, 0, len);
    std::memcpy(to, &wire, sizeof(wire));
    std::memcpy(to + sizeof(wire), name, name_len);

    packed.len += len;
    cookie = static_cast<std::uint64_t>(entry.d_off);
    entries = entries.subspan(entry.d_reclen);
  }
  return packed;
}

} // namespace qtfs::engine
