// SPDX-License-Identifier: GPL-2.0

#include "stream.hh"

#include <algorithm>
#include <iterator>

#include "link.hh"

namespace qtfs::uds {

namespace {

// Less isn't worth a frame, unless it is all there is.
constexpr std::size_t least_piece = 1024;
constexpr auto retry_after = std::chrono::milliseconds(5);

bool again(std::error_code error)
{
  return error.value() == EAGAIN || error.value() == ENOBUFS;
}

bool came(const Rights &rights)
{
  return std::ranges::none_of(rights, [](const auto &one) { return one->coming; });
}

} // namespace

Stream::Stream(Link &link, std::uint32_t id, bool messages, std::uint32_t credit,
               std::uint32_t window)
    : link_(link), id_(id), messages_(messages), credit_(credit), window_(window),
      allowance_(window)
{
}

Stream::~Stream()
{
  link_.windows_shrink(window_);
  watch_.reset();
  if (local_ && local_->ends_slowly())
    link_.workers().drop(std::move(local_));
  if (pending_ && !pending_->passes.empty())
    link_.workers().drop(std::move(pending_->passes));
  drop_queue();
}

void Stream::attach(std::unique_ptr<Local> local)
{
  local_ = std::move(local);
  out_ended_ = out_ended_ || local_->way() == Way::ToLocal;
  in_ended_ = in_ended_ || local_->way() == Way::FromLocal;
  if (local_->fd() >= 0)
    watch_ = link_.loop().watch(local_->fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                [this](std::uint32_t events) { ready(events); });
  // Edges before this moment were nobody's.
  readable_ = true;
  flush();
  link_.schedule(*this);
}

void Stream::ready(std::uint32_t events)
{
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    readable_ = true;
  // Nobody reads any more what is sent there, though there may be something left to be read.
  const bool unread = local_->way() == Way::ToLocal ? events & EPOLLERR : events & EPOLLHUP;
  if (unread && local_->way() != Way::FromLocal)
    write_failed();
  if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
    writable_ = true;
    flush();
  }
  link_.schedule(*this);
}

// ---- from the local end to the link ----

std::size_t Stream::sendable() const
{
  return credit_ > frame_cost ? std::min<std::size_t>(credit_ - frame_cost, max_data) : 0;
}

bool Stream::produce()
{
  if (finished_ || out_ended_)
    return false;
  if (pending_)
    return send_pending();
  if (!local_ || !readable_)
    return false;
  return messages_ ? receive_one_message() : receive_bytes();
}

bool Stream::read_failed(std::error_code error)
{
  if (again(error)) {
    readable_ = false;
    return false;
  }
  if (error.value() == EMSGSIZE)
    link_.note(fmt::format("a message of more than {} bytes can't be passed", max_message));
  fail(error.value());
  return false;
}

bool Stream::receive_bytes()
{
  const std::size_t most = sendable();
  if (most < least_piece)
    return false;

  const std::span<std::byte> room = link_.out().room(header_size + most);
  Result<Received> received = local_->receive(room.subspan(header_size, most));
  if (!received)
    return read_failed(received.error());
  used_ = Clock::now();
  if (received->lost_rights)
    link_.note("descriptors were lost: there are too many open files");
  if (received->end) {
    read_end();
    return false;
  }
  if (!received->rights.empty()) {
    const Span data = room.subspan(header_size, received->size);
    push(data, std::move(received->rights));
    return true;
  }
  Header header{FrameType::Data};
  header.stream = id_;
  header.length = static_cast<std::uint32_t>(received->size);
  std::ranges::copy(encode(header), room.begin());
  link_.out().commit(header_size + received->size);
  link_.count_out(received->size);
  credit_ -= header.length + frame_cost;
  return true;
}

bool Stream::receive_one_message()
{
  if (sendable() < least_piece)
    return false;

  const std::span<std::byte> room = link_.scratch();
  Result<Received> received = local_->receive(room);
  if (!received)
    return read_failed(received.error());
  if (received->lost_rights)
    link_.note("descriptors were lost: there are too many open files");
  if (received->end) {
    read_end();
    return false;
  }
  push(room.first(received->size), std::move(received->rights));
  return true;
}

void Stream::push(Span data, std::vector<Fd> rights)
{
  used_ = Clock::now();
  pending_.emplace().data.assign(data.begin(), data.end());
  pending_->looking = !rights.empty();
  if (pending_->looking)
    link_.look_at(*this, std::move(rights));
  else
    link_.schedule(*this);
}

bool Stream::described(std::vector<Described> &passes)
{
  if (!pending_ || !pending_->looking)
    return false;
  pending_->looking = false;
  pending_->passes = std::move(passes);
  link_.schedule(*this);
  return true;
}

