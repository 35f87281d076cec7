// SPDX-License-Identifier: GPL-2.0
//
// Directory entries, from the kernel's form to that of the wire.

#ifndef QTFS_ENGINE_DIRENTS_HH
#define QTFS_ENGINE_DIRENTS_HH

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace qtfs::engine {

// Fills a row of entries.
class DirentRow {
public:
  // Says of a name whether the module may look it up.
  using Allows = std::function<bool(std::string_view name)>;

  // @cookie is the position that entries are read from.  Without @allows no name
  // is looked up.
  DirentRow(std::span<std::byte> room, std::uint64_t cookie, Allows allows = {})
      : room_(room), cookie_(cookie), allows_(std::move(allows))
  {
  }

  // Converts @entries, the next ones, as getdents64() left them.  If they don't
  // all fit, returns the position to go back to.
  std::optional<std::uint64_t> add(std::span<const std::byte> entries);

  // The directory ends behind the last entry.
  void end();

  // How much to read with getdents64() such that all of it fits: an entry without
  // attributes grows by eight bytes at most, and the shortest is 24 bytes, so that
  // a row grows by a third at most.  One with attributes grows eightfold at most.
  std::size_t read_size() const;

  // What read_size() must be at least, for the longest name.
  static std::size_t read_min();

  std::size_t len() const { return len_; }

  // Whether end() was said of it.
  bool ended() const { return ended_; }

private:
  std::span<std::byte> room_;
  std::uint64_t cookie_; // behind the last entry
  Allows allows_;
  std::size_t len_ = 0;      // bytes in use
  std::size_t wire_len_ = 0; // with what the module will add
  std::size_t last_ = 0;     // where the last entry begins
  bool ended_ = false;
};

} // namespace qtfs::engine

#endif
