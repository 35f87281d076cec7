// SPDX-License-Identifier: GPL-2.0

#include "connector.hh"

#include <algorithm>
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
    Fd file(::fcntl(made->file.get(), F_DUPFD_CLOEXEC, 0));
    return file ? Result<Target>(Target{std::move(file), true, {}}) : last_error();
  }
  if (!whitelist_ || !whitelist_->allows(Section::Udsconnect, opening.path))
    return errno_code(EACCES);
  const ActAs caller(opening.caller);
  if (caller.error())
    return caller.error();

  Result<Fd> file = root_.look_up(opening.path);
  struct stat st;
  if (!file)
    return file.error();
  if (::fstat(file->get(), &st) != 0)
    return last_error();
  if (!S_ISSOCK(st.st_mode) || st.st_nlink == 0)
    return errno_code(ECONNREFUSED);
  // What the peer has itself is not reached through here.
  if (is_mirror_(Identity::of(st)))
    return errno_code(ELOOP);
  return Target{std::move(*file), false, {}};
}

Result<Fd> Connector::connect(const Target &target)
{
  const Opening &opening = target.opening;
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
  if (const std::error_code error = unix_connect(socket.get(), ProcPath(target.file.get()).c_str()))
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

void Connector::open(Link &link, Stream &stream, Opening opening)
{
  Result<Target> target = find(opening);

  if (!target) {
    refuse(link, stream, opening, target.error());
    return;
  }
  target->opening = std::move(opening);
  const Key key(&link, stream.id());
  waiting_.insert_or_assign(key, Waiting{++last_number_,
                                         std::make_shared<const Target>(std::move(*target)),
                                         Clock::now() + patience,
                                         first_pause,
                                         {}});
  stream.on_idle([this, key, &stream] {
    if (stream.finished())
      waiting_.erase(key);
  });
  attempt(key);
}

void Connector::attempt(Key key)
{
  const auto found = waiting_.find(key);
  if (found == waiting_.end())
    return;
  const std::uint64_t number = found->second.number;
  const std::shared_ptr<const Target> target = found->second.target;

  if (!target->on_mount) {
    attempted(key, number, connect(*target));
    return;
  }
  const auto socket = std::make_shared<Result<Fd>>(errno_code(ECANCELED));
  workers_.run([target, socket] { *socket = connect(*target); },
               [this, key, number, socket] { attempted(key, number, std::move(*socket)); });
}

void Connector::attempted(Key key, std::uint64_t number, Result<Fd> socket)
{
  const auto found = waiting_.find(key);
  // It may have ended meanwhile, and its number be another one's.
  if (found == waiting_.end() || found->second.number != number)
    return;
  Waiting &waiting = found->second;

  if (!socket && socket.error().value() == EAGAIN) {
    if (Clock::now() < waiting.until) {
      waiting.timer = loop_.after(waiting.pause, [this, key] { attempt(key); });
      waiting.pause = std::min<Clock::duration>(2 * waiting.pause, longest_pause);
      return;
    }
    socket = errno_code(ETIMEDOUT);
  }
  const Waiting ended = std::move(waiting);
  waiting_.erase(found);
  Stream *stream = key.first->find(key.second);
  if (!stream)
    return;
  stream->on_idle({});
  const Opening &opening = ended.target->opening;
  if (!socket) {
    refuse(*key.first, *stream, opening, socket.error());
    return;
  }
  // What goes to the program says whose it is, to those who want to know.
  const ucred caller = {::getpid(), opening.caller.uid, opening.caller.gid};
  const bool other = caller.uid != ::geteuid() || caller.gid != ::getegid();
  stream->attach(
    local_socket(std::move(*socket), opening.type, other ? std::optional(caller) : std::nullopt));
}

void Connector::link_down(Link &link)
{
  std::erase_if(waiting_, [&](const auto &entry) { return entry.first.first == &link; });
}

} // namespace qtfs::uds
