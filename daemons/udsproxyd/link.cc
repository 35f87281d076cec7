// SPDX-License-Identifier: GPL-2.0

#include "link.hh"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "logging.hh"
#include "rights.hh"

namespace qtfs::uds {

namespace {

constexpr auto ping_interval = std::chrono::seconds(5);
constexpr auto silence_limit = std::chrono::seconds(20);
constexpr std::size_t receive_at_once = 256 << 10;
constexpr unsigned receives_in_a_row = 8; // other links and programs get their turn
constexpr unsigned pumps_in_a_row = 8;

bool is_messages(ObjectKind kind)
{
  return kind == ObjectKind::Datagram || kind == ObjectKind::Seqpacket;
}

} // namespace

Link::Link(Loop &loop, Workers &workers, LinkOwner &owner, Counters &counters, Fd fd, Role role,
           std::string peer)
    : loop_(loop), workers_(workers), owner_(owner), counters_(counters), fd_(std::move(fd)),
      role_(role), peer_(std::move(peer)), scratch_(max_message),
      next_id_(role == Role::Initiator ? 1 : 2), self_(std::make_shared<Link *>(this))
{
  watch_ = loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t events) { ready(events); });
  keep_alive();
  if (owner_.key()) {
    const Result<Nonce> nonce = make_nonce();
    if (!nonce) {
      end(nonce.error().message());
      return;
    }
    nonce_ = *nonce;
  }
  send({FrameType::Hello}, encode(Hello{protocol_version, first_window, nonce_}));
}

Link::~Link()
{
  *self_ = nullptr;
  streams_.clear();
  graveyard_.clear();
}

// ---- what is sent ----

void Link::send(const Header &header, Span payload)
{
  Header whole = header;

  if (ended_)
    return;
  whole.length = static_cast<std::uint32_t>(payload.size());
  out_.append(encode(whole));
  out_.append(payload);
  pump_later();
}

void Link::announce(const Announcement &announcement)
{
  send({FrameType::Announce, announcement.made ? announce_made : std::uint8_t{0}},
       encode(announcement));
}

void Link::withdraw(const std::string &path)
{
  send({FrameType::Withdraw}, std::as_bytes(std::span(path)));
}

void Link::end_of_list()
{
  send({FrameType::Synced});
}

void Link::look(std::uint32_t number)
{
  send({FrameType::Look}, encode_number(number));
}

void Link::looked()
{
  if (look_)
    send({FrameType::Looked}, encode_number(*std::exchange(look_, {})));
}

std::uint32_t Link::take_id()
{
  if (next_id_ >= UINT32_MAX - 1) {
    end("its numbers are used up");
    return 0;
  }
  return std::exchange(next_id_, next_id_ + 2);
}

Stream &Link::add(std::uint32_t id, bool messages)
{
  auto stream = std::make_unique<Stream>(*this, id, messages, peer_window_, first_window);

  windows_ += first_window;
  counters_.opened++;
  return *streams_.emplace(id, std::move(stream)).first->second;
}

Stream *Link::open(const Opening &opening)
{
  if (!up() || streams_.size() >= most_streams)
    return nullptr;
  const std::uint32_t id = take_id();
  if (!id)
    return nullptr;
  send({FrameType::Open, 0, 0, id, 0}, encode(opening));
  return &add(id, opening.type != SocketType::Stream);
}

// What a mount has may have to be written before it can be told, and the last close of
// anything may wait.  So that is for the workers, both here and in close().
void Link::look_at(const Stream &stream, std::vector<Fd> rights)
{
  struct Job {
    std::vector<Fd> rights;
    std::vector<Described> passes;
  };
  const auto job = std::make_shared<Job>(Job{std::move(rights), {}});

  workers_.run(
    [job] {
      for (Fd &fd : job->rights)
        job->passes.push_back(qtfs::uds::describe(std::move(fd)));
      job->rights.clear();
    },
    [job, self = self_, &workers = workers_, id = stream.id()] {
      Stream *waiting = *self ? (*self)->find(id) : nullptr;
      if (!waiting || !waiting->described(job->passes))
        workers.drop(std::move(job->passes));
    });
}

