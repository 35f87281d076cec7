// SPDX-License-Identifier: GPL-2.0
//
// A side of a PCIe window (kmod/transport/pcie.c), from user space: an ivshmem-doorbell device
// of which no driver has taken hold.

#ifndef QTFS_FUZZ_WINDOW_HH
#define QTFS_FUZZ_WINDOW_HH

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "random.hh"

namespace qtfs::fuzz {

enum class Side : unsigned { server, client };

constexpr unsigned window_channels = 4;

// The words of a side's half, and of its line of a channel.
enum class Half : unsigned { magic, version, position, bells, heartbeat };
enum class Line : unsigned { generation, state, head, tail, want_data, want_room };

class Window {
public:
  // @device: the name of the PCI device. Throws std::system_error.
  Window(const std::string &device, Side side);
  Window(const Window &) = delete;
  Window &operator=(const Window &) = delete;
  ~Window();

  std::uint32_t other(Half half) const;
  std::uint32_t other(unsigned channel, Line line) const;
  std::uint32_t ours(unsigned channel, Line line) const;
  void set(unsigned channel, Line line, std::uint32_t value);
  // Says, as an honest side does, that somebody is here.
  void appear(std::uint32_t heartbeat);
  void ring(unsigned channel);
  std::size_t ring_size() const { return ring_size_; }
  // A byte counter's place in a channel's ring.
  void put(unsigned channel, std::uint32_t at, std::span<const char> bytes);
  void take(unsigned channel, std::uint32_t at, std::span<char> bytes) const;

  // Something that no honest side does: random words where others look, random bytes anywhere,
  // bells that nobody expects.
  void scribble(Random &random);

private:
  volatile std::uint32_t *word(std::size_t at) const;

  char *memory_;
  std::size_t size_;
  volatile std::uint32_t *registers_;
  std::size_t out_;
  std::size_t in_;
  std::size_t ring_size_;
};

} // namespace qtfs::fuzz

#endif
