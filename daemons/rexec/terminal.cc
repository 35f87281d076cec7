// SPDX-License-Identifier: GPL-2.0

#include "terminal.hh"

#include <sys/ioctl.h>

namespace qtfs::rexec {

RawTerminal::RawTerminal(Fd fd) : fd_(std::move(fd))
{
  set();
}

RawTerminal &RawTerminal::operator=(RawTerminal &&other) noexcept
{
  restore();
  fd_ = std::move(other.fd_);
  before_ = std::exchange(other.before_, std::nullopt);
  return *this;
}

void RawTerminal::set()
{
  termios modes = {};

  if (before_ || !fd_ || ::tcgetattr(fd_.get(), &modes) != 0)
    return;
  before_ = modes;
  ::cfmakeraw(&modes);
  ::tcsetattr(fd_.get(), TCSADRAIN, &modes);
}

void RawTerminal::restore()
{
  if (before_)
    ::tcsetattr(fd_.get(), TCSADRAIN, &*before_);
  before_.reset();
}

std::optional<WindowSize> RawTerminal::size() const
{
  winsize size = {};

  if (!fd_ || ::ioctl(fd_.get(), TIOCGWINSZ, &size) != 0)
    return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel};
}

} // namespace qtfs::rexec