void Stream::uploaded()
{
  if (pending_ && pending_->uploads && --pending_->uploads == 0)
    link_.schedule(*this);
}

bool Stream::send_pending()
{
  PendingMessage &pending = *pending_;
  const std::size_t left = pending.data.size() - pending.sent;
  const std::size_t size = std::min(left, sendable());

  if (credit_ <= frame_cost || size < std::min(left, least_piece))
    return false;
  if (size == left && !pending.passes.empty() && !link_.pass(*this, pending))
    return false;
  if (pending.uploads || (size == left && pending.looking))
    return false;

  Header header{FrameType::Data};
  header.stream = id_;
  header.length = static_cast<std::uint32_t>(size);
  credit_ -= header.length + frame_cost;
  if (size < left) {
    header.flags = data_more;
  } else {
    header.rights = static_cast<std::uint16_t>(pending.objects.size());
    header.length += 4U * header.rights;
  }
  link_.out().append(encode(header));
  link_.out().append(Span(pending.data).subspan(pending.sent, size));
  link_.count_out(size);
  pending.sent += size;
  if (size < left)
    return true;

  for (const std::uint32_t object : pending.objects)
    link_.out().append(encode_number(object));
  link_.passed(pending);
  pending_.reset();
  if (on_idle_)
    on_idle_();
  return true;
}

// It can't be sent any more, but what has been described has to be named, or the peer would
// keep it.  The peer knows already that this direction has ended.
void Stream::drop_pending()
{
  if (!pending_)
    return;
  if (!pending_->objects.empty()) {
    Bytes numbers;
    for (const std::uint32_t object : pending_->objects)
      std::ranges::copy(encode_number(object), std::back_inserter(numbers));
    link_.send({FrameType::Data, 0, static_cast<std::uint16_t>(pending_->objects.size()), id_, 0},
               numbers);
    link_.passed(*pending_);
  }
  if (!pending_->passes.empty())
    link_.workers().drop(std::move(pending_->passes));
  pending_.reset();
}

void Stream::read_end()
{
  out_ended_ = true;
  link_.send({FrameType::Shut, shut_write, 0, id_, 0});
  finish();
}

bool Stream::credit(std::uint32_t more)
{
  if (more > UINT32_MAX - credit_)
    return false;
  credit_ += more;
  link_.schedule(*this);
  return true;
}

// ---- from the link to the local end ----

bool Stream::data(const Header &header, Span data, Rights rights)
{
  const auto cost = static_cast<std::uint32_t>(data.size()) + frame_cost;

  // The rest of what was to be passed when this direction ended.
  if (data.empty() && header.rights && (peer_shut_write_ || in_ended_))
    return true;
  if (cost > allowance_ || peer_shut_write_)
    return false;
  allowance_ -= cost;
  used_ = Clock::now();
  if (in_ended_) { // it has been told, or will be
    consumed(cost);
    return true;
  }
  if (messages_)
    return take_piece(header, data, std::move(rights));
  if (data.empty())
    return false;
  deliver({}, data, std::move(rights), cost);
  return true;
}

// A message has to be whole before anybody can have it.  While nothing else waits
// here, its pieces don't count against the window, since a message may be larger:
// a stream keeps at most its window and one message.
bool Stream::take_piece(const Header &header, Span data, Rights rights)
{
  auto cost = static_cast<std::uint32_t>(data.size()) + frame_cost;

  if (!message_ && !(header.flags & data_more)) {
    deliver({}, data, std::move(rights), cost);
    return true;
  }
  if (!message_)
    message_.emplace();
  if (message_->data.size() + data.size() > max_message)
    return false;
  message_->data.insert(message_->data.end(), data.begin(), data.end());
  if (queue_.empty()) {
    consumed(cost + std::exchange(message_->cost, 0));
  } else {
    message_->cost += cost;
  }
  if (header.flags & data_more)
    return true;
  ArrivedChunk whole = std::move(*message_);
  message_.reset();
  const Span view = whole.data; // stays where it is when the vector moves
  deliver(std::move(whole.data), view, std::move(rights), whole.cost);
  return true;
}

// @view is @data's if there is any.
void Stream::deliver(Bytes data, Span view, Rights rights, std::uint32_t cost)
{
  std::size_t taken = 0;

  if (queue_.empty() && writable_ && local_ && came(rights)) {
    const Result<std::size_t> sent = write(view, rights);
    if (sent) {
      taken = *sent;
      rights.clear(); // they went with the first byte
      if (taken == view.size()) {
        consumed(cost);
        return;
      }
      writable_ = false;
    } else if (!again(sent.error())) {
      consumed(cost);
      return;
    }
  }
  if (data.empty() && !view.empty())
    data.assign(view.begin(), view.end());
  queue_.push_back({std::move(data), taken, std::move(rights), cost});
}

