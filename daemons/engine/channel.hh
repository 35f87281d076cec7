// SPDX-License-Identifier: GPL-2.0
//
// The device through which qtfs_server.ko asks the engine.

#ifndef QTFS_ENGINE_CHANNEL_HH
#define QTFS_ENGINE_CHANNEL_HH

#include <memory>
#include <string>
#include <sys/ioctl.h>

#include "fd.hh"
#include "result.hh"
#include "slot.hh"

namespace qtfs::engine {

// A slot's memory, unmapped with its owner.
class Mapping {
public:
  Mapping(void *memory, std::size_t size) : memory_(memory), size_(size) {}
  Mapping(Mapping &&other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_)
  {
  }
  Mapping &operator=(Mapping &&) = delete;
  ~Mapping();

  std::byte *bytes() const { return static_cast<std::byte *>(memory_); }

private:
  void *memory_;
  std::size_t size_;
};

struct MappedSlot {
  Mapping mapping;
  Slot slot;
};

class Channel {
public:
  // The error is a sentence.
  static Result<Channel, std::string> open(const std::string &device = QTFS_CHANNEL_DEV);

  const qtfs_channel_setup &setup() const { return *setup_; }

  // The channel must outlive the slot.
  Result<MappedSlot> add_slot();

  std::error_code ready() { return call(QTFS_CHANNEL_READY, 0); }
  std::error_code next(int index) { return call(QTFS_CHANNEL_NEXT, index); }
  // See channel.h; how many open files there are, -1 if that can't be told.
  int let_go(int fd) { return ::ioctl(fd_.get(), QTFS_CHANNEL_LET_GO, fd); }
  std::error_code mounts_changed() { return call(QTFS_CHANNEL_MOUNTS, 0); }
  std::error_code stop() { return call(QTFS_CHANNEL_STOP, 0); }

private:
  Channel(Fd fd, std::unique_ptr<qtfs_channel_setup> setup)
      : fd_(std::move(fd)), setup_(std::move(setup))
  {
  }

  std::error_code call(unsigned long request, int argument);

  Fd fd_;
  std::unique_ptr<qtfs_channel_setup> setup_; // slots refer to it
};

} // namespace qtfs::engine

#endif