void Link::close(Rights rights)
{
  if (!rights.empty())
    workers_.drop(std::move(rights));
}

bool Link::pass(Stream &stream, PendingMessage &message)
{
  std::uint64_t memory = 0;

  for (Described &one : message.passes) {
    if (memory + one.object.size > most_unclaimed_bytes)
      one = {{ObjectKind::Nothing, 0, 0, "more memory than can be passed at once"}, nullptr};
    memory += one.object.size;
  }
  if (passing_ && (passing_ + message.passes.size() > most_unclaimed ||
                   passing_memory_ + memory > most_unclaimed_bytes)) {
    waiting_to_pass_.push_back(stream.id());
    return false;
  }
  for (Described &one : std::exchange(message.passes, {}))
    describe(stream, message, std::move(one));
  return true;
}

void Link::describe(Stream &stream, PendingMessage &message, Described one)
{
  if (one.local && streams_.size() >= most_streams) {
    workers_.drop(std::move(one.local));
    one = {{ObjectKind::Nothing, 0, 0, "one too many"}, nullptr};
  }
  const std::uint32_t id = take_id();
  if (!id)
    return;
  passing_++;
  passing_memory_ += one.object.size;
  message.objects.push_back(id);
  message.memory += one.object.size;
  send({FrameType::Object, 0, 0, id, 0}, encode(one.object));
  if (!one.local) {
    counters_.not_passed++;
    note(fmt::format("a descriptor can't be passed: {}", one.object.name));
    return;
  }
  counters_.passed++;
  if (one.object.kind == ObjectKind::MemoryFile) {
    uploads_[id] = stream.id();
    message.uploads++;
  }
  add(id, is_messages(one.object.kind)).attach(std::move(one.local));
}

void Link::passed(const PendingMessage &message)
{
  passing_ -= message.objects.size();
  passing_memory_ -= message.memory;
  for (const std::uint32_t id : std::exchange(waiting_to_pass_, {}))
    if (Stream *stream = find(id))
      schedule(*stream);
}

bool Link::windows_grow(std::uint32_t by)
{
  if (by >= most_window || windows_ + by > most_windows)
    return false;
  windows_ += by;
  return true;
}

void Link::schedule(Stream &stream)
{
  if (stream.in_turn || stream.finished() || ended_)
    return;
  stream.in_turn = true;
  turns_.push_back(stream.id());
  pump_later();
}

void Link::bury(Stream &stream)
{
  const auto found = streams_.find(stream.id());
  if (found == streams_.end())
    return;
  graveyard_.push_back(std::move(found->second));
  streams_.erase(found);
  const auto upload = uploads_.find(stream.id());
  if (upload != uploads_.end()) {
    if (Stream *waiting = find(upload->second))
      waiting->uploaded();
    uploads_.erase(upload);
  }
  pump_later();
}

void Link::pump_later()
{
  if (pumping_ || ended_)
    return;
  pumping_ = true;
  loop_.defer([self = self_] {
    if (*self)
      (*self)->pump();
  });
}

// Lets streams put frames into the buffer, in turn, as long as the socket takes them.
void Link::pump()
{
  graveyard_.clear();
  for (unsigned i = 0; i < pumps_in_a_row; i++) {
    while (out_.size() < high_water && !turns_.empty()) {
      Stream *stream = find(turns_.front());
      turns_.pop_front();
      if (!stream)
        continue;
      stream->in_turn = false;
      if (stream->produce())
        schedule(*stream);
    }
    if (!flush() || !out_.empty() || turns_.empty())
      break;
  }
  graveyard_.clear();
  pumping_ = false;
  if (!ended_ && out_.empty() && !turns_.empty())
    more_ = loop_.after(Clock::duration::zero(), [this] { pump_later(); });
}

