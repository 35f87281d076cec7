// SPDX-License-Identifier: GPL-2.0
//
// Requests that were being executed when an engine died.  The first execution
// leaves its note, as a dying engine does; what the test then makes of the files
// decides whether it died before or after its system call.

#include <cstdio>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

constexpr std::uint32_t wronly = 1;

class Resent : public EngineTest {
protected:
  FakeSlot &mkdir()
  {
    return slot_.request(QTFS_OP_MKDIR).node(yes()).name("x").body(qtfs_mkdir{le(__u32{0755}), 0});
  }

  FakeSlot &create(std::uint32_t flags, std::uint32_t mode = 0644)
  {
    return slot_.request(QTFS_OP_CREATE).node(yes()).name("x").body(qtfs_open{le(flags), le(mode)});
  }

  FakeSlot &rename(std::uint32_t flags = 0)
  {
    return slot_.request(QTFS_OP_RENAME)
      .node(yes())
      .node2(yes())
      .name("a", "b")
      .body(qtfs_rename{le(flags), 0});
  }

  FakeSlot &on_name(unsigned op, const char *name = "x")
  {
    return slot_.request(op).node(yes()).name(name);
  }

  FakeSlot &append(std::string_view data)
  {
    return slot_.request(QTFS_OP_WRITE)
      .open(yes("x"), O_WRONLY | O_APPEND, wronly | QTFS_O_APPEND)
      .body(qtfs_write{0, le(__u32{QTFS_WRITE_APPEND}), 0})
      .data(data);
  }

  std::uint64_t end() { return le(slot_.reply<qtfs_write_rep>().end); }
  std::uint32_t count() { return le(slot_.reply<qtfs_write_rep>().count); }
};

} // namespace

TEST_F(Resent, MkdirThatHappenedSucceeds)
{
  ASSERT_EQ(run(mkdir()), 0);
  const ino_t made = stat_of(yes("x")).st_ino;
  EXPECT_EQ(run(mkdir().resent()), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("x"));
  EXPECT_EQ(stat_of(yes("x")).st_ino, made);

  // And once more, if that engine dies as well.
  EXPECT_EQ(run(mkdir().resent()), 0);
}

TEST_F(Resent, MkdirThatDidNotHappenIsDone)
{
  ASSERT_EQ(run(mkdir()), 0);
  ::rmdir(yes("x").c_str());
  EXPECT_EQ(run(mkdir().resent()), 0);
  EXPECT_TRUE(exists(yes("x")));
}

TEST_F(Resent, MkdirOfWhatWasThereStaysAnError)
{
  ::mkdir(yes("x").c_str(), 0755);
  ASSERT_EQ(run(mkdir()), EEXIST);
  EXPECT_EQ(run(mkdir().resent()), EEXIST);
}

TEST_F(Resent, MkdirDoesNotTakeWhatAnotherMade)
{
  ASSERT_EQ(run(mkdir()), 0);
  ::rmdir(yes("x").c_str());
  write_file(yes("x"), "");
  EXPECT_EQ(run(mkdir().resent()), EEXIST);

  ::unlink(yes("x").c_str());
  ::mkdir(yes("x").c_str(), 0755);
  EXPECT_EQ(::chown(yes("x").c_str(), 1000, 1000), 0);
  EXPECT_EQ(run(mkdir().resent()), EEXIST);
}

// Without the flag nothing is forgiven, whatever the note says.
TEST_F(Resent, OnlyCountsWithTheFlag)
{
  ASSERT_EQ(run(mkdir()), 0);
  EXPECT_EQ(run(mkdir()), EEXIST);
}

// A note that is about another request of this slot is none.
TEST_F(Resent, NeedsTheNoteOfTheRequest)
{
  ASSERT_EQ(run(mkdir()), 0);
  mkdir();
  slot_.raw().flags |= QTFS_SLOT_RESENT;
  EXPECT_EQ(run(slot_), EEXIST);
}

TEST_F(Resent, MknodThatHappenedSucceeds)
{
  const auto request = [&](__u32 mode) -> FakeSlot & {
    return on_name(QTFS_OP_MKNOD).body(qtfs_mknod{le(mode), le(__u32{1 << 20 | 3})});
  };

  ASSERT_EQ(run(request(S_IFCHR | 0600)), 0);
  EXPECT_EQ(run(request(S_IFCHR | 0600).resent()), 0);
  EXPECT_EQ(run(request(S_IFIFO | 0600).resent()), EEXIST);
}

