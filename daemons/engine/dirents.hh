// SPDX-License-Identifier: GPL-2.0
//
// Directory entries, from the kernel's form to that of the wire.

#ifndef QTFS_ENGINE_DIRENTS_HH
#define QTFS_ENGINE_DIRENTS_HH

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace qtfs::engine {

// How much to read with getdents64() such that all of it fits into @size bytes
// on the wire, if @size isn't tiny: an entry grows by eight bytes at most, and
// the shortest is 24 bytes, so that a row grows by a third at most.
std::size_t dirent_read_size(std::size_t size);

struct PackedDirents {
  std::size_t len = 0; // bytes in use
  // The position to go back to, if not all entries fit.
  std::optional<std::uint64_t> resume;
};

// Converts @entries, as getdents64() left them, into @room.  @cookie is the
// position that they were read from.
PackedDirents pack_dirents(std::span<const std::byte> entries, std::span<std::byte> room,
                           std::uint64_t cookie);

} // namespace qtfs::engine

#endif
