// SPDX-License-Identifier: GPL-2.0
//
// Streams over a link: two ends in one process, each with its own loop's view.

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "streams.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

struct Pipe {
  Fd reader, writer;

  Pipe()
  {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
};

std::size_t fill(int fd)
{
  const std::array<char, 4096> chunk = {};
  std::size_t sum = 0;

  for (ssize_t n; (n = ::write(fd, chunk.data(), chunk.size())) > 0;)
    sum += static_cast<std::size_t>(n);
  return sum;
}

std::size_t drain(int fd)
{
  std::array<char, 65536> chunk;
  std::size_t sum = 0;

  for (ssize_t n; (n = ::read(fd, chunk.data(), chunk.size())) > 0;)
    sum += static_cast<std::size_t>(n);
  return sum;
}

// Whether there is an end of file behind what there is.
bool drained_to_the_end(int fd)
{
  std::array<char, 4096> chunk;
  ssize_t n = 0;

  while ((n = ::read(fd, chunk.data(), chunk.size())) > 0)
    continue;
  return n == 0;
}

bool at_end(int fd)
{
  char c = 0;

  return ::read(fd, &c, 1) == 0;
}

// One side of a connection.
struct End {
  End(Loop &loop, Fd socket)
      : link(loop, std::move(socket),
             {.frame =
                [this](Frame &frame) {
                  const std::string said = streams.handle(frame);
                  if (wrong.empty())
                    wrong = said;
                },
              .drained = [this] { streams.update(); },
              .closed = [this](const std::string &) { closed = true; }}),
        streams(loop, link, [] {})
  {
  }

  Link link;
  Streams streams;
  std::string wrong;
  bool closed = false;
};

class StreamsTest : public testing::Test {
protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

  StreamsTest()
  {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    a = std::make_unique<End>(loop, Fd(ends[0]));
    b = std::make_unique<End>(loop, Fd(ends[1]));
  }

  // Until @done, or for so long that it never will be.
  bool run_until(const std::function<bool()> &done, int limit_ms = 5000)
  {
    const auto end = Clock::now() + std::chrono::milliseconds(limit_ms);
    bool is_done = false;
    Loop::Timer timer;
    const std::function<void()> poll = [&] {
      is_done = done();
      if (is_done || Clock::now() > end)
        loop.stop();
      else
        timer = loop.after(std::chrono::milliseconds(1), poll);
    };

    timer = loop.after(std::chrono::milliseconds(0), poll);
    loop.run();
    return is_done;
  }

  // Nothing more can happen: nothing is left to do but the timer.
  void run_idle()
  {
    run_until([] { return false; }, 50);
  }

  Loop loop;
  std::unique_ptr<End> a, b;
};

} // namespace

TEST_F(StreamsTest, CarryBytesAndTheirEnd)
{
  Pipe in;
  Pipe out;

  a->streams.add_source(3, std::move(in.reader), Medium::Own);
  b->streams.add_sink(3, std::move(out.writer), Medium::Own);
  ASSERT_EQ(::write(in.writer.get(), "hello", 5), 5);
  std::string got(5, '\0');
  ASSERT_TRUE(run_until([&] { return ::read(out.reader.get(), got.data(), 5) == 5; }));
  EXPECT_EQ(got, "hello");
  EXPECT_FALSE(b->streams.sinks_ended());
  in.writer.reset();
  EXPECT_TRUE(run_until([&] { return b->streams.sinks_ended(); }));
  EXPECT_TRUE(a->streams.sources_ended());
  EXPECT_TRUE(at_end(out.reader.get()));
}