TEST_F(Resent, SymlinkThatHappenedSucceeds)
{
  ASSERT_EQ(run(on_name(QTFS_OP_SYMLINK).name("x", "target")), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_SYMLINK).name("x", "target").resent()), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_SYMLINK).name("x", "targe").resent()), EEXIST);
  EXPECT_EQ(run(on_name(QTFS_OP_SYMLINK).name("x", "target2").resent()), EEXIST);
}

TEST_F(Resent, LinkThatHappenedSucceeds)
{
  write_file(yes("file"), "");
  write_file(yes("other"), "");
  ASSERT_EQ(run(on_name(QTFS_OP_LINK).node2(yes("file"))), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_LINK).node2(yes("file")).resent()), 0);
  EXPECT_EQ(stat_of(yes("x")).st_nlink, 2u);
  EXPECT_EQ(run(on_name(QTFS_OP_LINK).node2(yes("other")).resent()), EEXIST);
}

TEST_F(Resent, CreateThatHappenedSucceeds)
{
  ASSERT_EQ(run(create(wronly | QTFS_O_EXCL)), 0);
  const ino_t made = stat_of(yes("x")).st_ino;
  ASSERT_EQ(run(create(wronly | QTFS_O_EXCL).resent()), 0);
  EXPECT_EQ(slot_.raw().reply_flags, unsigned{QTFS_OPENED_CREATED});
  EXPECT_EQ(stat_of(yes("x")).st_ino, made);
  EXPECT_EQ(::write(slot_.reply_fd(), "x", 1), 1);
}

// git makes its objects like this.
TEST_F(Resent, CreateOfAReadOnlyFileSucceeds)
{
  ASSERT_EQ(run(create(wronly | QTFS_O_EXCL, 0444).caller(1000, 1000)), 0);
  ASSERT_EQ(run(create(wronly | QTFS_O_EXCL, 0444).caller(1000, 1000).resent()), 0);
  EXPECT_EQ(::write(slot_.reply_fd(), "x", 1), 1);
  EXPECT_EQ(stat_of(yes("x")).st_mode & 07777, 0444u);
}

TEST_F(Resent, CreateDoesNotTakeWhatAnotherMade)
{
  // A lock file of another process.
  ASSERT_EQ(run(create(wronly | QTFS_O_EXCL)), 0);
  write_file(yes("x"), "pid 4711");
  EXPECT_EQ(run(create(wronly | QTFS_O_EXCL).resent()), EEXIST);
  EXPECT_EQ(read_file(yes("x")), "pid 4711");
}

TEST_F(Resent, CreateOfWhatWasThereIsNoCreation)
{
  write_file(yes("x"), "text");
  ASSERT_EQ(run(create(wronly | QTFS_O_TRUNC)), 0);
  ASSERT_EQ(run(create(wronly | QTFS_O_TRUNC).resent()), 0);
  EXPECT_EQ(slot_.raw().reply_flags, 0u);
}

TEST_F(Resent, UnlinkThatHappenedSucceeds)
{
  write_file(yes("x"), "");
  ASSERT_EQ(run(on_name(QTFS_OP_UNLINK)), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_UNLINK).resent()), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_UNLINK)), ENOENT);
}

TEST_F(Resent, UnlinkLeavesANewFileOfThatNameAlone)
{
  write_file(yes("x"), "old");
  ASSERT_EQ(run(on_name(QTFS_OP_UNLINK)), 0);
  ::usleep(20'000); // so that the time of birth differs if the number doesn't
  write_file(yes("x"), "new");
  EXPECT_EQ(run(on_name(QTFS_OP_UNLINK).resent()), 0);
  EXPECT_EQ(read_file(yes("x")), "new");
}

TEST_F(Resent, UnlinkThatDidNotHappenIsDone)
{
  write_file(yes("x"), "");
  EXPECT_EQ(::link(yes("x").c_str(), yes("keep").c_str()), 0);
  ASSERT_EQ(run(on_name(QTFS_OP_UNLINK)), 0);
  EXPECT_EQ(::link(yes("keep").c_str(), yes("x").c_str()), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_UNLINK).resent()), 0);
  EXPECT_FALSE(exists(yes("x")));
}

