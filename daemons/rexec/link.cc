// SPDX-License-Identifier: GPL-2.0

#include "link.hh"

#include <algorithm>
#include <array>

#include "result.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

constexpr std::size_t receive_at_once = 256 << 10;

std::array<char, header_size> header_of(Type type, std::uint16_t stream, std::size_t length,
                                        std::size_t descriptors = 0)
{
  std::array<char, header_size> bytes;

  put_header(bytes.data(), {static_cast<std::uint32_t>(length), type,
                            static_cast<std::uint8_t>(descriptors), stream});
  return bytes;
}

bool transient(int error)
{
  return error == EAGAIN || error == EINTR;
}

} // namespace

Link::Link(Loop &loop, Fd socket, Events events)
    : socket_(std::move(socket)), events_(std::move(events)),
      watch_(loop.watch(socket_.get(), EPOLLIN,
                        [this](std::uint32_t ready_events) { ready(ready_events); }))
{
}

void Link::close()
{
  watch_.reset();
  socket_.reset();
  descriptors_.clear();
}

void Link::fail(const std::string &why)
{
  if (!is_open())
    return;
  close();
  events_.closed(why);
}

void Link::send(Type type, std::uint16_t stream, std::string_view body)
{
  if (!is_open())
    return;
  const auto header = header_of(type, stream, body.size());
  std::size_t done = 0;

  if (unsent_.empty()) {
    const std::array<iovec, 2> parts = {{{const_cast<char *>(header.data()), header.size()},
                                         {const_cast<char *>(body.data()), body.size()}}};
    const Result<std::size_t> sent = unix_send(socket_.get(), parts, {}, MSG_DONTWAIT);
    // A connection that is broken says so to whoever reads it next.
    done = sent ? *sent : 0;
    if (done == header.size() + body.size())
      return;
  }
  if (done < header.size())
    unsent_.append(header.data() + done, header.size() - done);
  unsent_.append(body.substr(done > header.size() ? done - header.size() : 0));
  watch_.want(EPOLLIN | EPOLLOUT);
}

void Link::send_request(std::string_view body, const std::vector<int> &descriptors)
{
  const auto header = header_of(Type::Exec, 0, body.size(), descriptors.size());
  std::string bytes(header.data(), header.size());
  bytes += body;

  // The kernel says for the peer in any case who sends; a proxy may need to see it.
  const Result<std::size_t> sent = unix_send(
    socket_.get(), bytes,
    {.rights = descriptors, .sender = ucred{::getpid(), ::geteuid(), ::getegid()}}, MSG_DONTWAIT);
  if (!sent) {
    fail("it takes no request: " + sent.error().message());
    return;
  }
  unsent_.append(bytes, *sent);
  if (!unsent_.empty())
    watch_.want(EPOLLIN | EPOLLOUT);
}

void Link::ready(std::uint32_t events)
{
  if (events & EPOLLOUT)
    flush();
  if (is_open() && (events & ~std::uint32_t{EPOLLOUT}))
    receive();
}

void Link::flush()
{
  const ssize_t n = ::send(socket_.get(), unsent_.data() + sent_, unsent_.size() - sent_,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (!transient(errno))
      fail(last_error().message());
    return;
  }

  const bool was_congested = congested();
  sent_ += static_cast<std::size_t>(n);
  if (sent_ == unsent_.size()) {
    std::string().swap(unsent_);
    sent_ = 0;
    watch_.want(EPOLLIN);
  } else if (sent_ > congestion) {
    unsent_.erase(0, sent_);
    sent_ = 0;
  }
  if (was_congested && !congested())
    events_.drained();
}

void Link::receive()
{
  std::array<char, receive_at_once> room;
  Result<UnixMessage> message = unix_receive(socket_.get(), std::span(room), MSG_DONTWAIT);

  if (!message && message.error().value() == EAGAIN)
    return;
  if (!message || !message->size) {
    fail(message ? "it was closed by the other side" : message.error().message());
    return;
  }
  std::ranges::move(message->rights, std::back_inserter(descriptors_));
  if (!sender_)
    sender_ = message->sender;

  const std::string_view bytes(room.data(), message->size);
  if (received_.empty()) {
    received_.assign(bytes.substr(parse(bytes)));
  } else {
    received_.append(bytes);
    // Not the handler's concern where its bytes are: they stay until it returns.
    std::string all = std::move(received_);
    const std::size_t used = parse(all);
    all.erase(0, used);
    received_ = std::move(all);
  }
  if (is_open() && descriptors_.size() > (received_.empty() ? 0 : most_unix_rights))
    fail("descriptors came that nobody asked for");
}

// How many bytes are used up.
std::size_t Link::parse(std::string_view bytes)
{
  std::size_t used = 0;

  while (is_open()) {
    const std::string_view rest = bytes.substr(used);
    if (rest.size() < header_size)
      break;
    const std::optional<Header> header = get_header(rest);
    if (!header) {
      fail("what came is no frame of rexec");
      break;
    }
    if (rest.size() - header_size < header->length)
      break;

    Frame frame;
    frame.header = *header;
    frame.body = rest.substr(header_size, header->length);
    const std::size_t n = std::min<std::size_t>(header->descriptors, descriptors_.size());
    const auto end = descriptors_.begin() + static_cast<std::ptrdiff_t>(n);
    std::move(descriptors_.begin(), end, std::back_inserter(frame.descriptors));
    descriptors_.erase(descriptors_.begin(), end);
    used += header_size + header->length;
    events_.frame(frame);
  }
  return used;
}

} // namespace qtfs::rexec
