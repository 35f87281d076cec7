// SPDX-License-Identifier: GPL-2.0
//
// TERMINAL, and OPEN of terminals.

#include <array>
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>

#include "engine_fixture.hh"
#include "fd.hh"
#include "result.hh"
#include "wire.h"

namespace qtfs::test {

namespace {

class Terminal : public EngineTest {
protected:
  void SetUp() override
  {
    int master = -1, slave = -1;
    std::array<char, 64> name = {};

    EngineTest::SetUp();
    ASSERT_EQ(::openpty(&master, &slave, name.data(), nullptr, nullptr), 0);
    master_ = Fd(master);
    slave_ = Fd(slave);
    name_ = name.data();
    use_whitelist(everything("/dev/pts"));
  }

  static qtfs_terminal body(std::uint32_t what, std::uint32_t arg = 0)
  {
    qtfs_terminal terminal = {};

    terminal.what = le(what);
    terminal.arg = le(arg);
    return terminal;
  }

  int ask(const qtfs_terminal &terminal, int fd = -1)
  {
    slot_.request(QTFS_OP_TERMINAL)
      .open_fd(::fcntl(fd < 0 ? slave_.get() : fd, F_DUPFD_CLOEXEC, 0), name_)
      .body(terminal);
    return run(slot_);
  }

  const qtfs_terminal &reply() { return slot_.reply<qtfs_terminal>(); }

  FakeSlot slot_;
  Fd master_, slave_;
  std::string name_;
};

} // namespace

TEST_F(Terminal, HasModes)
{
  termios modes = {};

  ASSERT_EQ(ask(body(QTFS_TERMINAL_GET)), 0);
  ASSERT_EQ(::tcgetattr(slave_.get(), &modes), 0);
  EXPECT_EQ(le(reply().lflag), modes.c_lflag);
  EXPECT_EQ(reply().cc[VEOF], modes.c_cc[VEOF]);

  qtfs_terminal wanted = reply();
  wanted.what = le(std::uint32_t{QTFS_TERMINAL_SET});
  wanted.lflag = le(le(wanted.lflag) & ~std::uint32_t{ECHO});
  wanted.cc[VEOF] = 7;
  ASSERT_EQ(ask(wanted), 0);
  ASSERT_EQ(::tcgetattr(slave_.get(), &modes), 0);
  EXPECT_FALSE(modes.c_lflag & ECHO);
  EXPECT_EQ(modes.c_cc[VEOF], 7);
}

TEST_F(Terminal, HasASize)
{
  qtfs_terminal wanted = body(QTFS_TERMINAL_SET_SIZE);

  wanted.rows = le(std::uint16_t{17});
  wanted.columns = le(std::uint16_t{71});
  ASSERT_EQ(ask(wanted), 0);
  ASSERT_EQ(ask(body(QTFS_TERMINAL_GET_SIZE)), 0);
  EXPECT_EQ(le(reply().rows), 17);
  EXPECT_EQ(le(reply().columns), 71);
}

TEST_F(Terminal, DropsWhatIsQueuedOnce)
{
  ASSERT_EQ(::write(master_.get(), "line\n", 5), 5);
  ASSERT_EQ(ask(body(QTFS_TERMINAL_QUEUED)), 0);
  EXPECT_EQ(le(reply().arg), 5u);
  ASSERT_EQ(ask(body(QTFS_TERMINAL_FLUSH)), 0);
  ASSERT_EQ(ask(body(QTFS_TERMINAL_QUEUED)), 0);
  EXPECT_EQ(le(reply().arg), 0u);

  slot_.request(QTFS_OP_TERMINAL)
    .open_fd(::fcntl(slave_.get(), F_DUPFD_CLOEXEC, 0), name_)
    .body(body(QTFS_TERMINAL_FLUSH));
  slot_.resent();
  EXPECT_EQ(run(slot_), EIO);
}

TEST_F(Terminal, IsJudged)
{
  use_whitelist(everything_but("Ioctl", "/dev/pts"));
  EXPECT_EQ(ask(body(QTFS_TERMINAL_GET)), EACCES);
}

TEST_F(Terminal, IsATerminal)
{
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));

  EXPECT_EQ(ask(body(QTFS_TERMINAL_GET), null.get()), ENOTTY);
}

TEST_F(Terminal, IsOpenedAsNoOtherDeviceIs)
{
  const qtfs_open both = {le(std::uint32_t{O_RDWR}), 0};

  slot_.request(QTFS_OP_OPEN).node(name_).body(both);
  ASSERT_EQ(run(slot_), 0);
  slot_.close_reply();
  use_whitelist(everything("/dev"));
  slot_.request(QTFS_OP_OPEN).node("/dev/null").body(both);
  EXPECT_EQ(run(slot_), ENXIO);
  use_whitelist(everything_but("Write", "/dev/pts"));
  slot_.request(QTFS_OP_OPEN).node(name_).body(both);
  EXPECT_EQ(run(slot_), EACCES);
}

} // namespace qtfs::test
