// SPDX-License-Identifier: GPL-2.0
//
// A file's bytes in memory, and what operations do to them.

#ifndef QTFS_EXERCISER_MODEL_HH
#define QTFS_EXERCISER_MODEL_HH

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qtfs::exerciser {

using Bytes = std::vector<std::uint8_t>;

class Model {
public:
  std::size_t size() const { return bytes_.size(); }
  // [@offset, @offset + @len) as far as the file has it.
  std::span<const std::uint8_t> at(std::size_t offset, std::size_t len) const;

  void write(std::size_t offset, std::span<const std::uint8_t> data);
  void resize(std::size_t size) { bytes_.resize(size); }
  void grow(std::size_t size);
  // Within the file.
  void zero(std::size_t offset, std::size_t len);
  void collapse(std::size_t offset, std::size_t len);
  void insert(std::size_t offset, std::size_t len);
  void copy(std::size_t from, std::size_t to, std::size_t len);

private:
  Bytes bytes_;
};

} // namespace qtfs::exerciser

#endif
