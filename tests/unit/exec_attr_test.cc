// SPDX-License-Identifier: GPL-2.0
//
// GETATTR, SETATTR, STATFS.

#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

constexpr std::uint32_t wronly = 1;

class AttrTest : public EngineTest {
protected:
  FakeSlot &set(const std::string &path, const qtfs_setattr &body)
  {
    return slot_.request(QTFS_OP_SETATTR).node(path).body(body);
  }

  static qtfs_setattr setting(std::uint32_t valid)
  {
    qtfs_setattr body = {};

    body.valid = le(valid);
    return body;
  }

  static qtfs_setattr mode(std::uint32_t bits)
  {
    qtfs_setattr body = setting(QTFS_SET_MODE);

    body.mode = le(bits);
    return body;
  }

  static qtfs_setattr owner(std::uint32_t uid, std::uint32_t gid)
  {
    qtfs_setattr body = setting(QTFS_SET_UID | QTFS_SET_GID);

    body.uid = le(uid);
    body.gid = le(gid);
    return body;
  }

  static qtfs_setattr size(std::uint64_t bytes, std::uint32_t more = 0)
  {
    qtfs_setattr body = setting(QTFS_SET_SIZE | more);

    body.size = le(__u64{bytes});
    return body;
  }

  static qtfs_time time(std::int64_t sec, std::uint32_t nsec)
  {
    return {le(static_cast<__u64>(sec)), le(nsec), 0};
  }
};

using Setattr = AttrTest;
using Getattr = AttrTest;
using Statfs = AttrTest;

} // namespace

TEST_F(Setattr, ChangesTheMode)
{
  write_file(yes("file"), "");
  set(yes("file"), mode(04751));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("file")).st_mode, mode_t{S_IFREG | 04751});

  ::mkdir(yes("dir").c_str(), 0700);
  set(yes("dir"), mode(01777));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("dir")).st_mode, mode_t{S_IFDIR | 01777});

  set(yes("file"), mode(0600)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM);
}

TEST_F(Setattr, ChangesTheOwner)
{
  write_file(yes("file"), "", 04755);
  set(yes("file"), owner(1000, 1001));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("file")).st_uid, 1000u);
  EXPECT_EQ(stat_of(yes("file")).st_gid, 1001u);
  EXPECT_EQ(stat_of(yes("file")).st_mode & 07777, 0755u) << "set-uid is taken away";

  qtfs_setattr group = setting(QTFS_SET_GID);
  group.gid = le(__u32{2000});
  set(yes("file"), group).caller(1000, 1001, {2000});
  EXPECT_EQ(run(slot_), 0);
  group.gid = le(__u32{3000});
  set(yes("file"), group).caller(1000, 1001, {2000});
  EXPECT_EQ(run(slot_), EPERM);
  EXPECT_EQ(stat_of(yes("file")).st_uid, 1000u);
  EXPECT_EQ(stat_of(yes("file")).st_gid, 2000u);
}

TEST_F(Setattr, ChangesTheOwnerOfALinkItself)
{
  write_file(no("file"), "");
  EXPECT_EQ(::symlink(no("file").c_str(), yes("link").c_str()), 0);
  set(yes("link"), owner(1000, 1000));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("link")).st_uid, 1000u);
  EXPECT_EQ(stat_of(no("file")).st_uid, 0u);

  set(yes("link"), mode(0600));
  EXPECT_EQ(run(slot_), EOPNOTSUPP);
  EXPECT_EQ(stat_of(no("file")).st_mode & 0777, 0644u);
}

TEST_F(Setattr, ChangesTheSize)
{
  write_file(yes("file"), "0123456789");
  set(yes("file"), size(4));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("file")), "0123");
  set(yes("file"), size(6));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("file")), std::string("0123\0\0", 6));

  set(yes("file"), size(0)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EACCES);
  set(yes(), size(0));
  EXPECT_EQ(run(slot_), EISDIR);
  set(yes("file"), size(std::uint64_t{1} << 63));
  EXPECT_EQ(run(slot_), EINVAL);
}

// As ftruncate(2): what the file's mode says now doesn't matter.
TEST_F(Setattr, ChangesTheSizeThroughAnOpen)
{
  write_file(yes("file"), "0123456789");
  const auto through = [&](int flags, std::uint32_t wire, const qtfs_setattr &body) {
    set(yes("file"), body).open(yes("file"), flags, wire).caller(1000, 1000);
    return run(slot_);
  };

  EXPECT_EQ(through(O_WRONLY, wronly, size(4)), 0);
  EXPECT_EQ(read_file(yes("file")), "0123");
  EXPECT_EQ(through(O_RDONLY, 0, size(0)), EINVAL);

  // O_RDONLY | O_TRUNC wants the permission to write, and truncates.
  EXPECT_EQ(through(O_RDONLY, 0, size(0, QTFS_SET_BY_OPEN)), EACCES);
  ::chmod(yes("file").c_str(), 0666);
  EXPECT_EQ(through(O_RDONLY, 0, size(0, QTFS_SET_BY_OPEN)), 0);
  EXPECT_EQ(read_file(yes("file")), "");
}

