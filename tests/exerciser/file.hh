// SPDX-License-Identifier: GPL-2.0
//
// The file that is exercised: several descriptors and a mapping, by all of which the
// same bytes must be seen.
//
// What an operation returns is what is wrong with it: nothing, if it did all that it
// was asked for.

#ifndef QTFS_EXERCISER_FILE_HH
#define QTFS_EXERCISER_FILE_HH

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "fd.hh"
#include "mapping.hh"

namespace qtfs::exerciser {

using Wrong = std::string;

// How bytes come and go.
enum class Way {
  First,
  Second,   // another open file
  Direct,   // O_DIRECT: 512 bytes are the unit of all
  Spliced,  // through a pipe
  Synced,   // RWF_DSYNC; for a read the same as First
  Mapped,   // by the mapping that is there all the time
  MapOnce,  // by one that is made and goes
  Appended, // to write only
};
constexpr std::size_t ways = 8;
const char *name_of(Way way);
bool is_mapped(Way way);

enum class Sync { File, Data, All, Mapping, MappingLater };

class File {
public:
  // No offset is behind @max_size.
  File(std::string path, std::size_t max_size);

  Wrong open(int flags);
  Wrong close();

  // Fills @data; what is mapped must be inside the file.  @data is cut where the file ends.
  Wrong read(Way way, std::size_t offset, std::span<std::uint8_t> &data);
  Wrong write(Way way, std::size_t offset, std::span<const std::uint8_t> data);
  Wrong resize(std::size_t size, bool by_name);
  Wrong allocate(int mode, std::size_t offset, std::size_t len);
  Wrong copy(std::size_t from, std::size_t to, std::size_t len);
  Wrong sync(Sync how);
  // Drops what is cached and clean.
  Wrong forget();
  Wrong seek(std::size_t offset, int whence, std::size_t &found);
  Wrong size(std::size_t &size);

private:
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };

  int fd_of(Way way) const;
  Wrong read_fd(int fd, std::size_t offset, std::span<std::uint8_t> &data) const;
  Wrong write_fd(Way way, std::size_t offset, std::span<const std::uint8_t> data) const;
  Wrong read_spliced(std::size_t offset, std::span<std::uint8_t> &data) const;
  Wrong write_spliced(std::size_t offset, std::span<const std::uint8_t> data) const;

  std::string path_;
  std::size_t max_size_;
  std::unique_ptr<std::uint8_t, Free> aligned_;
  Fd first_, second_, direct_, append_;
  Mapping mapping_;
};

} // namespace qtfs::exerciser

#endif
