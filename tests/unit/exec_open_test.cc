// SPDX-License-Identifier: GPL-2.0

#include <atomic>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

constexpr std::uint32_t rdonly = 0;
constexpr std::uint32_t wronly = 1;
constexpr std::uint32_t rdwr = 2;

class OpenTest : public EngineTest {
protected:
  int open(const std::string &path, std::uint32_t flags)
  {
    slot_.request(QTFS_OP_OPEN).node(path).body(qtfs_open{le(flags), 0});
    return run(slot_);
  }

  FakeSlot &create(const char *name, std::uint32_t flags, std::uint32_t mode = 0644)
  {
    return slot_.request(QTFS_OP_CREATE)
      .node(yes())
      .name(name)
      .body(qtfs_open{le(flags), le(mode)});
  }

  bool created() { return slot_.raw().reply_flags & QTFS_OPENED_CREATED; }
  int flags_of_reply() { return ::fcntl(slot_.reply_fd(), F_GETFL); }
};

using Open = OpenTest;
using Create = OpenTest;

} // namespace

TEST_F(Open, OpensWithTheFlagsOfTheCaller)
{
  write_file(yes("file"), "text");
  ASSERT_EQ(open(yes("file"), rdonly), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("file"));
  EXPECT_EQ(flags_of_reply() & (O_ACCMODE | O_PATH | O_APPEND | O_SYNC), O_RDONLY);
  EXPECT_FALSE(created());

  ASSERT_EQ(open(yes("file"), rdwr | QTFS_O_APPEND | QTFS_O_NOATIME), 0);
  EXPECT_EQ(flags_of_reply() & (O_ACCMODE | O_APPEND | O_NOATIME), O_RDWR | O_APPEND | O_NOATIME);

  ASSERT_EQ(open(yes("file"), wronly | QTFS_O_DSYNC), 0);
  EXPECT_EQ(flags_of_reply() & (O_ACCMODE | O_SYNC), O_WRONLY | O_DSYNC);
  ASSERT_EQ(open(yes("file"), wronly | QTFS_O_SYNC), 0);
  EXPECT_EQ(flags_of_reply() & (O_ACCMODE | O_SYNC), O_WRONLY | O_SYNC);
  EXPECT_EQ(read_file(yes("file")), "text");
}

TEST_F(Open, TruncatesAndNeverCreates)
{
  write_file(yes("file"), "text");
  ASSERT_EQ(open(yes("file"), wronly | QTFS_O_TRUNC), 0);
  EXPECT_EQ(read_file(yes("file")), "");

  // The flags of creation mean nothing here: the node exists.
  EXPECT_EQ(open(yes("file"), wronly | QTFS_O_CREAT | QTFS_O_EXCL), 0);
  EXPECT_EQ(open(yes("file"), wronly | 010000000), EINVAL); // O_PATH
}

// The file of a node, whatever its name leads to now.
TEST_F(Open, OpensTheNodeNotItsName)
{
  write_file(yes("file"), "mine");
  write_file(no("secret"), "secret");
  slot_.request(QTFS_OP_OPEN).node(yes("file"));
  ::unlink(yes("file").c_str());
  EXPECT_EQ(::symlink(no("secret").c_str(), yes("file").c_str()), 0);
  ASSERT_EQ(run(slot_), 0);

  char text[8] = {};
  EXPECT_EQ(::read(slot_.reply_fd(), text, sizeof(text)), 4);
  EXPECT_STREQ(text, "mine");
}

TEST_F(Open, NeverFollowsALink)
{
  write_file(yes("file"), "");
  EXPECT_EQ(::symlink("file", yes("link").c_str()), 0);
  EXPECT_EQ(open(yes("link"), rdonly), ELOOP);
}

TEST_F(Open, OpensDirectoriesToReadThem)
{
  ::mkdir(yes("dir").c_str(), 0777);
  write_file(yes("file"), "");
  EXPECT_EQ(open(yes("dir"), rdonly), 0);
  EXPECT_EQ(open(yes("dir"), rdonly | QTFS_O_DIRECTORY), 0);
  EXPECT_EQ(open(yes("dir"), rdwr), EISDIR);
  EXPECT_EQ(open(yes("file"), rdonly | QTFS_O_DIRECTORY), ENOTDIR);
}

// None of them may be waited for, and a device's open has effects of its own.
TEST_F(Open, RefusesWhatIsNeitherFileNorDirectory)
{
  ASSERT_EQ(::mkfifo(yes("fifo").c_str(), 0666), 0);
  ASSERT_EQ(::mknod(yes("null").c_str(), S_IFCHR | 0666, 1 << 8 | 3), 0);
  ASSERT_EQ(::mknod(yes("block").c_str(), S_IFBLK | 0666, 7 << 8), 0);
  ASSERT_EQ(::mknod(yes("socket").c_str(), S_IFSOCK | 0666, 0), 0);
  for (const char *name : {"fifo", "null", "block", "socket"}) {
    EXPECT_EQ(open(yes(name), rdonly), ENXIO) << name;
    EXPECT_EQ(open(yes(name), rdwr), ENXIO) << name;
    create(name, wronly);
    EXPECT_EQ(run(slot_), ENXIO) << name;
  }
}

