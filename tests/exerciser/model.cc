// SPDX-License-Identifier: GPL-2.0

#include "model.hh"

#include <algorithm>

namespace qtfs::exerciser {

namespace {

std::ptrdiff_t distance(std::size_t n)
{
  return static_cast<std::ptrdiff_t>(n);
}

} // namespace

std::span<const std::uint8_t> Model::at(std::size_t offset, std::size_t len) const
{
  const std::size_t begin = std::min(offset, size());

  return {bytes_.data() + begin, std::min(len, size() - begin)};
}

void Model::grow(std::size_t size)
{
  if (size > bytes_.size())
    bytes_.resize(size);
}

void Model::write(std::size_t offset, std::span<const std::uint8_t> data)
{
  grow(offset + data.size());
  std::copy(data.begin(), data.end(), bytes_.begin() + distance(offset));
}

void Model::zero(std::size_t offset, std::size_t len)
{
  const std::size_t begin = std::min(offset, size());
  const std::size_t end = std::min(offset + len, size());

  std::fill(bytes_.begin() + distance(begin), bytes_.begin() + distance(end), std::uint8_t{0});
}

void Model::collapse(std::size_t offset, std::size_t len)
{
  bytes_.erase(bytes_.begin() + distance(offset), bytes_.begin() + distance(offset + len));
}

void Model::insert(std::size_t offset, std::size_t len)
{
  bytes_.insert(bytes_.begin() + distance(offset), len, std::uint8_t{0});
}

void Model::copy(std::size_t from, std::size_t to, std::size_t len)
{
  const std::span<const std::uint8_t> data = at(from, len);

  write(to, Bytes(data.begin(), data.end()));
}

} // namespace qtfs::exerciser