TEST_F(StreamsTest, AStuckReaderHoldsUpNothingElse)
{
  Pipe stuck_in;
  Pipe stuck_out;
  Pipe in;
  Pipe out;

  a->streams.add_source(0, std::move(stuck_in.reader), Medium::Own);
  b->streams.add_sink(0, std::move(stuck_out.writer), Medium::Own);
  a->streams.add_source(1, std::move(in.reader), Medium::Own);
  b->streams.add_sink(1, std::move(out.writer), Medium::Own);

  std::size_t sent = 0;
  for (int i = 0; i < 50; i++) {
    sent += fill(stuck_in.writer.get());
    run_until([] { return false; }, 5);
  }
  // In the pipes on both sides, and in the window between them, which is bounded.
  const std::size_t pipe = 65536;
  EXPECT_GE(sent, window);
  EXPECT_LE(sent, window + 2 * pipe);

  std::size_t passed = 0;
  for (int i = 0; i < 20; i++) {
    const std::size_t more = fill(in.writer.get());
    std::size_t got = 0;
    ASSERT_TRUE(run_until([&] { return (got += drain(out.reader.get())) == more; }));
    passed += got;
  }
  EXPECT_GT(passed, 2 * window);

  // And goes on when it is read.
  std::size_t got = 0;
  EXPECT_TRUE(run_until([&] { return (got += drain(stuck_out.reader.get())) == sent; }));
  EXPECT_EQ(a->wrong + b->wrong, "");
}

TEST_F(StreamsTest, AReaderWhoGoesIsGoneThere)
{
  Pipe in;
  Pipe out;

  a->streams.add_source(0, std::move(in.reader), Medium::Own);
  b->streams.add_sink(0, std::move(out.writer), Medium::Own);
  out.reader.reset();
  ASSERT_TRUE(run_until([&] { return a->streams.sources_ended(); }));
  EXPECT_LT(::write(in.writer.get(), "x", 1), 0);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(StreamsTest, ASocketEndsInEachDirectionByItself)
{
  std::array<int, 2> left = {-1, -1};
  std::array<int, 2> right = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, left.data()), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, right.data()), 0);
  const Fd here(left[0]);
  const Fd there(right[0]);

  a->streams.add_source(0, Fd(::fcntl(left[1], F_DUPFD_CLOEXEC, 0)), Medium::Socket);
  a->streams.add_sink(0, Fd(left[1]), Medium::Socket);
  b->streams.add_source(0, Fd(::fcntl(right[1], F_DUPFD_CLOEXEC, 0)), Medium::Socket);
  b->streams.add_sink(0, Fd(right[1]), Medium::Socket);

  ASSERT_EQ(::shutdown(here.get(), SHUT_WR), 0);
  char c = 0;
  ASSERT_TRUE(run_until([&] { return ::recv(there.get(), &c, 1, MSG_DONTWAIT) == 0; }));
  ASSERT_EQ(::send(there.get(), "y", 1, 0), 1);
  ASSERT_TRUE(run_until([&] { return ::recv(here.get(), &c, 1, MSG_DONTWAIT) == 1; }));
  EXPECT_EQ(c, 'y');
}

TEST_F(StreamsTest, WhatWasWrittenSettles)
{
  Pipe in;
  Pipe out;

  a->streams.add_source(0, std::move(in.reader), Medium::Own);
  b->streams.add_sink(0, std::move(out.writer), Medium::Own);
  // More than the window lets through before somebody reads.
  ASSERT_GT(::fcntl(in.writer.get(), F_SETPIPE_SZ, 1 << 20), 0);
  const std::size_t sent = fill(in.writer.get());
  a->streams.settle();
  run_idle();
  EXPECT_FALSE(a->streams.sources_settled());
  std::size_t got = 0;
  EXPECT_TRUE(run_until([&] {
    got += drain(out.reader.get());
    return a->streams.sources_settled();
  }));
  EXPECT_TRUE(run_until([&] { return (got += drain(out.reader.get())) == sent; }));
  EXPECT_FALSE(a->streams.sources_ended()); // the writer is still there
}

// What a message makes it read doesn't get in the way of the messages behind.
TEST_F(StreamsTest, WhatSettlesGoesOnWithinAMessage)
{
  Pipe in;

  ASSERT_GT(::fcntl(in.writer.get(), F_SETPIPE_SZ, 1 << 20), 0);
  ASSERT_GT(fill(in.writer.get()), 2 * window);
  b->streams.add_source(0, std::move(in.reader), Medium::Own);
  run_idle();
  b->streams.settle();
  for (std::uint32_t granted = 0; granted < window; granted += 1024)
    a->link.send(Type::Credit, 0, encode_number(1024));
  run_idle();
  EXPECT_EQ(b->wrong, "");
  EXPECT_FALSE(b->closed);
}

