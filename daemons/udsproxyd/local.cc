// SPDX-License-Identifier: GPL-2.0

#include "local.hh"

#include <algorithm>

namespace qtfs::uds {

namespace {

Result<std::size_t> send_message(int socket, Span data, const UnixExtras &extras)
{
  const iovec part = {const_cast<std::byte *>(data.data()), data.size()};

  return unix_send(socket, std::span(&part, 1), extras, MSG_DONTWAIT);
}

// How many bytes there are, up to the end of the first message with descriptors;
// @rights: there is one, be it behind them.
Result<std::size_t> peek(int socket, std::span<std::byte> room, bool &rights)
{
  iovec part = {room.data(), room.size()};
  msghdr message = {};

  message.msg_iov = &part;
  message.msg_iovlen = 1;
  for (;;) {
    const ssize_t n = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_PEEK);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return last_error();
    rights = message.msg_flags & MSG_CTRUNC;
    return static_cast<std::size_t>(n);
  }
}

// A stream of bytes some of which have descriptors.  The kernel returns plain bytes
// and a message with descriptors that follows them as one; passed on like that, a
// program that reads piece by piece would get the descriptors with the wrong piece.
// No call tells where that message begins, only that there is one and where it ends:
// so what comes before is read byte by byte, until the descriptors come.
class Pieces {
public:
  Result<Received> receive(int socket, std::span<std::byte> room)
  {
    if (next_)
      return give(room);
    bool rights = false;
    const Result<std::size_t> size = peek(socket, room, rights);
    if (!size)
      return size.error();
    room = room.first(std::max<std::size_t>(*size, 1)); // 0: the end
    if (!rights)
      return receive_some(socket, room);
    return separate(socket, room);
  }

private:
  // More than this before a message isn't separated from it byte by byte.
  static constexpr std::size_t separable = 4096;

  static Result<Received> receive_some(int socket, std::span<std::byte> room)
  {
    Result<UnixMessage> some = unix_receive(socket, room, MSG_DONTWAIT);
    if (!some)
      return some.error();
    return Received{some->size, std::move(some->rights), some->lost_rights, some->size == 0};
  }

  Result<Received> separate(int socket, std::span<std::byte> room)
  {
    for (std::size_t at = 0; at < room.size();) {
      const std::size_t left = room.size() - at;
      const std::size_t size = at > 0 && left > separable ? left - separable : 1;
      Result<Received> some = receive_some(socket, room.subspan(at, size));
      if (!some || some->end)
        return at ? Received{at, {}, false, false} : std::move(some);
      if (some->rights.empty() && !some->lost_rights) {
        at += some->size;
        continue;
      }
      // The message begins here, and has the rest.
      std::size_t got = at + some->size;
      while (got < room.size()) {
        const Result<Received> rest = receive_some(socket, room.subspan(got));
        if (!rest || rest->end)
          break;
        got += rest->size;
      }
      some->size = got - at;
      if (at == 0)
        return some;
      next_.emplace(Next{Bytes(room.begin() + static_cast<std::ptrdiff_t>(at),
                               room.begin() + static_cast<std::ptrdiff_t>(got)),
                         std::move(*some)});
      return Received{at, {}, false, false};
    }
    return Received{room.size(), {}, false, false};
  }

  Result<Received> give(std::span<std::byte> room)
  {
    Received received = std::exchange(next_->received, {});
    received.size = std::min(room.size(), next_->data.size());
    std::copy_n(next_->data.begin(), received.size, room.begin());
    next_->data.erase(next_->data.begin(),
                      next_->data.begin() + static_cast<std::ptrdiff_t>(received.size));
    if (next_->data.empty())
      next_.reset();
    return received;
  }

  struct Next {
    Bytes data;
    Received received;
  };
  std::optional<Next> next_; // what comes before anything else
};

class Socket : public Local {
public:
  Socket(Fd fd, SocketType type, const std::optional<ucred> &caller)
      : fd_(std::move(fd)), type_(type), caller_(caller)
  {
    int domain = 0;
    socklen_t size = sizeof(domain);
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    local_ = domain == AF_UNIX;
    may_pass_ = local_ && type == SocketType::Stream;
    // An empty packet has a sender, the end of all packets has none.
    const int on = 1;
    if (type == SocketType::Seqpacket)
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
  }

  Result<Received> receive(std::span<std::byte> room) override
  {
    if (may_pass_)
      return pieces_.receive(fd_.get(), room);
    Result<UnixMessage> message = unix_receive(fd_.get(), room, MSG_DONTWAIT);
    if (!message)
      return message.error();

    Received received;
    received.size = message->size;
    received.rights = std::move(message->rights);
    received.lost_rights = message->lost_rights;
    received.end = message->size == 0 && type_ != SocketType::Datagram &&
                   !(type_ == SocketType::Seqpacket && message->sender);
    return received;
  }

  Result<std::size_t> send(Span data, std::span<const int> rights) override
  {
    Result<std::size_t> sent = send_message(fd_.get(), data, {rights, caller_});

    // Who may not speak for others speaks for himself; nor do all families know that.
    if (!sent && caller_ && (sent.error().value() == EPERM || sent.error().value() == EINVAL)) {
      caller_.reset();
      sent = send_message(fd_.get(), data, {rights, caller_});
    }
    return sent;
  }

