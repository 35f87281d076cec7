// SPDX-License-Identifier: GPL-2.0
//
// One of the peer's sockets as it is shown here.

#include <spdlog/spdlog.h>

#include "mirrors.hh"

namespace qtfs::uds {

namespace {

constexpr unsigned at_once = 64; // connections or messages, before others get their turn
constexpr auto without_descriptors = std::chrono::milliseconds(100);
constexpr auto idle_source = std::chrono::minutes(5);

Caller caller_at(int socket)
{
  const Result<ucred> peer = unix_peer(socket);
  Result<std::vector<gid_t>> groups = unix_peer_groups(socket);

  if (!peer)
    return {65534, 65534, {}};
  return {peer->uid, peer->gid, groups ? std::move(*groups) : std::vector<gid_t>()};
}

} // namespace

Result<Fd> listening_socket(SocketType type)
{
  Fd socket(::socket(AF_UNIX, native(type) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;

  if (!socket)
    return last_error();
  if (type == SocketType::Datagram)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
  return socket;
}

// Who asks a connection for its peer's ids gets those of who called listen().
std::error_code listen_as(int socket, const Announcement &announcement)
{
  if (announcement.type == SocketType::Datagram)
    return {};
  const ActAs caller({announcement.uid, announcement.gid, {}});

  return ::listen(socket, SOMAXCONN) == 0 ? std::error_code() : last_error();
}

Mirror::Mirror(Mirrors &mirrors, Announcement announcement, Fd socket, Identity file)
    : mirrors_(mirrors), announcement_(std::move(announcement)), socket_(std::move(socket)),
      file_(file)
{
  watch_ = mirrors_.loop().watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { ready(); });
}

Mirror::~Mirror()
{
  if (Link *link = mirrors_.link())
    for (const auto &[source, id] : streams_)
      if (Stream *stream = link->find(id)) {
        stream->on_idle({});
        stream->fail(ECONNREFUSED); // before the socket that it sends from is closed
      }
}

void Mirror::ready()
{
  if (announcement_.type == SocketType::Datagram)
    receive();
  else
    accept();
}

// ---- connections ----

void Mirror::accept()
{
  for (unsigned i = 0; i < at_once; i++) {
    Fd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        spdlog::warn("{}: {}", announcement_.path, last_error().message());
        watch_.want(0);
        pause_ = mirrors_.loop().after(without_descriptors, [this] { watch_.want(EPOLLIN); });
      }
      return;
    }
    Caller caller = caller_at(socket.get());
    connect(std::move(socket), std::move(caller));
  }
}

void Mirror::connect(Fd socket, Caller caller)
{
  Link *link = mirrors_.link();

  if (!link) {
    if (waiting_.size() < Mirrors::most_waiting)
      waiting_.push_back(
        {std::move(socket), std::move(caller), Clock::now() + mirrors_.options().patience});
    return;
  }
  const ucred owner = {::getpid(), announcement_.uid, announcement_.gid};
  const bool other = owner.uid != ::geteuid() || owner.gid != ::getegid();
  Stream *stream = link->open({announcement_.type, std::move(caller), announcement_.path});
  if (stream)
    stream->attach(local_socket(std::move(socket), announcement_.type,
                                other ? std::optional(owner) : std::nullopt));
}

void Mirror::link_up()
{
  for (Waiting &waiting : std::exchange(waiting_, {}))
    connect(std::move(waiting.socket), std::move(waiting.caller));
  if (announcement_.type == SocketType::Datagram)
    pass_on();
}

void Mirror::link_down()
{
  streams_.clear();
}

void Mirror::give_up()
{
  const Clock::time_point now = Clock::now();

  while (!waiting_.empty() && waiting_.front().until <= now)
    waiting_.pop_front();
  drop_idle();
  pass_on(); // there may have been no stream left for it
}

// ---- datagrams ----

void Mirror::receive()
{
  for (unsigned i = 0; i < at_once && !held_; i++) {
    static std::vector<std::byte> room(max_message);
    Result<UnixMessage> datagram = unix_receive(socket_.get(), room, MSG_DONTWAIT);
    if (!datagram && datagram.error().value() == EMSGSIZE) {
      spdlog::warn("{}: a message of more than {} bytes can't be passed", announcement_.path,
                   max_message);
      continue;
    }
    if (!datagram)
      return;
    const Span data = Span(room).first(datagram->size);
    held_.emplace(Held{std::move(*datagram), Bytes(data.begin(), data.end())});
    pass_on();
  }
}

// False: what is held has to wait, and with it who sends, as for a slow reader.
bool Mirror::pass_on()
{
  if (!held_)
    return true;
  Stream *stream = stream_for(held_->datagram);
  if (!stream || stream->busy()) {
    watch_.want(0);
    return false;
  }
  Held held = std::move(*held_);
  held_.reset();
  watch_.want(EPOLLIN);
  stream->push(held.data, std::move(held.datagram.rights));
  return true;
}

Stream *Mirror::stream_for(const UnixMessage &datagram)
{
  Link *link = mirrors_.link();
  if (!link)
    return nullptr;

  const ucred sender = datagram.sender.value_or(ucred{0, 65534, 65534});
  const std::string address(reinterpret_cast<const char *>(&datagram.address),
                            datagram.address_length);
  const Source source(address, sender.uid);
  const auto found = streams_.find(source);
  if (found != streams_.end())
    return link->find(found->second);

  if (streams_.size() >= Mirrors::most_sources)
    drop_idle();
  Stream *stream =
    link->open({announcement_.type, {sender.uid, sender.gid, {}}, announcement_.path});
  if (!stream)
    return nullptr;
  const std::uint32_t id = stream->id();
  streams_.emplace(source, id);
  stream->on_idle([this, id] { ended(id); });
  stream->attach(local_reply(socket_.get(), datagram.address, datagram.address_length));
  return stream;
}

// It has room again, or is no more.
void Mirror::ended(std::uint32_t id)
{
  Link *link = mirrors_.link();
  const Stream *stream = link ? link->find(id) : nullptr;

  if (!stream || stream->finished())
    std::erase_if(streams_, [&](const auto &entry) { return entry.second == id; });
  mirrors_.loop().defer([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired() && held_)
      pass_on();
  });
}

void Mirror::drop_idle()
{
  Link *link = mirrors_.link();
  const Clock::time_point now = Clock::now();
  const bool many = streams_.size() >= Mirrors::most_sources;

  std::erase_if(streams_, [&](const auto &entry) {
    Stream *stream = link ? link->find(entry.second) : nullptr;
    if (!stream)
      return true;
    if (stream->busy() || (!many && now - stream->used() < idle_source))
      return false;
    stream->on_idle({});
    stream->fail(0);
    return true;
  });
}

} // namespace qtfs::uds