TEST_F(StreamsTest, SettlingTakesTheEndAlong)
{
  Pipe in;

  a->streams.add_source(0, std::move(in.reader), Medium::Own);
  in.writer.reset();
  a->streams.settle();
  EXPECT_TRUE(a->streams.sources_ended());
}

// Nor does the end of input get lost where a terminal takes nothing just now.
TEST_F(StreamsTest, TheEndReachesATerminalThatIsFull)
{
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(master);
  ASSERT_EQ(::grantpt(master.get()) + ::unlockpt(master.get()), 0);
  const Fd terminal(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  termios modes = {};
  ASSERT_EQ(::tcgetattr(terminal.get(), &modes), 0);
  modes.c_lflag &= ~tcflag_t{ECHO};
  ASSERT_EQ(::tcsetattr(terminal.get(), TCSANOW, &modes), 0);

  b->streams.add_sink(0, Fd(::fcntl(master.get(), F_DUPFD_CLOEXEC, 0)), Medium::Master);
  while (::write(master.get(), "\n", 1) > 0)
    continue;
  EXPECT_EQ(errno, EAGAIN);
  a->link.send(Type::Eof, 0);
  run_idle();
  EXPECT_TRUE(run_until([&] { return drained_to_the_end(terminal.get()); }));
  EXPECT_TRUE(b->streams.sinks_ended());
}

// ---- who doesn't keep to the rules ----

TEST_F(StreamsTest, MoreThanTheWindowIsRefused)
{
  Pipe out;
  const std::string chunk(data_max, 'x');

  b->streams.add_sink(0, std::move(out.writer), Medium::Own);
  for (std::size_t i = 0; i < window / data_max; i++)
    a->link.send(Type::Data, 0, chunk);
  run_idle();
  EXPECT_EQ(b->wrong, "");
  // The pipe took one window's part of it, and granted it again at the most.
  for (std::size_t i = 0; i < window / data_max; i++)
    a->link.send(Type::Data, 0, chunk);
  EXPECT_TRUE(run_until([&] { return !b->wrong.empty(); }));
}

TEST_F(StreamsTest, CreditThatCantBeIsRefused)
{
  Pipe in;

  b->streams.add_source(0, std::move(in.reader), Medium::Own);
  a->link.send(Type::Credit, 0, encode_number(1));
  EXPECT_TRUE(run_until([&] { return !b->wrong.empty(); }));
}

TEST_F(StreamsTest, AStreamThatIsntThereIsRefused)
{
  for (const Type type : {Type::Data, Type::Eof, Type::Reset, Type::Credit}) {
    b->wrong.clear();
    a->link.send(type, 7,
                 type == Type::Data || type == Type::Credit ? encode_number(1) : std::string());
    EXPECT_TRUE(run_until([&] { return !b->wrong.empty(); })) << static_cast<int>(type);
  }
}

TEST_F(StreamsTest, WhatIsNoFrameEndsTheLink)
{
  ASSERT_GT(::send(a->link.fd(), "GET / HTTP/1.1\r\n\r\n", 18, 0), 0);
  EXPECT_TRUE(run_until([&] { return b->closed; }));
}

TEST_F(StreamsTest, DescriptorsThatNobodyAskedForEndTheLink)
{
  const Pipe pipe;
  std::array<char, header_size + 4> bytes;
  put_header(bytes.data(), {4, Type::Credit, 0, 0});
  const std::array rights = {pipe.reader.get()};

  ASSERT_TRUE(unix_send(a->link.fd(), {bytes.data(), bytes.size()}, {.rights = rights}));
  EXPECT_TRUE(run_until([&] { return b->closed; }));
}

} // namespace qtfs::rexec
