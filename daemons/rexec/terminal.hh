// SPDX-License-Identifier: GPL-2.0
//
// The caller's terminal, which passes everything on while the command has one
// of its own: what characters mean is that one's business.

#ifndef QTFS_REXEC_TERMINAL_HH
#define QTFS_REXEC_TERMINAL_HH

#include <optional>
#include <termios.h>

#include "fd.hh"
#include "message.hh"

namespace qtfs::rexec {

class RawTerminal {
public:
  RawTerminal() = default;
  // @fd is no terminal: it does nothing.
  explicit RawTerminal(Fd fd);
  RawTerminal(RawTerminal &&other) noexcept
      : fd_(std::move(other.fd_)), before_(std::exchange(other.before_, std::nullopt))
  {
  }
  RawTerminal &operator=(RawTerminal &&other) noexcept;
  ~RawTerminal() { restore(); }

  void set();
  void restore();
  std::optional<WindowSize> size() const;

private:
  Fd fd_;
  std::optional<termios> before_; // what to go back to
};

} // namespace qtfs::rexec

#endif
