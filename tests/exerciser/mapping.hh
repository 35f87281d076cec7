// SPDX-License-Identifier: GPL-2.0
//
// A file in memory, from its start.  What is behind the file's end must not be touched.

#ifndef QTFS_EXERCISER_MAPPING_HH
#define QTFS_EXERCISER_MAPPING_HH

#include <cstddef>
#include <cstdint>
#include <span>

namespace qtfs::exerciser {

class Mapping {
public:
  Mapping() = default;
  Mapping(int fd, std::size_t len);
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;
  Mapping(Mapping &&other) noexcept;
  Mapping &operator=(Mapping &&other) noexcept;
  ~Mapping();

  explicit operator bool() const { return start_ != nullptr; }

  void read(std::size_t offset, std::span<std::uint8_t> data) const;
  void write(std::size_t offset, std::span<const std::uint8_t> data);
  bool sync(std::size_t offset, std::size_t len, int flags) const;

private:
  std::uint8_t *start_ = nullptr;
  std::size_t len_ = 0;
};

} // namespace qtfs::exerciser

#endif
