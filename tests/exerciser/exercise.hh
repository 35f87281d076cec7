// SPDX-License-Identifier: GPL-2.0
//
// Operations by chance on a file and on its model, which must stay the same.

#ifndef QTFS_EXERCISER_EXERCISE_HH
#define QTFS_EXERCISER_EXERCISE_HH

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "file.hh"
#include "history.hh"
#include "model.hh"
#include "phase.hh"
#include "random.hh"

namespace qtfs::exerciser {

struct Settings {
  std::string path;
  std::string again; // where the same file is to be found on the server itself; may be empty
  std::uint64_t seed = 0;
  std::uint64_t operations = 0;
  std::uint64_t spoil = 0; // the operation before which a byte is changed without the model
  std::size_t max_size = 262144;
  bool spill = false; // also writes behind the file's end, by the mapping
};

class Exercise {
public:
  explicit Exercise(Settings settings);

  // Whether the file and the model stayed the same; tells what is wrong.
  bool run();

private:
  struct Range {
    std::size_t offset = 0;
    std::size_t len = 0;
  };

  Wrong run_phase();
  Wrong step();
  Wrong perform(Kind kind);
  Wrong look();
  Wrong look_at_all(bool server);
  Wrong finish();
  void spoil();
  void spill();
  void report(const Wrong &wrong);

  Wrong do_read();
  Wrong do_write();
  Wrong do_append();
  Wrong do_resize();
  Wrong do_allocate(Kind kind);
  Wrong do_shift(Kind kind);
  Wrong do_copy();
  Wrong do_seek();
  Wrong do_sync();
  Wrong do_reopen(bool empty);

  // Reads @range, and compares.
  Wrong check(Way way, Range range);
  // What @found, which was read at @offset, has that the model hasn't.
  Wrong compare(std::size_t offset, std::span<const std::uint8_t> found,
                std::span<const std::uint8_t> expected) const;
  Wrong compare_server() const;

  std::size_t some_offset(std::size_t limit);
  // Some range that fits @way, maybe behind the end.
  Range some_range(Way way, bool inside);
  Bytes some_bytes(std::size_t len);
  void note(const std::string &what, Range range);
  // What the operation has changed, for look().
  void touched(Range range);

  Settings settings_;
  Random random_;
  History history_;
  File file_;
  Model model_;
  Phase phase_;
  std::uint64_t number_ = 0;
  Range touched_;
  std::array<std::uint64_t, kinds> done_{};
};

} // namespace qtfs::exerciser

#endif