TEST_F(Resent, RmdirThatHappenedSucceeds)
{
  ::mkdir(yes("x").c_str(), 0755);
  ASSERT_EQ(run(on_name(QTFS_OP_RMDIR)), 0);
  EXPECT_EQ(run(on_name(QTFS_OP_RMDIR).resent()), 0);
}

TEST_F(Resent, RmdirOfWhatIsFullStaysAnError)
{
  ::mkdir(yes("x").c_str(), 0755);
  ::mkdir(yes("x/y").c_str(), 0755);
  ASSERT_EQ(run(on_name(QTFS_OP_RMDIR)), ENOTEMPTY);
  EXPECT_EQ(run(on_name(QTFS_OP_RMDIR).resent()), ENOTEMPTY);
}

TEST_F(Resent, RenameThatHappenedSucceeds)
{
  write_file(yes("a"), "a");
  write_file(yes("b"), "b");
  ASSERT_EQ(run(rename()), 0);
  EXPECT_EQ(run(rename().resent()), 0);
  EXPECT_EQ(read_file(yes("b")), "a");

  // Somebody has used the old name again since.
  write_file(yes("a"), "new");
  EXPECT_EQ(run(rename().resent()), 0);
  EXPECT_EQ(read_file(yes("a")), "new");
  EXPECT_EQ(read_file(yes("b")), "a");
}

TEST_F(Resent, RenameThatDidNotHappenIsDone)
{
  write_file(yes("a"), "a");
  ASSERT_EQ(run(rename()), 0);
  ::rename(yes("b").c_str(), yes("a").c_str());
  EXPECT_EQ(run(rename().resent()), 0);
  EXPECT_EQ(read_file(yes("b")), "a");
}

TEST_F(Resent, RenameOfWhatWasNotThereStaysAnError)
{
  ASSERT_EQ(run(rename()), ENOENT);
  EXPECT_EQ(run(rename().resent()), ENOENT);
}

// Neither done nor to be done: the truth is that it isn't known.
TEST_F(Resent, RenameThatCannotBeToldFails)
{
  write_file(yes("a"), "a");
  ASSERT_EQ(run(rename()), 0);
  write_file(yes("a"), "new");
  ::rename(yes("b").c_str(), yes("c").c_str());
  EXPECT_EQ(run(rename().resent()), EIO);
  EXPECT_EQ(read_file(yes("a")), "new");
}

TEST_F(Resent, ExchangeIsNotDoneTwice)
{
  write_file(yes("a"), "a");
  write_file(yes("b"), "b");
  ASSERT_EQ(run(rename(RENAME_EXCHANGE)), 0);
  EXPECT_EQ(run(rename(RENAME_EXCHANGE).resent()), 0);
  EXPECT_EQ(read_file(yes("a")), "b");
  EXPECT_EQ(read_file(yes("b")), "a");
}

TEST_F(Resent, WriteIsRepeated)
{
  write_file(yes("x"), "0123456789");
  const auto request = [&]() -> FakeSlot & {
    return slot_.request(QTFS_OP_WRITE)
      .open(yes("x"), O_WRONLY, wronly)
      .body(qtfs_write{le(__u64{2}), 0, 0})
      .data("ab");
  };

  ASSERT_EQ(run(request()), 0);
  ASSERT_EQ(run(request().resent()), 0);
  EXPECT_EQ(read_file(yes("x")), "01ab456789");
  EXPECT_EQ(end(), 4u);
  EXPECT_EQ(count(), 2u);
}

TEST_F(Resent, AppendIsNotDoneTwice)
{
  write_file(yes("x"), "old");
  ASSERT_EQ(run(append("new")), 0);
  ASSERT_EQ(run(append("new").resent()), 0);
  EXPECT_EQ(read_file(yes("x")), "oldnew");
  EXPECT_EQ(end(), 6u);
  EXPECT_EQ(count(), 3u);
}

TEST_F(Resent, AppendThatDidNotHappenIsDone)
{
  write_file(yes("x"), "old");
  ASSERT_EQ(run(append("new")), 0);
  EXPECT_EQ(::truncate(yes("x").c_str(), 3), 0);
  ASSERT_EQ(run(append("new").resent()), 0);
  EXPECT_EQ(read_file(yes("x")), "oldnew");
}