// False: the link has ended.
bool Link::flush()
{
  while (!ended_ && !out_.empty()) {
    const Span bytes = out_.bytes();
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno != EAGAIN) {
      end(last_error().message());
      return false;
    }
    if (n < 0)
      break;
    out_.consume(static_cast<std::size_t>(n));
  }
  if (ended_)
    return false;
  if (out_.size() > hard_limit) {
    end("the peer doesn't take what is sent");
    return false;
  }
  if (out_.empty() == waiting_) {
    waiting_ = !waiting_;
    watch_.want(waiting_ ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
  return true;
}

// ---- what comes ----

void Link::ready(std::uint32_t events)
{
  if (events & EPOLLOUT)
    pump_later();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
    receive();
}

void Link::receive()
{
  for (unsigned i = 0; i < receives_in_a_row && !ended_; i++) {
    const std::span<std::byte> room = in_.room(receive_at_once);
    const ssize_t n = ::recv(fd_.get(), room.data(), receive_at_once, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return;
    if (n <= 0) {
      end(n == 0 ? "the peer closed it" : last_error().message());
      return;
    }
    heard_ = Clock::now();
    in_.commit(static_cast<std::size_t>(n));
    if (!parse()) {
      counters_.violations++;
      end("the peer sent what the protocol doesn't allow");
    }
    if (static_cast<std::size_t>(n) < receive_at_once)
      return;
  }
}

bool Link::parse()
{
  while (!ended_ && in_.size() >= header_size) {
    const std::optional<Header> header = decode_header(in_.bytes().first<header_size>());
    if (!header)
      return false;
    if (in_.size() < header_size + header->length)
      return true;
    if (!take(*header, in_.bytes().subspan(header_size, header->length)))
      return false;
    in_.consume(header_size + header->length);
  }
  return true;
}

bool Link::take_hello(const Header &header, Span payload)
{
  if (header.type != FrameType::Hello)
    return false;
  const std::optional<Hello> hello = decode_hello(payload);
  if (!hello)
    return false;
  if (hello->version != protocol_version) {
    end(fmt::format("the peer speaks version {} of the protocol, this one version {}: install "
                    "the same release on both machines",
                    hello->version, protocol_version));
    return true;
  }
  greeted_ = true;
  peer_window_ = hello->window;
  peer_nonce_ = hello->nonce;
  const Key *key = owner_.key();
  const bool theirs = peer_nonce_ != Nonce{};
  if (!key && !theirs) {
    come_up();
  } else if (!key || !theirs) {
    counters_.unproved++;
    end(key ? "the peer has no key, as is needed here: give it --key"
            : "the peer wants this machine to have its key: give it by --key");
  } else if (role_ == Role::Initiator) {
    send_proof(*key);
  }
  return true;
}

// The initiator proves itself first, so that nobody gets the acceptor's proof who has no key.
bool Link::take_proof(const Header &header, Span payload)
{
  const Key *key = owner_.key();
  const bool initiator = role_ == Role::Initiator;

  if (header.type != FrameType::Prove || !key)
    return false;
  const std::optional<Proof> proof = decode_proof(payload);
  if (!proof)
    return false;
  if (!key->check(*proof, initiator ? Role::Acceptor : Role::Initiator,
                  initiator ? nonce_ : peer_nonce_, initiator ? peer_nonce_ : nonce_)) {
    counters_.unproved++;
    end("the peer has another key: --key has to be the same on both machines");
    return true;
  }
  if (!initiator)
    send_proof(*key);
  come_up();
  return true;
}

void Link::send_proof(const Key &key)
{
  const bool initiator = role_ == Role::Initiator;

  send({FrameType::Prove},
       key.prove(role_, initiator ? nonce_ : peer_nonce_, initiator ? peer_nonce_ : nonce_));
}

void Link::come_up()
{
  up_ = true;
  owner_.link_up(*this);
}

// Who may send what.
bool Link::take(const Header &header, Span payload)
{
  if (!up_)
    return greeted_ ? take_proof(header, payload) : take_hello(header, payload);
  switch (header.type) {
  case FrameType::Ping:
    send({FrameType::Pong});
    return true;
  case FrameType::Pong:
    return true;
  case FrameType::Announce: {
    std::optional<Announcement> announcement = decode_announcement(payload);
    if (!announcement || role_ != Role::Initiator)
      return false;
    announcement->made = header.flags & announce_made;
    owner_.announced(*this, std::move(*announcement));
    return true;
  }
  case FrameType::Withdraw: {
    const std::optional<std::string> path = decode_path(payload);
    if (!path || role_ != Role::Initiator)
      return false;
    owner_.withdrawn(*this, *path);
    return true;
  }
  case FrameType::Synced:
    if (role_ != Role::Initiator)
      return false;
    owner_.synced(*this);
    return true;
  case FrameType::Look:
  case FrameType::Looked:
    return take_look(header, payload);
  case FrameType::Open:
    return take_open(header, payload);
  case FrameType::Object:
    return take_object(header, payload);
  case FrameType::Data:
    return take_data(header, payload);
  case FrameType::Credit:
  case FrameType::Shut:
  case FrameType::Reset:
    return take_for_stream(header, payload);
  default:
    return false;
  }
}

bool Link::take_look(const Header &header, Span payload)
{
  const std::optional<std::uint32_t> number = decode_number(payload);
  const bool asked = header.type == FrameType::Look;

  if (!number || role_ != (asked ? Role::Acceptor : Role::Initiator))
    return false;
  if (asked) {
    look_ = *number;
    owner_.look(*this);
  } else {
    owner_.looked(*this, *number);
  }
  return true;
}

bool Link::take_open(const Header &header, Span payload)
{
  std::optional<Opening> opening = decode_opening(payload);

  if (!opening || role_ != Role::Acceptor || !is_new(header.stream))
    return false;
  last_peer_id_ = header.stream;
  if (streams_.size() >= most_streams) {
    send({FrameType::Reset, 0, 0, header.stream, 4}, encode_number(EMFILE));
    return true;
  }
  Stream &stream = add(header.stream, opening->type != SocketType::Stream);
  owner_.opened(*this, stream, std::move(*opening));
  return true;
}

bool Link::take_object(const Header &header, Span payload)
{
  const std::optional<Object> object = decode_object(payload);

  if (!object || !is_new(header.stream) || unclaimed_.size() >= most_unclaimed ||
      streams_.size() >= most_streams + most_unclaimed ||
      unclaimed_bytes_ + object->size > most_unclaimed_bytes)
    return false;
  last_peer_id_ = header.stream;

  auto handed = std::make_shared<Handed>();
  unclaimed_bytes_ += object->size;
  unclaimed_.emplace(header.stream, Unclaimed{handed, object->seals, object->size,
                                              object->kind == ObjectKind::MemoryFile});
  if (object->kind != ObjectKind::ClientFile && object->kind != ObjectKind::ServerFile)
    take_made(header.stream, *object, *handed, make(*object));
  else if (coming_ >= most_unclaimed)
    take_made(header.stream, *object, *handed,
              make({ObjectKind::Nothing, 0, 0, "a file, with too many that aren't open yet"}));
  else
    make_later(header.stream, *object, std::move(handed));
  return true;
}

void Link::make_later(std::uint32_t id, const Object &object, std::shared_ptr<Handed> handed)
{
  const auto made = std::make_shared<Result<Made>>(errno_code(ECANCELED));

  handed->coming = true;
  coming_++;
  workers_.run([object, made] { *made = make(object); },
               [self = self_, &workers = workers_, id, object, made, handed]() mutable {
                 if (*self) {
                   (*self)->coming_--;
                   (*self)->take_made(id, object, *handed, std::move(*made));
                 }
                 // One of them has the file, and may be the last to have it.
                 workers.drop(std::pair(std::move(handed), std::move(*made)));
               });
}

void Link::take_made(std::uint32_t id, const Object &object, Handed &handed, Result<Made> made)
{
  int error = 0;

  handed.coming = false;
  if (!made) {
    // Its place stays empty; the message comes without it.
    note(fmt::format("a descriptor can't be received: {}", made.error().message()));
    counters_.not_passed++;
    error = made.error().value();
  } else {
    handed.fd = std::move(made->handed);
    if (!made->refused.empty()) {
      note(made->refused);
      counters_.not_passed++;
    }
  }
  if (made && made->local)
    add(id, is_messages(object.kind)).attach(std::move(made->local));
  else if (object.kind != ObjectKind::Nothing) // the peer may close it
    send({FrameType::Reset, 0, 0, id, 4}, encode_number(static_cast<std::uint32_t>(error)));
  if (Stream *waiting = handed.stream ? find(handed.stream) : nullptr)
    waiting->handed();
}

// Takes what a message of @stream names; it was described before, and only once.
bool Link::claim(Span numbers, std::uint32_t stream, Rights &rights)
{
  for (; !numbers.empty(); numbers = numbers.subspan(4)) {
    const auto found = unclaimed_.find(load32(numbers.data()));
    if (found == unclaimed_.end())
      return false;
    Unclaimed unclaimed = std::move(found->second);
    unclaimed_.erase(found);
    unclaimed_bytes_ -= unclaimed.size;
    if (unclaimed.memory && unclaimed.handed->fd) {
      if (const std::error_code error =
            seal(unclaimed.handed->fd.get(), unclaimed.size, unclaimed.seals))
        note(fmt::format("a memory file that was passed can't be sealed: {}", error.message()));
    }
    unclaimed.handed->stream = stream;
    rights.push_back(std::move(unclaimed.handed));
  }
  return true;
}

bool Link::take_data(const Header &header, Span payload)
{
  Rights rights;
  const std::size_t size = payload.size() - std::size_t{4} * header.rights;

  if (!claim(payload.subspan(size), header.stream, rights))
    return false;
  counters_.bytes_in += size;
  Stream *stream = find(header.stream);
  const Rights kept = rights; // for the workers to close
  const bool good =
    stream ? stream->data(header, payload.first(size), std::move(rights)) : was_used(header.stream);
  close(kept);
  return good;
}

bool Link::take_for_stream(const Header &header, Span payload)
{
  Stream *stream = find(header.stream);

  // It may have ended here, while this was under way.
  if (!stream)
    return was_used(header.stream);
  switch (header.type) {
  case FrameType::Credit:
    return stream->credit(*decode_number(payload));
  case FrameType::Shut:
    stream->shut(header.flags);
    return true;
  default:
    stream->reset(static_cast<int>(*decode_number(payload) & 0xfff));
    return true;
  }
}

Stream *Link::find(std::uint32_t id)
{
  const auto found = streams_.find(id);

  return found == streams_.end() ? nullptr : found->second.get();
}

// ---- its life ----

void Link::keep_alive()
{
  alive_ = loop_.after(ping_interval, [this] {
    const Clock::duration silence = Clock::now() - heard_;
    if (silence > silence_limit) {
      end("the peer says nothing");
      return;
    }
    if (silence > ping_interval / 2 && up_)
      send({FrameType::Ping});
    keep_alive();
  });
}

void Link::end(const std::string &why)
{
  if (ended_)
    return;
  ended_ = true;
  watch_.reset();
  alive_.reset();
  more_.reset();
  // Who is called may still be on the stack: what it is made of goes later.
  loop_.defer([self = self_, why] {
    if (!*self)
      return;
    Link &link = **self;
    link.turns_.clear();
    link.workers_.drop(std::exchange(link.unclaimed_, {}));
    link.streams_.clear();
    link.graveyard_.clear();
    link.fd_.reset();
    link.owner_.link_down(link, why);
  });
}

void Link::note(const std::string &text)
{
  static RateLimit limit;
  unsigned suppressed = 0;

  if (!limit.pass(suppressed))
    return;
  if (suppressed)
    spdlog::warn("{} more messages", suppressed);
  spdlog::warn("{}: {}", peer_, printable(text));
}

void Link::note_debug(const std::string &text)
{
  spdlog::debug("{}: {}", peer_, text);
}

} // namespace qtfs::uds