// An error that isn't for now ends this direction.
Result<std::size_t> Stream::write(Span data, const Rights &rights)
{
  std::vector<int> numbers;

  for (const auto &one : rights)
    if (one->fd)
      numbers.push_back(one->fd.get());
  Result<std::size_t> sent = local_->send(data, numbers);

  if (sent)
    return sent;
  if (again(sent.error())) {
    writable_ = false;
    if (local_->fd() < 0 || sent.error().value() == ENOBUFS)
      retry_ = link_.loop().after(retry_after, [this] {
        writable_ = true;
        flush();
      });
  } else if (sent.error().value() == ECONNREFUSED) { // whom datagrams go to has gone
    fail(ECONNREFUSED);
  } else if (messages_ && sent.error().value() != EPIPE && sent.error().value() != ECONNRESET &&
             sent.error().value() != ENOTCONN) {
    link_.note(
      fmt::format("a message of {} bytes is lost: {}", data.size(), sent.error().message()));
  } else {
    write_failed();
  }
  return sent;
}

void Stream::write_failed()
{
  if (in_ended_)
    return;
  in_ended_ = true;
  if (local_->way() != Way::Both)
    out_ended_ = true;
  for (const ArrivedChunk &chunk : queue_)
    consumed(chunk.cost);
  drop_queue();
  if (!peer_shut_write_)
    link_.send({FrameType::Shut, shut_read, 0, id_, 0});
  finish();
}

void Stream::flush()
{
  while (local_ && writable_ && !queue_.empty() && came(queue_.front().rights)) {
    ArrivedChunk &chunk = queue_.front();
    const Result<std::size_t> sent = write(Span(chunk.data).subspan(chunk.taken), chunk.rights);
    if (!sent && again(sent.error()))
      return;
    if (queue_.empty()) // the local end has gone
      return;
    if (sent) {
      chunk.taken += *sent;
      link_.close(std::exchange(chunk.rights, {}));
      if (chunk.taken < chunk.data.size()) {
        writable_ = false;
        return;
      }
    }
    const std::uint32_t cost = chunk.cost;
    link_.close(std::move(chunk.rights));
    queue_.pop_front();
    consumed(cost);
  }
  if (queue_.empty() && message_)
    consumed(std::exchange(message_->cost, 0));
  shut_local();
}

void Stream::drop_queue()
{
  for (ArrivedChunk &chunk : queue_)
    link_.close(std::move(chunk.rights));
  queue_.clear();
}

// What was taken may be sent again.  A stream that is read as fast as it comes
// gets a larger window.
void Stream::consumed(std::uint32_t cost)
{
  owed_ += cost;
  if (owed_ < window_ / 4 || in_ended_)
    return;
  std::uint32_t grant = std::exchange(owed_, 0);
  if (queue_.empty() && link_.windows_grow(window_)) {
    grant += window_;
    window_ *= 2;
  }
  allowance_ += grant;
  link_.send({FrameType::Credit, 0, 0, id_, 4}, encode_number(grant));
}

void Stream::shut_local()
{
  if (!local_ || !peer_shut_write_ || !queue_.empty() || told_local_)
    return;
  told_local_ = true;
  in_ended_ = true;
  if (!out_ended_)
    local_->shut(false, true);
  finish();
}

void Stream::shut(std::uint8_t flags)
{
  if (flags & shut_write)
    peer_shut_write_ = true;
  if ((flags & shut_read) && !out_ended_) {
    out_ended_ = true;
    drop_pending();
    if (local_ && local_->way() == Way::Both && !in_ended_)
      local_->shut(true, false); // who writes gets EPIPE
    if (on_idle_)
      on_idle_();
  }
  shut_local();
  finish();
}

void Stream::reset(int error)
{
  if (error)
    link_.note_debug(fmt::format("the peer ended a connection: {}", errno_code(error).message()));
  shut(shut_read | shut_write);
  if (!local_) {
    in_ended_ = true;
    finish();
  }
}

void Stream::fail(int error)
{
  if (finished_)
    return;
  link_.send({FrameType::Reset, 0, 0, id_, 4}, encode_number(static_cast<std::uint32_t>(error)));
  out_ended_ = in_ended_ = true;
  drop_pending();
  drop_queue();
  finish();
}

void Stream::finish()
{
  if (finished_ || !out_ended_ || !in_ended_)
    return;
  finished_ = true;
  if (on_idle_)
    on_idle_();
  link_.bury(*this);
}

} // namespace qtfs::uds
