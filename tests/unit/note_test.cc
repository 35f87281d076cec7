// SPDX-License-Identifier: GPL-2.0

#include "note.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

using engine::Identity;
using engine::Note;

namespace {

Identity identity(const Fd &directory, const char *name)
{
  const Result<Identity> found = Identity::of(directory.get(), name);

  EXPECT_TRUE(found);
  return found ? *found : Identity();
}

Fd open_directory(const std::string &path)
{
  return Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

} // namespace

TEST(Identity, IsThatOfTheFileNotOfTheName)
{
  const TempDir dir;
  const Fd at = open_directory(dir.path());

  EXPECT_FALSE(identity(at, "a").present);
  ASSERT_EQ(::close(::creat((dir / "a").c_str(), 0600)), 0);
  const Identity a = identity(at, "a");
  EXPECT_TRUE(a.present);
  ASSERT_EQ(::link((dir / "a").c_str(), (dir / "b").c_str()), 0);
  EXPECT_EQ(identity(at, "b"), a);
  ASSERT_EQ(::close(::creat((dir / "c").c_str(), 0600)), 0);
  EXPECT_NE(identity(at, "c"), a);
}

TEST(Identity, IsThatOfALinkItself)
{
  const TempDir dir;
  const Fd at = open_directory(dir.path());

  ASSERT_EQ(::close(::creat((dir / "a").c_str(), 0600)), 0);
  ASSERT_EQ(::symlink("a", (dir / "link").c_str()), 0);
  EXPECT_NE(identity(at, "link"), identity(at, "a"));
  ASSERT_EQ(::symlink("nowhere", (dir / "dangling").c_str()), 0);
  EXPECT_TRUE(identity(at, "dangling").present);
}

// Where inode numbers are used again, the time of birth tells files apart.
TEST(Identity, DiffersForAFileOfTheSameNumber)
{
  const TempDir dir;
  const Fd at = open_directory(dir.path());

  ASSERT_EQ(::close(::creat((dir / "a").c_str(), 0600)), 0);
  const Identity old = identity(at, "a");
  if (!old.born_sec)
    GTEST_SKIP() << "no time of birth here";
  ASSERT_EQ(::unlink((dir / "a").c_str()), 0);
  ::usleep(20'000); // longer than a tick of the clock
  ASSERT_EQ(::close(::creat((dir / "a").c_str(), 0600)), 0);
  EXPECT_NE(identity(at, "a"), old);
}

TEST(Identity, TellsErrors)
{
  const TempDir dir;
  ASSERT_EQ(::close(::creat((dir / "file").c_str(), 0600)), 0);
  const Fd file(::open((dir / "file").c_str(), O_PATH | O_CLOEXEC));

  EXPECT_EQ(Identity::of(file.get(), "x").error().value(), ENOTDIR);
  EXPECT_EQ(
    Identity::of(open_directory(dir.path()).get(), std::string(256, 'x').c_str()).error().value(),
    ENAMETOOLONG);
}

TEST(Note, IsFoundAgainForItsRequestOnly)
{
  qtfs_slot slot = {};
  slot.session = 3;
  slot.hdr.op = le(__u16{QTFS_OP_UNLINK});
  slot.hdr.slot = le(__u32{5});
  slot.hdr.seq = le(__u64{77});
  EXPECT_FALSE(Note::read(slot)) << "nothing written yet";

  Note note = Note::about(slot);
  note.before[0].inode = 11;
  note.before[1].inode = 22;
  note.number = 33;
  note.write(slot);
  const std::optional<Note> found = Note::read(slot);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->before[0].inode, 11u);
  EXPECT_EQ(found->before[1].inode, 22u);
  EXPECT_EQ(found->number, 33u);

  qtfs_slot other = slot;
  other.session = 4;
  EXPECT_FALSE(Note::read(other));
  other = slot;
  other.hdr.seq = le(__u64{78});
  EXPECT_FALSE(Note::read(other));
  other = slot;
  other.hdr.slot = le(__u32{6});
  EXPECT_FALSE(Note::read(other));
  other = slot;
  other.hdr.op = le(__u16{QTFS_OP_RMDIR});
  EXPECT_FALSE(Note::read(other));
}

} // namespace qtfs::test
