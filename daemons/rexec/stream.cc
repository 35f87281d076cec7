// SPDX-License-Identifier: GPL-2.0

#include "stream.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <sys/ioctl.h>
#include <termios.h>

namespace qtfs::rexec {

namespace {

// More than the kernel keeps of what was written to a terminal.
constexpr std::size_t terminal_most = 1 << 20;

// So much is granted at once, and not each byte by itself.
constexpr std::uint32_t grant_least = window / 4;

bool transient(int error)
{
  return error == EAGAIN || error == EINTR;
}

} // namespace

Source::Source(Loop &loop, Link &link, std::uint16_t id, Fd fd, Medium medium,
               const Changed &changed)
    : link_(link), id_(id), medium_(medium), changed_(changed), fd_(std::move(fd)),
      watch_(loop.watch(fd_.get(), 0, [this](std::uint32_t) {
        if (may_read())
          read();
        update();
      }))
{
  update();
}

bool Source::may_read() const
{
  return !ended_ && !held_ && credit_ > 0 && link_.is_open() && !link_.congested();
}

void Source::update()
{
  // What is settling is looked for: that there is no more of it, nobody tells.
  while (unsettled_ != 0 && may_read() && read())
    continue;
  if (!ended_)
    watch_.want(may_read() ? std::uint32_t{EPOLLIN} : 0);
}

void Source::hold(bool held)
{
  held_ = held;
  update();
}

bool Source::credit(std::uint32_t bytes)
{
  if (bytes > window - credit_)
    return false;
  credit_ += bytes;
  update();
  return true;
}

// Whether there was something.
bool Source::read()
{
  std::array<char, data_max> chunk;
  const std::size_t most = std::min<std::size_t>(credit_, chunk.size());

  const ssize_t n = medium_ == Medium::Socket ? ::recv(fd_.get(), chunk.data(), most, MSG_DONTWAIT)
                                              : ::read(fd_.get(), chunk.data(), most);
  if (n < 0 && transient(errno)) {
    if (std::exchange(unsettled_, 0) != 0)
      changed_();
    return false;
  }
  // The master of a terminal says EIO when all of the other side is closed.
  if (n <= 0) {
    finish();
    return false;
  }

  const auto bytes = static_cast<std::size_t>(n);
  credit_ -= static_cast<std::uint32_t>(bytes);
  link_.send(Type::Data, id_, {chunk.data(), bytes});
  if (unsettled_ != 0) {
    unsettled_ -= std::min(unsettled_, bytes);
    if (unsettled_ == 0)
      changed_();
  }
  return true;
}

void Source::settle()
{
  if (ended_ || settling_)
    return;

  int there = 0;
  settling_ = true;
  if (medium_ == Medium::Master)
    unsettled_ = terminal_most;
  else if (::ioctl(fd_.get(), FIONREAD, &there) == 0)
    unsettled_ = static_cast<std::size_t>(there);
  // If nobody has it any more, its end is sent now, ahead of what follows.
  if (unsettled_ == 0 && may_read())
    read();
  update();
}

void Source::finish()
{
  if (ended_)
    return;
  link_.send(Type::Eof, id_);
  close();
}

void Source::reset()
{
  if (ended_)
    return;
  if (medium_ == Medium::Socket)
    ::shutdown(fd_.get(), SHUT_RD);
  close();
}

void Source::close()
{
  ended_ = true;
  watch_.reset();
  fd_.reset();
  changed_();
}

Sink::Sink(Loop &loop, Link &link, std::uint16_t id, Fd fd, Medium medium, const Changed &changed)
    : link_(link), id_(id), medium_(medium), changed_(changed), fd_(std::move(fd)),
      watch_(loop.watch(fd_.get(), EPOLLERR, [this](std::uint32_t events) { ready(events); }))
{
}

bool Sink::data(std::string_view bytes)
{
  if (ended_ || eof_)
    return ended_;
  if (bytes.size() > allowed_)
    return false;
  allowed_ -= static_cast<std::uint32_t>(bytes.size());

  if (pending_.empty() && medium_ != Medium::Shared)
    bytes.remove_prefix(write(bytes));
  if (!ended_ && !bytes.empty()) {
    pending_ += bytes;
    watch_.want(EPOLLOUT);
  }
  return true;
}

void Sink::eof()
{
  eof_ = true;
  if (!ended_ && pending_.empty())
    finish();
}

void Sink::ready(std::uint32_t events)
{
  if (events & EPOLLOUT && !pending_.empty()) {
    std::string_view rest = std::string_view(pending_).substr(done_);
    if (medium_ == Medium::Shared)
      rest = rest.substr(0, PIPE_BUF);
    done_ += write(rest);
    if (!ended_ && done_ == pending_.size()) {
      std::string().swap(pending_);
      done_ = 0;
      watch_.want(EPOLLERR);
      if (eof_)
        finish();
      else
        changed_();
    }
  } else if (events & (EPOLLERR | EPOLLHUP)) {
    fail();
  }
}

// How much of it was written; if nobody reads it any more, the stream has ended.
std::size_t Sink::write(std::string_view bytes)
{
  if (bytes.empty())
    return 0;
  const ssize_t n = medium_ == Medium::Socket
                      ? ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                      : ::write(fd_.get(), bytes.data(), bytes.size());
  if (n < 0 && transient(errno))
    return 0;
  if (n < 0) {
    fail();
    return 0;
  }

  const auto done = static_cast<std::size_t>(n);
  if (done > 0)
    line_open_ = bytes[done - 1] != '\n';
  ungranted_ += static_cast<std::uint32_t>(done);
  grant();
  return done;
}

void Sink::update()
{
  if (!ended_)
    grant();
}

// Not to a link that is behind: a peer who doesn't read would make it grow.
void Sink::grant()
{
  if (eof_ || ungranted_ < grant_least || link_.congested())
    return;
  allowed_ += ungranted_;
  link_.send(Type::Credit, id_, encode_number(std::exchange(ungranted_, 0)));
}

// What is typed at the end.
std::string Sink::end_of_input() const
{
  termios modes = {};

  if (::tcgetattr(fd_.get(), &modes) != 0 || !(modes.c_lflag & ICANON))
    return {};
  // At the end of a line the character means end of file, within one it ends the line.
  std::string ends(line_open_ ? 2 : 1, static_cast<char>(modes.c_cc[VEOF]));
  return ends;
}

// All has been written.
void Sink::finish()
{
  if (medium_ == Medium::Socket)
    ::shutdown(fd_.get(), SHUT_WR);
  if (medium_ == Medium::Master && !std::exchange(end_typed_, true)) {
    pending_ = end_of_input();
    done_ = write(pending_);
    if (!ended_ && done_ < pending_.size())
      watch_.want(EPOLLOUT); // and then here again
  }
  if (!ended_ && done_ == pending_.size())
    close();
}

void Sink::fail()
{
  link_.send(Type::Reset, id_);
  close();
}

void Sink::close()
{
  ended_ = true;
  watch_.reset();
  fd_.reset();
  std::string().swap(pending_);
  done_ = 0;
  changed_();
}

} // namespace qtfs::rexec