// A truncation takes mtime along; who may write isn't always the owner.
TEST_F(Setattr, SizeBringsItsTimeAlong)
{
  write_file(yes("file"), "0123456789", 0666);
  set(yes("file"), size(0, QTFS_SET_BY_OPEN | QTFS_SET_MTIME_NOW)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Setattr, ChangesTimes)
{
  write_file(yes("file"), "");
  qtfs_setattr both = setting(QTFS_SET_ATIME | QTFS_SET_MTIME);
  both.atime = time(-5, 123);
  both.mtime = time(3'000'000'000, 999'999'999);
  set(yes("file"), both);
  ASSERT_EQ(run(slot_), 0);

  struct stat st = stat_of(yes("file"));
  EXPECT_EQ(st.st_atim.tv_sec, -5);
  EXPECT_EQ(st.st_atim.tv_nsec, 123);
  EXPECT_EQ(st.st_mtim.tv_sec, 3'000'000'000);
  EXPECT_EQ(st.st_mtim.tv_nsec, 999'999'999);

  // One of them, and now.
  set(yes("file"), setting(QTFS_SET_MTIME_NOW));
  ASSERT_EQ(run(slot_), 0);
  st = stat_of(yes("file"));
  EXPECT_EQ(st.st_atim.tv_sec, -5);
  EXPECT_NEAR(static_cast<double>(st.st_mtim.tv_sec), static_cast<double>(::time(nullptr)), 10);
}

TEST_F(Setattr, ChangesTheTimesOfALinkItself)
{
  write_file(yes("file"), "");
  EXPECT_EQ(::symlink("file", yes("link").c_str()), 0);
  qtfs_setattr body = setting(QTFS_SET_MTIME);
  body.mtime = time(1000, 0);
  set(yes("link"), body);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("link")).st_mtim.tv_sec, 1000);
  EXPECT_NE(stat_of(yes("file")).st_mtim.tv_sec, 1000);
}

// Who may write may set both times to now, and nothing else.
TEST_F(Setattr, TimesAreForTheOwner)
{
  write_file(yes("file"), "", 0666);
  set(yes("file"), setting(QTFS_SET_ATIME_NOW | QTFS_SET_MTIME_NOW)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
  set(yes("file"), setting(QTFS_SET_MTIME_NOW)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM);
  set(yes("file"), setting(QTFS_SET_ATIME | QTFS_SET_MTIME)).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM);
}

TEST_F(Setattr, ChangesSeveralAtATime)
{
  write_file(yes("file"), "0123456789");
  qtfs_setattr body =
    setting(QTFS_SET_MODE | QTFS_SET_UID | QTFS_SET_GID | QTFS_SET_SIZE | QTFS_SET_MTIME);
  body.mode = le(__u32{0640});
  body.uid = le(__u32{1000});
  body.gid = le(__u32{1001});
  body.size = le(__u64{3});
  body.mtime = time(1000, 0);
  set(yes("file"), body);
  ASSERT_EQ(run(slot_), 0);

  const struct stat st = stat_of(yes("file"));
  EXPECT_EQ(st.st_mode & 07777, 0640u);
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_gid, 1001u);
  EXPECT_EQ(st.st_size, 3);
  EXPECT_EQ(st.st_mtim.tv_sec, 1000);
}

TEST_F(Setattr, RefusesWhatMakesNoSense)
{
  write_file(yes("file"), "text");
  const auto result = [&](const qtfs_setattr &body) {
    set(yes("file"), body);
    return run(slot_);
  };

  EXPECT_EQ(result(setting(0x8000)), EINVAL);
  EXPECT_EQ(result(setting(QTFS_SET_MTIME | QTFS_SET_MTIME_NOW)), EINVAL);
  EXPECT_EQ(result(setting(QTFS_SET_BY_OPEN)), EINVAL);
  EXPECT_EQ(result(size(2, QTFS_SET_BY_OPEN)), EINVAL);
  EXPECT_EQ(result(owner(0xffffffff, 0)), EINVAL);
  for (const __u32 nsec :
       {1'000'000'000u, static_cast<unsigned>(UTIME_NOW), static_cast<unsigned>(UTIME_OMIT)}) {
    qtfs_setattr body = setting(QTFS_SET_MTIME);

    body.mtime = time(0, nsec);
    EXPECT_EQ(result(body), EINVAL) << nsec;
  }
  EXPECT_EQ(read_file(yes("file")), "text");
}

TEST_F(Getattr, OnlyAsksThePolicy)
{
  write_file(yes("file"), "", 0);
  slot_.request(QTFS_OP_GETATTR).node(yes("file")).caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Statfs, TellsWhatTheKernelDoes)
{
  struct statfs fs;
  ASSERT_EQ(::statfs("/proc", &fs), 0);
  use_whitelist(everything("/proc"));
  slot_.request(QTFS_OP_STATFS).node("/proc");
  ASSERT_EQ(run(slot_), 0);

  const auto &reply = slot_.reply<qtfs_statfs_rep>();
  EXPECT_EQ(le(reply.type), static_cast<__u64>(fs.f_type));
  EXPECT_EQ(le(reply.bsize), static_cast<__u64>(fs.f_bsize));
  EXPECT_EQ(le(reply.namelen), 255u);
  EXPECT_EQ(le(reply.blocks), 0u);
}

} // namespace qtfs::test
