// SPDX-License-Identifier: GPL-2.0

#include "connector.hh"

#include <fcntl.h>

#include "proc_path.hh"
#include "unix_socket.hh"

namespace qtfs::uds {

namespace {

constexpr auto first_pause = std::chrono::milliseconds(1);
constexpr auto longest_pause = std::chrono::milliseconds(100);

} // namespace

Result<Connector::Target> Connector::find(const Opening &opening) const
{
  // Its path is the peer's own: there it has been judged who may use it.
  if (const MadeSockets::Socket *made = made_.find(opening.path)) {
    Fd fd(::fcntl(made->file.get(), F_DUPFD_CLOEXEC, 0));
    return fd ? Result<Target>(Target{std::move(fd), made->here}) : last_error();
  }
  const ActAs caller(opening.caller);
  if (caller.error())
    return caller.error();

  Result<Fd> fd = root_.look_up(opening.path);
  struct stat st;
  if (!fd)
    return fd.error();
  if (::fstat(fd->get(), &st) != 0)
    return last_error();
  if (!S_ISSOCK(st.st_mode) || st.st_nlink == 0)
    return errno_code(ECONNREFUSED);
  std::string path = root_.path_of(fd->get());
  if (!whitelist_ || !whitelist_->allows(Section::Udsconnect, path))
    return errno_code(EACCES);
  // What the peer has itself is not reached through here.
  if (is_mirror_(Identity::of(st)))
    return errno_code(ELOOP);
  return Target{std::move(*fd), std::move(path)};
}

Result<Fd> Connector::connect(const Opening &opening, int target)
{
  const ActAs caller(opening.caller);
  if (caller.error())
    return caller.error();

  Fd socket(::socket(AF_UNIX, native(opening.type) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket)
    return last_error();
  // A name of its own, the kernel's choice, is what answers to a datagram are sent to.
  const sockaddr_un any = {AF_UNIX, {}};
  if (opening.type == SocketType::Datagram &&
      ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&any), sizeof(any.sun_family)) != 0)
    return last_error();
  if (const std::error_code error = unix_connect(socket.get(), ProcPath(target).c_str()))
    return error;
  return socket;
}

void Connector::refuse(Link &link, Stream &stream, const Opening &opening, std::error_code error)
{
  counters_.refused++;
  if (error.value() == EACCES || error.value() == ELOOP || error.value() == EPERM)
    link.note(fmt::format(
      "refused a connection to {} to uid {}: {}", opening.path, opening.caller.uid,
      error.value() == EACCES ? "not in [Udsconnect], or not permitted" : error.message()));
  stream.fail(error.value());
}

// Returns whether that was all.
bool Connector::finish(Link &link, Stream &stream, const Opening &opening, Result<Fd> socket)
{
  if (!socket && socket.error().value() == EAGAIN)
    return false;
  if (!socket) {
    refuse(link, stream, opening, socket.error());
    return true;
  }
  // What goes to the program says whose it is, to those who want to know.
  const ucred caller = {::getpid(), opening.caller.uid, opening.caller.gid};
  const bool other = caller.uid != ::geteuid() || caller.gid != ::getegid();
  stream.attach(
    local_socket(std::move(*socket), opening.type, other ? std::optional(caller) : std::nullopt));
  return true;
}

void Connector::open(Link &link, Stream &stream, Opening opening)
{
  Result<Target> target = find(opening);

  if (!target) {
    refuse(link, stream, opening, target.error());
    return;
  }
  if (finish(link, stream, opening, connect(opening, target->fd.get())))
    return;
  const Key key(&link, stream.id());
  Waiting waiting = {std::move(opening), std::move(target->fd), Clock::now() + patience,
                     first_pause, loop_.after(first_pause, [this, key] { try_again(key); })};
  stream.on_idle([this, key, &stream] {
    if (stream.finished())
      waiting_.erase(key);
  });
  waiting_.emplace(key, std::move(waiting));
}

void Connector::try_again(Key key)
{
  const auto found = waiting_.find(key);
  Stream *stream = found == waiting_.end() ? nullptr : key.first->find(key.second);

  if (!stream) {
    if (found != waiting_.end())
      waiting_.erase(found);
    return;
  }
  Waiting &waiting = found->second;
  Result<Fd> socket = connect(waiting.opening, waiting.target.get());
  if (!socket && socket.error().value() == EAGAIN) {
    if (Clock::now() < waiting.until) {
      waiting.pause = std::min<Clock::duration>(2 * waiting.pause, longest_pause);
      waiting.timer = loop_.after(waiting.pause, [this, key] { try_again(key); });
      return;
    }
    socket = errno_code(ETIMEDOUT);
  }
  const Waiting ended = std::move(waiting);
  waiting_.erase(found);
  stream->on_idle({});
  finish(*key.first, *stream, ended.opening, std::move(socket));
}

void Connector::link_down(Link &link)
{
  std::erase_if(waiting_, [&](const auto &entry) { return entry.first.first == &link; });
}

} // namespace qtfs::uds
