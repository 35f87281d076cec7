// SPDX-License-Identifier: GPL-2.0
//
// What an engine writes down before it changes something, for the one that
// comes after it if it dies.
//
// A request that was being executed when an engine died is executed again.
// Most operations may simply be repeated; the others would fail or, worse, do
// the same to something else (mkdir: EEXIST, unlink: a new file of that name).
// So the note holds what the names led to before, and the next engine sees
// from what they lead to now whether the change had been made.

#ifndef QTFS_ENGINE_NOTE_HH
#define QTFS_ENGINE_NOTE_HH

#include <cstdint>
#include <optional>

#include "abi.hh"
#include "result.hh"

struct statx;

namespace qtfs::engine {

// What a name leads to.  Inode numbers are used again soon, so that the time
// of birth is part of it where the file system keeps one.
struct Identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born_sec = 0;
  std::uint32_t born_nsec = 0;
  std::uint32_t present = 0;

  // Of @name in @directory, or of @directory itself where @name is empty.
  // That there is none is no error.
  static Result<Identity> of(int directory, const char *name);
  static Identity of(const struct statx &stat);

  bool operator==(const Identity &) const = default;
};

struct Note {
  std::uint64_t session = 0;
  std::uint64_t seq = 0;
  std::uint32_t wire_slot = 0;
  std::uint32_t op = 0;
  Identity before[2]; // what the request's names led to
  std::uint64_t number = 0;

  // A note that says which request of @slot it is about.
  static Note about(const qtfs_slot &slot);

  // The note in @slot, if it is about the request in it.
  static std::optional<Note> read(const qtfs_slot &slot);
  void write(qtfs_slot &slot) const;
};

} // namespace qtfs::engine

#endif
