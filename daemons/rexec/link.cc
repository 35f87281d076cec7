// SPDX-License-Identifier: GPL-2.0

#include "link.hh"

#include <algorithm>
#include <array>
#include <cstring>
#include <sys/uio.h>

#include "result.hh"

namespace qtfs::rexec {

namespace {

constexpr std::size_t rights_max = 253; // SCM_MAX_FD
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
    std::array<iovec, 2> parts = {{{const_cast<char *>(header.data()), header.size()},
                                   {const_cast<char *>(body.data()), body.size()}}};
    msghdr message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t n = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    // A connection that is broken says so to whoever reads it next.
    done = n > 0 ? static_cast<std::size_t>(n) : 0;
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

  alignas(cmsghdr)
    std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(rights_max * sizeof(int))>
      control = {};
  iovec part = {bytes.data(), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  // The kernel fills this in for the peer in any case; a proxy may need to see it.
  const ucred self = {::getpid(), ::geteuid(), ::getegid()};
  cmsghdr *at = CMSG_FIRSTHDR(&message);
  at->cmsg_level = SOL_SOCKET;
  at->cmsg_type = SCM_CREDENTIALS;
  at->cmsg_len = CMSG_LEN(sizeof(self));
  std::memcpy(CMSG_DATA(at), &self, sizeof(self));
  std::size_t used = CMSG_SPACE(sizeof(self));
  if (!descriptors.empty()) {
    at = CMSG_NXTHDR(&message, at);
    at->cmsg_level = SOL_SOCKET;
    at->cmsg_type = SCM_RIGHTS;
    at->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(at), descriptors.data(), descriptors.size() * sizeof(int));
    used += CMSG_SPACE(descriptors.size() * sizeof(int));
  }
  message.msg_controllen = used;

  const ssize_t n = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n <= 0) {
    fail("it takes no request: " + last_error().message());
    return;
  }
  unsent_.append(bytes, static_cast<std::size_t>(n));
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

void Link::take_ancillary(const msghdr &message)
{
  auto *all = const_cast<msghdr *>(&message);

  for (cmsghdr *at = CMSG_FIRSTHDR(all); at; at = CMSG_NXTHDR(all, at)) {
    if (at->cmsg_level != SOL_SOCKET)
      continue;
    if (at->cmsg_type == SCM_CREDENTIALS && !sender_) {
      ucred sender;
      std::memcpy(&sender, CMSG_DATA(at), sizeof(sender));
      sender_ = sender;
    }
    for (std::size_t i = 0;
         at->cmsg_type == SCM_RIGHTS && CMSG_LEN((i + 1) * sizeof(int)) <= at->cmsg_len; i++) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(fd));
      descriptors_.emplace_back(fd);
    }
  }
}

void Link::receive()
{
  alignas(cmsghdr)
    std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(rights_max * sizeof(int))>
      control;
  std::array<char, receive_at_once> room;
  iovec part = {room.data(), room.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  const ssize_t n = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && transient(errno))
    return;
  if (n > 0)
    take_ancillary(message);
  if (n <= 0) {
    fail(n < 0 ? last_error().message() : "it was closed by the other side");
    return;
  }

  const std::string_view bytes(room.data(), static_cast<std::size_t>(n));
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
  if (is_open() && descriptors_.size() > (received_.empty() ? 0 : rights_max))
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
