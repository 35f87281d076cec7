// SPDX-License-Identifier: GPL-2.0

#include "window.hh"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>

#include "bytes.hh"
#include "fd.hh"

namespace qtfs::fuzz {

namespace {

constexpr std::uint32_t magic = 0x57544951;
constexpr std::uint32_t version = 2;
constexpr std::size_t line_size = 128;
constexpr std::size_t lines_at = 128;
constexpr std::size_t data_at = 4096;
// What the device has in BAR0, in words.
constexpr std::size_t register_position = 2;
constexpr std::size_t register_doorbell = 3;
constexpr unsigned peers = 4;

void *map(const std::string &path, std::size_t &size)
{
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat st {};
  void *memory = MAP_FAILED;

  if (fd && ::fstat(fd.get(), &st) == 0) {
    size = static_cast<std::size_t>(st.st_size);
    memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  }
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), path);
  return memory;
}

} // namespace

Window::Window(const std::string &device, Side side)
{
  const std::string folder = "/sys/bus/pci/devices/" + device;
  const Fd enable(::open((folder + "/enable").c_str(), O_WRONLY | O_CLOEXEC));
  std::size_t registers_size = 0;

  // Nobody else has, where there is no driver; a second time is counted.
  if (!enable || ::write(enable.get(), "1", 1) != 1)
    throw std::system_error(errno, std::generic_category(), folder + "/enable");
  memory_ = static_cast<char *>(map(folder + "/resource2", size_));
  registers_ = static_cast<volatile std::uint32_t *>(map(folder + "/resource0", registers_size));
  out_ = side == Side::server ? 0 : size_ / 2;
  in_ = side == Side::server ? size_ / 2 : 0;
  ring_size_ = std::bit_floor((size_ / 2 - data_at) / window_channels);
}

Window::~Window()
{
  ::munmap(memory_, size_);
}

volatile std::uint32_t *Window::word(std::size_t at) const
{
  return reinterpret_cast<volatile std::uint32_t *>(memory_ + at);
}

std::uint32_t Window::other(Half half) const
{
  return le(__u32{word(in_)[static_cast<unsigned>(half)]});
}

std::uint32_t Window::other(unsigned channel, Line line) const
{
  return le(__u32{word(in_ + lines_at + channel * line_size)[static_cast<unsigned>(line)]});
}

std::uint32_t Window::ours(unsigned channel, Line line) const
{
  return le(__u32{word(out_ + lines_at + channel * line_size)[static_cast<unsigned>(line)]});
}

void Window::set(unsigned channel, Line line, std::uint32_t value)
{
  std::atomic_thread_fence(std::memory_order_seq_cst);
  word(out_ + lines_at + channel * line_size)[static_cast<unsigned>(line)] = le(__u32{value});
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Window::appear(std::uint32_t heartbeat)
{
  volatile std::uint32_t *half = word(out_);

  half[static_cast<unsigned>(Half::version)] = le(__u32{version});
  half[static_cast<unsigned>(Half::position)] = registers_[register_position];
  half[static_cast<unsigned>(Half::bells)] = 1;
  half[static_cast<unsigned>(Half::heartbeat)] = le(__u32{heartbeat});
  std::atomic_thread_fence(std::memory_order_seq_cst);
  half[static_cast<unsigned>(Half::magic)] = le(__u32{magic});
}

void Window::ring(unsigned channel)
{
  registers_[register_doorbell] = (other(Half::position) & 0xffff) << 16 | (1 + channel);
}

void Window::put(unsigned channel, std::uint32_t at, std::span<const char> bytes)
{
  char *data = memory_ + out_ + data_at + channel * ring_size_;

  for (const char byte : bytes)
    data[at++ & (ring_size_ - 1)] = byte;
}

void Window::take(unsigned channel, std::uint32_t at, std::span<char> bytes) const
{
  const char *data = memory_ + in_ + data_at + channel * ring_size_;

  for (char &byte : bytes)
    byte = data[at++ & (ring_size_ - 1)];
}

void Window::scribble(Random &random)
{
  const auto any = [&] {
    return le(static_cast<__u32>(random.chance(50) ? random.boundary() : random.bits()));
  };
  const auto noise = [&](std::size_t begin, std::size_t size) {
    const std::string bytes = random.bytes(random.between(1, random.chance(90) ? 64 : 8192));
    const std::size_t at = random.below(size);

    std::copy_n(bytes.data(), std::min(bytes.size(), size - at), memory_ + begin + at);
  };

  switch (random.below(6)) {
  case 0: // a word of a line: the fields that are in use, mostly
    word(out_ + lines_at + random.below(window_channels) * line_size)[random.below(6)] = any();
    break;
  case 1:
    word(out_)[random.below(5)] = any();
    break;
  case 2: // where counters and states are, of both sides
    noise(random.chance(50) ? out_ : in_, data_at);
    break;
  case 3:
    noise(0, size_);
    break;
  case 4: // the other side's own words
    word(in_ + lines_at + random.below(window_channels) * line_size)[random.below(6)] = any();
    break;
  default:
    for (std::uint64_t n = random.between(1, 50); n; n--)
      registers_[register_doorbell] =
        static_cast<std::uint32_t>(random.below(peers) << 16 | random.below(8));
  }
}

} // namespace qtfs::fuzz