TEST_F(Open, IsDoneAsTheCaller)
{
  write_file(yes("private"), "", 0600);
  write_file(yes("group"), "", 0640);
  EXPECT_EQ(::chown(yes("group").c_str(), 0, 2000), 0);
  const auto as = [&](const char *name, std::uint32_t uid, std::vector<std::uint32_t> groups,
                      std::uint64_t caps) {
    slot_.request(QTFS_OP_OPEN).node(yes(name)).caller(uid, uid, std::move(groups), caps);
    return run(slot_);
  };

  EXPECT_EQ(as("private", 0, {}, 0), 0); // its owner
  EXPECT_EQ(as("private", 1000, {}, 0), EACCES);
  EXPECT_EQ(as("private", 1000, {}, 1u << CAP_DAC_OVERRIDE), 0);
  EXPECT_EQ(as("group", 1000, {}, 0), EACCES);
  EXPECT_EQ(as("group", 1000, {5, 2000}, 0), 0);

  // Root of the other machine without its capabilities, as in a container.
  EXPECT_EQ(::chown(yes("private").c_str(), 1000, 1000), 0);
  EXPECT_EQ(as("private", 0, {}, 0), EACCES);
}

TEST_F(Open, WaitsForALeaseToEnd)
{
  write_file(yes("leased"), "");
  const Fd holder(::open(yes("leased").c_str(), O_RDONLY));
  ::signal(SIGIO, SIG_IGN);
  if (::fcntl(holder.get(), F_SETLEASE, F_RDLCK) != 0)
    GTEST_SKIP() << "no leases here";

  std::thread giver([&] {
    ::usleep(50'000);
    ::fcntl(holder.get(), F_SETLEASE, F_UNLCK);
  });
  EXPECT_EQ(open(yes("leased"), wronly), 0);
  giver.join();

  slot_.close_reply(); // else there is no lease
  ASSERT_EQ(::fcntl(holder.get(), F_SETLEASE, F_RDLCK), 0);
  EXPECT_EQ(open(yes("leased"), wronly | QTFS_O_NONBLOCK), EWOULDBLOCK);
}

TEST_F(Create, MakesAFileOfTheCaller)
{
  create("new", rdwr, 0666).caller(1000, 1001, {1002}).umask(027);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_TRUE(created());
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("new"));
  EXPECT_EQ(flags_of_reply() & O_ACCMODE, O_RDWR);

  const struct stat st = stat_of(yes("new"));
  EXPECT_EQ(st.st_mode, mode_t{S_IFREG | 0640});
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_gid, 1001u);
}

TEST_F(Create, MayMakeWhatCouldNotBeOpened)
{
  create("readonly", wronly, 0444).caller(1000, 1000);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(::write(slot_.reply_fd(), "x", 1), 1);
}

TEST_F(Create, OpensWhatIsThere)
{
  write_file(yes("file"), "text");
  create("file", rdwr);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_FALSE(created());
  EXPECT_EQ(read_file(yes("file")), "text");

  create("file", wronly | QTFS_O_TRUNC);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_FALSE(created());
  EXPECT_EQ(read_file(yes("file")), "");
}

TEST_F(Create, HasTheErrnosOfALocalOne)
{
  write_file(yes("file"), "");
  ::mkdir(yes("dir").c_str(), 0777);
  EXPECT_EQ(::symlink("target", yes("dangling").c_str()), 0);
  ::mkdir(yes("gone").c_str(), 0777);

  const auto result = [&](FakeSlot &slot) { return run(slot); };
  EXPECT_EQ(result(create("file", wronly | QTFS_O_EXCL)), EEXIST);
  EXPECT_EQ(result(create("dir", rdonly)), EISDIR);
  EXPECT_EQ(result(create("dangling", wronly)), ELOOP);
  EXPECT_FALSE(exists(yes("target")));
  EXPECT_EQ(result(create("dangling", wronly | QTFS_O_EXCL)), EEXIST);
  EXPECT_EQ(result(create("x", wronly | QTFS_O_DIRECTORY)), EINVAL);

  ::chmod(yes().c_str(), 0755);
  EXPECT_EQ(result(create("x", wronly).caller(1000, 1000)), EACCES);

  slot_.request(QTFS_OP_CREATE).node(yes("gone")).name("x").body(qtfs_open{le(wronly), 0});
  ::rmdir(yes("gone").c_str());
  EXPECT_EQ(run(slot_), ENOENT);
}

TEST_F(Create, TakesNamesOfTheGreatestLength)
{
  create(std::string(255, 'n').c_str(), wronly);
  EXPECT_EQ(run(slot_), 0);
}

// Another process makes and removes the same name all the time.
TEST_F(Create, WinsOrJoinsEveryRace)
{
  std::atomic<bool> stop = false;
  std::thread rival([&] {
    while (!stop) {
      const Fd made(::open(yes("race").c_str(), O_CREAT | O_WRONLY, 0666));
      ::unlink(yes("race").c_str());
    }
  });

  int made = 0;
  for (int i = 0; i < 2000; i++) {
    create("race", wronly, 0666);
    ASSERT_EQ(run(slot_), 0);
    made += created();
  }
  stop = true;
  rival.join();
  EXPECT_GT(made, 0);
}

} // namespace qtfs::test