// A write that was cut short by the engine's end: so the client is told.
TEST_F(Resent, AppendThatHalfHappenedIsShort)
{
  write_file(yes("x"), "old");
  ASSERT_EQ(run(append("new")), 0);
  EXPECT_EQ(::truncate(yes("x").c_str(), 5), 0);
  ASSERT_EQ(run(append("new").resent()), 0);
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(end(), 5u);
  EXPECT_EQ(read_file(yes("x")), "oldne");
}

TEST_F(Resent, AppendAmongOthersThatCannotBeToldFails)
{
  write_file(yes("x"), "old");
  ASSERT_EQ(run(append("new")), 0);
  write_file(yes("x"), "old, and more of others");
  EXPECT_EQ(run(append("new").resent()), EIO);
}

// A write to /proc or a pipe has effects that can't be looked up.
TEST_F(Resent, WriteToWhatIsNoFileFails)
{
  use_whitelist(everything("/"));
  const auto request = [&]() -> FakeSlot & {
    return slot_.request(QTFS_OP_WRITE).open("/proc/self/comm", O_WRONLY, wronly).data("test");
  };
  ASSERT_EQ(run(request()), 0);
  EXPECT_EQ(run(request().resent()), EIO);
}

TEST_F(Resent, WhatWasReadFromAStreamIsGone)
{
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const Fd in(ends[1]);
  const Fd out(ends[0]);
  const auto request = [&]() -> FakeSlot & {
    return slot_.request(QTFS_OP_READ)
      .open_fd(::dup(out.get()), yes())
      .body(qtfs_read{0, le(__u32{100}), 0});
  };

  ASSERT_EQ(::write(in.get(), "first", 5), 5);
  ASSERT_EQ(run(request()), 0);
  ASSERT_EQ(::write(in.get(), "second", 6), 6);
  EXPECT_EQ(run(request().resent()), EIO);
  ASSERT_EQ(run(request()), 0);
  EXPECT_EQ(slot_.reply_data(), "second");
}

TEST_F(Resent, AttributesAreSetAgain)
{
  write_file(yes("x"), "text");
  qtfs_setattr body = {};
  body.valid = le(__u32{QTFS_SET_MODE | QTFS_SET_SIZE});
  body.mode = le(__u32{0600});
  const auto request = [&]() -> FakeSlot & {
    return slot_.request(QTFS_OP_SETATTR).node(yes("x")).body(body);
  };

  ASSERT_EQ(run(request()), 0);
  EXPECT_EQ(run(request().resent()), 0);
}

TEST_F(Resent, XattrThatWasMadeOrRemovedSucceeds)
{
  write_file(yes("x"), "");
  if (::setxattr(yes("x").c_str(), "user.probe", "", 0, 0) != 0)
    GTEST_SKIP() << "no extended attributes here";
  const auto make = [&](std::string_view value) -> FakeSlot & {
    return slot_.request(QTFS_OP_SETXATTR)
      .node(yes("x"))
      .name("user.a")
      .body(qtfs_setxattr{le(__u32{XATTR_CREATE}), 0})
      .data(value);
  };
  const auto remove = [&]() -> FakeSlot & {
    return slot_.request(QTFS_OP_REMOVEXATTR).node(yes("x")).name("user.a");
  };

  ASSERT_EQ(run(make("v")), 0);
  EXPECT_EQ(run(make("v").resent()), 0);
  EXPECT_EQ(run(make("w").resent()), EEXIST);
  EXPECT_EQ(run(make("v")), EEXIST);

  ASSERT_EQ(run(remove()), 0);
  EXPECT_EQ(run(remove().resent()), 0);
  ASSERT_EQ(run(remove()), ENODATA);
  EXPECT_EQ(run(remove().resent()), ENODATA);
}

TEST_F(Resent, OpenIsRepeated)
{
  write_file(yes("x"), "text");
  const auto request = [&]() -> FakeSlot & {
    return slot_.request(QTFS_OP_OPEN).node(yes("x")).body(qtfs_open{le(wronly | QTFS_O_TRUNC), 0});
  };

  ASSERT_EQ(run(request()), 0);
  EXPECT_EQ(run(request().resent()), 0);
  EXPECT_GE(slot_.reply_fd(), 0);
}

} // namespace qtfs::test
