// SPDX-License-Identifier: GPL-2.0

#ifndef QTFS_FUZZ_FUZZ_HH
#define QTFS_FUZZ_FUZZ_HH

#include <chrono>
#include <cstdint>
#include <string>

namespace qtfs::fuzz {

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string directory;
  std::chrono::seconds time{10};
  std::uint64_t seed = 1;
  // How much of what is sent is wrong, in percent.
  unsigned wrong = 10;
  // Of a window: the PCI device, which side of it this is, and in how many of a thousand looks at
  // it something is scribbled.
  std::string device;
  bool window_client = false;
  unsigned scribbles = 5;
};

class Deadline {
public:
  explicit Deadline(std::chrono::milliseconds left) : end_(std::chrono::steady_clock::now() + left)
  {
  }
  bool over() const { return std::chrono::steady_clock::now() >= end_; }

private:
  std::chrono::steady_clock::time_point end_;
};

// Each returns the program's status: 0, or 1 where the other side did what it must not do.
int hostile_client(const Options &options);
int hostile_server(const Options &options);
int hostile_engine(const Options &options);
int load(const Options &options);
int noise_client(const Options &options);
int noise_server(const Options &options);
int bridge(const Options &options);
int scribbler(const Options &options);

} // namespace qtfs::fuzz

#endif
