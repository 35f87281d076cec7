// SPDX-License-Identifier: GPL-2.0
//
// TERMINAL.

#include <algorithm>
#include <array>
#include <asm/termbits.h>
#include <cstring>
#include <sys/ioctl.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

int get_modes(int fd, qtfs_terminal &reply)
{
  termios modes = {};

  if (::ioctl(fd, TCGETS, &modes) != 0)
    return errno;
  reply.iflag = le(modes.c_iflag);
  reply.oflag = le(modes.c_oflag);
  reply.cflag = le(modes.c_cflag);
  reply.lflag = le(modes.c_lflag);
  reply.line = modes.c_line;
  std::copy_n(modes.c_cc, std::min<std::size_t>(sizeof(modes.c_cc), sizeof(reply.cc)), reply.cc);
  return 0;
}

int set_modes(int fd, const qtfs_terminal &body)
{
  constexpr auto when = std::to_array<unsigned long>({TCSETS, TCSETSW, TCSETSF});
  termios modes = {};

  modes.c_iflag = le(body.iflag);
  modes.c_oflag = le(body.oflag);
  modes.c_cflag = le(body.cflag);
  modes.c_lflag = le(body.lflag);
  modes.c_line = body.line;
  std::copy_n(body.cc, std::min<std::size_t>(sizeof(modes.c_cc), sizeof(body.cc)), modes.c_cc);
  return ::ioctl(fd, when[le(body.arg)], &modes) == 0 ? 0 : errno;
}

int get_size(int fd, qtfs_terminal &reply)
{
  winsize size = {};

  if (::ioctl(fd, TIOCGWINSZ, &size) != 0)
    return errno;
  reply.rows = le(size.ws_row);
  reply.columns = le(size.ws_col);
  reply.xpixel = le(size.ws_xpixel);
  reply.ypixel = le(size.ws_ypixel);
  return 0;
}

int set_size(int fd, const qtfs_terminal &body)
{
  const winsize size = {le(body.rows), le(body.columns), le(body.xpixel), le(body.ypixel)};

  return ::ioctl(fd, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

int count_queued(int fd, std::uint32_t which, qtfs_terminal &reply)
{
  int bytes = 0;

  if (::ioctl(fd, which == 0 ? TIOCINQ : TIOCOUTQ, &bytes) != 0)
    return errno;
  reply.arg = le(static_cast<std::uint32_t>(bytes));
  return 0;
}

} // namespace

// All but dropping what is queued may be done twice.
int exec_terminal(Call &call)
{
  const qtfs_terminal body = call.slot.body<qtfs_terminal>();
  const int fd = call.slot.open();

  if (!call.judge.allows(Section::Ioctl, call.slot.path(0)))
    return EACCES;
  auto &reply = call.slot.reply_body<qtfs_terminal>();
  reply = {};
  switch (le(body.what)) {
  case QTFS_TERMINAL_GET:
    return get_modes(fd, reply);
  case QTFS_TERMINAL_SET:
    call.begin();
    return set_modes(fd, body);
  case QTFS_TERMINAL_GET_SIZE:
    return get_size(fd, reply);
  case QTFS_TERMINAL_SET_SIZE:
    call.begin();
    return set_size(fd, body);
  case QTFS_TERMINAL_FLUSH:
    if (call.slot.resent())
      return EIO;
    call.begin();
    return ::ioctl(fd, TCFLSH, le(body.arg)) == 0 ? 0 : errno;
  case QTFS_TERMINAL_QUEUED:
    return count_queued(fd, le(body.arg), reply);
  default:
    return EINVAL;
  }
}

} // namespace qtfs::engine
