// SPDX-License-Identifier: GPL-2.0
//
// Joins a window to sockets, so that a hostile client or server can speak through it: each
// connection is a channel. What it adds is its own: it scribbles in the window meanwhile.

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <sys/socket.h>

#include "connection.hh"
#include "fd.hh"
#include "fuzz.hh"
#include "random.hh"
#include "window.hh"

namespace qtfs::fuzz {

namespace {

constexpr std::uint32_t closed = 0;
constexpr std::uint32_t open = 1;
constexpr std::size_t piece = 16384;

struct Totals {
  std::uint64_t connections = 0;
  std::uint64_t scribbles = 0;
};

class Channel {
public:
  Channel(Window &window, unsigned number) : window_(window), number_(number) {}

  bool busy() const { return static_cast<bool>(socket_); }
  // Whether the other side has opened it, and not the connection that was there before.
  bool wanted() const
  {
    return window_.other(number_, Line::state) == open && generation() != seen_;
  }
  void begin(Fd socket, std::uint32_t generation);
  void begin_as_wanted(Fd socket) { begin(std::move(socket), generation()); }
  void begin_next(Fd socket) { begin(std::move(socket), seen_ + 1); }
  // Moves what there is. False: there was nothing.
  bool pump();

private:
  std::uint32_t generation() const { return window_.other(number_, Line::generation); }
  bool left() const { return window_.other(number_, Line::state) != open || generation() != seen_; }
  void end();
  bool receive();
  bool send();

  Window &window_;
  unsigned number_;
  Fd socket_;
  std::uint32_t seen_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
  bool joined_ = false;
  std::optional<Deadline> join_;
};

void Channel::begin(Fd socket, std::uint32_t generation)
{
  socket_ = std::move(socket);
  seen_ = generation;
  head_ = tail_ = 0;
  joined_ = false;
  join_.emplace(std::chrono::seconds(2 * slow()));
  for (const Line line : {Line::head, Line::tail, Line::want_data, Line::want_room})
    window_.set(number_, line, 0);
  window_.set(number_, Line::generation, generation);
  window_.set(number_, Line::state, open);
  window_.ring(number_);
}

void Channel::end()
{
  socket_.reset();
  window_.set(number_, Line::state, closed);
  window_.ring(number_);
}

// From the window to the socket.
bool Channel::receive()
{
  std::array<char, piece> bytes; // NOLINT(cppcoreguidelines-pro-type-member-init)
  const std::uint32_t used = window_.other(number_, Line::head) - tail_;

  if (used > window_.ring_size()) {
    end();
    return true;
  }
  const std::size_t n = std::min<std::size_t>(used, bytes.size());
  window_.take(number_, tail_, std::span(bytes).first(n));
  const ssize_t taken = n ? ::send(socket_.get(), bytes.data(), n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
  if (taken <= 0)
    return false;
  tail_ += static_cast<std::uint32_t>(taken);
  window_.set(number_, Line::tail, tail_);
  window_.ring(number_);
  return true;
}

// And from the socket to the window.
bool Channel::send()
{
  std::array<char, piece> bytes; // NOLINT(cppcoreguidelines-pro-type-member-init)
  const std::uint32_t used = head_ - window_.other(number_, Line::tail);

  if (used >= window_.ring_size())
    return false;
  const ssize_t n =
    ::recv(socket_.get(), bytes.data(),
           std::min<std::size_t>(window_.ring_size() - used, bytes.size()), MSG_DONTWAIT);
  if (n == 0)
    end();
  if (n <= 0)
    return n == 0;
  window_.put(number_, head_, std::span(bytes).first(static_cast<std::size_t>(n)));
  head_ += static_cast<std::uint32_t>(n);
  window_.set(number_, Line::head, head_);
  window_.ring(number_);
  return true;
}

bool Channel::pump()
{
  if (!busy())
    return false;
  if (!joined_) {
    joined_ = !left();
    if (!joined_ && join_->over())
      end();
    return joined_;
  }
  if (receive())
    return true;
  if (left()) {
    end();
    return true;
  }
  return send();
}

} // namespace

int bridge(const Options &options)
{
  const Side side = options.window_client ? Side::client : Side::server;
  const Deadline deadline(options.time);
  std::optional<Listener> listener;
  Window window(options.device, side);
  std::vector<Channel> channels;
  Random random(options.seed);
  Totals totals;

  if (side == Side::client && !listener.emplace(options.address, options.port).good())
    return 2;
  channels.reserve(window_channels);
  for (unsigned i = 0; i < window_channels; i++)
    channels.emplace_back(window, i);
  std::printf("bridging\n");
  std::fflush(stdout);
  for (std::uint32_t beat = 0; !deadline.over(); beat++) {
    bool moved = false;

    window.appear(beat);
    for (Channel &channel : channels) {
      moved |= channel.pump();
      if (channel.busy())
        continue;
      if (side == Side::server && channel.wanted()) {
        if (Fd fd = dial(options.address, options.port)) {
          totals.connections++;
          channel.begin_as_wanted(std::move(fd));
        }
      } else if (side == Side::client) {
        if (Fd fd = listener->accept()) {
          totals.connections++;
          channel.begin_next(std::move(fd));
        }
      }
    }
    if (random.below(1000) < options.scribbles) {
      totals.scribbles++;
      window.scribble(random);
    }
    if (!moved)
      ::poll(nullptr, 0, 1);
  }
  std::printf("%llu connections, %llu scribbles\n",
              static_cast<unsigned long long>(totals.connections),
              static_cast<unsigned long long>(totals.scribbles));
  return totals.connections ? 0 : 1;
}

int scribbler(const Options &options)
{
  const Deadline deadline(options.time);
  Window window(options.device, Side::client);
  Random random(options.seed);
  unsigned long long scribbles = 0;

  for (; !deadline.over(); scribbles++) {
    window.scribble(random);
    if (random.chance(20))
      ::poll(nullptr, 0, static_cast<int>(random.below(10)));
  }
  std::printf("%llu scribbles\n", scribbles);
  return 0;
}

} // namespace qtfs::fuzz