  void shut(bool reading, bool writing) override
  {
    if (reading || writing)
      ::shutdown(fd_.get(), reading && writing ? SHUT_RDWR : reading ? SHUT_RD : SHUT_WR);
  }

  int fd() const override { return fd_.get(); }
  bool messages() const override { return type_ != SocketType::Stream; }
  bool ends_slowly() const override { return !local_; } // SO_LINGER

private:
  Fd fd_;
  SocketType type_;
  std::optional<ucred> caller_;
  bool local_ = false;
  bool may_pass_ = false; // descriptors, in a stream
  Pieces pieces_;
};

class Pipe : public Local {
public:
  Pipe(Fd fd, bool reads) : fd_(std::move(fd)), reads_(reads) {}

  Result<Received> receive(std::span<std::byte> room) override
  {
    const ssize_t n = ::read(fd_.get(), room.data(), room.size());
    if (n < 0)
      return last_error();
    Received received;
    received.size = static_cast<std::size_t>(n);
    received.end = n == 0;
    return received;
  }

  Result<std::size_t> send(Span data, std::span<const int>) override
  {
    const ssize_t n = ::write(fd_.get(), data.data(), data.size());
    if (n < 0)
      return last_error();
    return static_cast<std::size_t>(n);
  }

  void shut(bool, bool) override { fd_.reset(); }
  int fd() const override { return fd_.get(); }
  Way way() const override { return reads_ ? Way::FromLocal : Way::ToLocal; }

private:
  Fd fd_;
  bool reads_;
};

class File : public Local {
public:
  File(Fd fd, std::uint64_t size, bool reads) : fd_(std::move(fd)), left_(size), reads_(reads) {}

  Result<Received> receive(std::span<std::byte> room) override
  {
    const ssize_t n =
      ::pread(fd_.get(), room.data(), std::min<std::uint64_t>(room.size(), left_), at_);
    if (n < 0)
      return last_error();
    move_on(n);
    Received received;
    received.size = static_cast<std::size_t>(n);
    received.end = n == 0;
    return received;
  }

  // What is more than was announced is an error of the peer's.
  Result<std::size_t> send(Span data, std::span<const int>) override
  {
    if (data.size() > left_)
      return errno_code(EFBIG);
    const ssize_t n = ::pwrite(fd_.get(), data.data(), data.size(), at_);
    if (n < 0)
      return last_error();
    move_on(n);
    return static_cast<std::size_t>(n);
  }

  void shut(bool, bool) override {}
  int fd() const override { return -1; }
  Way way() const override { return reads_ ? Way::FromLocal : Way::ToLocal; }

private:
  void move_on(ssize_t n)
  {
    at_ += n;
    left_ -= static_cast<std::uint64_t>(n);
  }

  Fd fd_;
  off_t at_ = 0;
  std::uint64_t left_;
  bool reads_;
};

class Reply : public Local {
public:
  Reply(int socket, const sockaddr_un &address, socklen_t length)
      : socket_(socket), address_(address), length_(length)
  {
  }

  // What the other sends comes to the socket, from which its owner takes it.
  Result<Received> receive(std::span<std::byte>) override { return errno_code(EAGAIN); }

  Result<std::size_t> send(Span data, std::span<const int> rights) override
  {
    if (length_ <= sizeof(sa_family_t)) // from a socket without a name: nobody can answer
      return data.size();
    return send_message(
      socket_, data,
      {.rights = rights, .address = std::as_bytes(std::span(&address_, 1)).first(length_)});
  }

  void shut(bool, bool) override {}
  int fd() const override { return -1; }
  bool messages() const override { return true; }

private:
  int socket_;
  sockaddr_un address_;
  socklen_t length_;
};

class Held final : public Local {
public:
  explicit Held(Fd fd) : fd_(std::move(fd)) {}

  Result<Received> receive(std::span<std::byte>) override { return errno_code(EAGAIN); }
  Result<std::size_t> send(Span, std::span<const int>) override { return errno_code(EPIPE); }
  void shut(bool, bool) override {}
  int fd() const override { return -1; }
  Way way() const override { return Way::FromLocal; }
  bool ends_slowly() const override { return true; }

private:
  Fd fd_;
};

} // namespace

std::unique_ptr<Local> local_socket(Fd fd, SocketType type, const std::optional<ucred> &caller)
{
  return std::make_unique<Socket>(std::move(fd), type, caller);
}

std::unique_ptr<Local> local_pipe(Fd fd, bool reads)
{
  return std::make_unique<Pipe>(std::move(fd), reads);
}

std::unique_ptr<Local> local_file(Fd fd, std::uint64_t size, bool reads)
{
  return std::make_unique<File>(std::move(fd), size, reads);
}

std::unique_ptr<Local> local_held(Fd fd)
{
  return std::make_unique<Held>(std::move(fd));
}

std::unique_ptr<Local> local_reply(int socket, const sockaddr_un &address, socklen_t length)
{
  return std::make_unique<Reply>(socket, address, length);
}

} // namespace qtfs::uds
