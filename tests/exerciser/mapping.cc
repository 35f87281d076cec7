// SPDX-License-Identifier: GPL-2.0

#include "mapping.hh"

#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace qtfs::exerciser {

namespace {

constexpr std::size_t page = 4096;

} // namespace

Mapping::Mapping(int fd, std::size_t len) : len_(len)
{
  void *start = ::mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  start_ = start == MAP_FAILED ? nullptr : static_cast<std::uint8_t *>(start);
}

Mapping::Mapping(Mapping &&other) noexcept
    : start_(std::exchange(other.start_, nullptr)), len_(other.len_)
{
}

Mapping &Mapping::operator=(Mapping &&other) noexcept
{
  std::swap(start_, other.start_);
  std::swap(len_, other.len_);
  return *this;
}

Mapping::~Mapping()
{
  if (start_)
    ::munmap(start_, len_);
}

void Mapping::read(std::size_t offset, std::span<std::uint8_t> data) const
{
  std::memcpy(data.data(), start_ + offset, data.size());
}

void Mapping::write(std::size_t offset, std::span<const std::uint8_t> data)
{
  std::memcpy(start_ + offset, data.data(), data.size());
}

bool Mapping::sync(std::size_t offset, std::size_t len, int flags) const
{
  const std::size_t begin = offset / page * page;

  return ::msync(start_ + begin, offset + len - begin, flags) == 0;
}

} // namespace qtfs::exerciser
