// SPDX-License-Identifier: GPL-2.0
//
// Bytes that wait to be sent, or to be understood: written at the end, taken from
// the beginning, always contiguous.

#ifndef QTFS_UDS_BUFFER_HH
#define QTFS_UDS_BUFFER_HH

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace qtfs::uds {

class Buffer {
public:
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::span<const std::byte> bytes() const { return {memory_.get() + begin_, size()}; }

  // At least @size bytes behind the end, to be written before anything else is called.
  std::span<std::byte> room(std::size_t size)
  {
    if (capacity_ - end_ < size)
      make_room(size);
    return {memory_.get() + end_, capacity_ - end_};
  }
  // @size bytes of the room have been written.
  void commit(std::size_t size) { end_ += size; }

  void append(std::span<const std::byte> bytes)
  {
    if (bytes.empty())
      return;
    std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }

  void consume(std::size_t size)
  {
    begin_ += size;
    if (begin_ == end_)
      begin_ = end_ = 0;
  }

private:
  void make_room(std::size_t size)
  {
    const std::size_t used = this->size();

    if (capacity_ - used >= size) {
      std::memmove(memory_.get(), memory_.get() + begin_, used);
    } else {
      const std::size_t larger = std::max(2 * capacity_, used + size);
      auto memory = std::make_unique_for_overwrite<std::byte[]>(larger);
      if (used)
        std::memcpy(memory.get(), memory_.get() + begin_, used);
      memory_ = std::move(memory);
      capacity_ = larger;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

} // namespace qtfs::uds

#endif
