// SPDX-License-Identifier: GPL-2.0
//
// MKDIR, MKNOD, SYMLINK, LINK.

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

using Mkdir = EngineTest;
using Mknod = EngineTest;
using Symlink = EngineTest;
using Link = EngineTest;

namespace {

// Writes a sysctl and sets it back.
class Sysctl {
public:
  Sysctl(const char *file, const char *value) : file_(file)
  {
    std::ifstream(file) >> old_;
    set(value);
  }
  ~Sysctl() { set(old_.c_str()); }
  bool works() const { return works_; }

private:
  void set(const char *value)
  {
    std::ofstream out(file_);

    out << value << std::flush;
    works_ = out.good();
  }

  const char *file_;
  std::string old_;
  bool works_ = false;
};

} // namespace

TEST_F(Mkdir, MakesADirectoryOfTheCaller)
{
  slot_.request(QTFS_OP_MKDIR)
    .node(yes())
    .name("dir")
    .body(qtfs_mkdir{le(__u32{0777}), 0})
    .caller(1000, 1001)
    .umask(027);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("dir"));

  const struct stat st = stat_of(yes("dir"));
  EXPECT_EQ(st.st_mode, mode_t{S_IFDIR | 0750});
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_gid, 1001u);
}

TEST_F(Mkdir, HasTheErrnosOfALocalOne)
{
  const qtfs_mkdir body = {le(__u32{0755}), 0};

  write_file(yes("file"), "");
  slot_.request(QTFS_OP_MKDIR).node(yes()).name("file").body(body);
  EXPECT_EQ(run(slot_), EEXIST);
  slot_.request(QTFS_OP_MKDIR).node(yes("file")).name("x").body(body);
  EXPECT_EQ(run(slot_), ENOTDIR);

  ::mkdir(yes("roots").c_str(), 0755);
  slot_.request(QTFS_OP_MKDIR).node(yes("roots")).name("x").body(body).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EACCES);

  // Below a directory that is gone.
  ::mkdir(yes("gone").c_str(), 0755);
  slot_.request(QTFS_OP_MKDIR).node(yes("gone")).name("x").body(body);
  ::rmdir(yes("gone").c_str());
  EXPECT_EQ(run(slot_), ENOENT);
}

TEST_F(Mknod, MakesEveryKind)
{
  struct {
    mode_t mode;
    dev_t device;
  } kinds[] = {{S_IFIFO, 0},
               {S_IFSOCK, 0},
               {S_IFREG, 0},
               {S_IFCHR, makedev(1, 3)},
               {S_IFBLK, makedev(259, 70000)}};

  for (const auto &kind : kinds) {
    const std::string name = "node" + std::to_string(kind.mode);
    const __u32 rdev = major(kind.device) << 20 | minor(kind.device);

    slot_.request(QTFS_OP_MKNOD)
      .node(yes())
      .name(name)
      .body(qtfs_mknod{le(__u32{kind.mode | 0640}), le(rdev)});
    ASSERT_EQ(run(slot_), 0) << name;
    EXPECT_EQ(stat_of(yes(name)).st_mode, kind.mode | 0640);
    EXPECT_EQ(stat_of(yes(name)).st_rdev, kind.device);
    EXPECT_EQ(path_of(slot_.reply_fd()), yes(name));
  }
}

TEST_F(Mknod, WantsTheCapabilityForDevices)
{
  const qtfs_mknod null = {le(__u32{S_IFCHR | 0666}), le(__u32{1 << 20 | 3})};

  slot_.request(QTFS_OP_MKNOD).node(yes()).name("null").body(null).caller(0, 0, {}, 0);
  EXPECT_EQ(run(slot_), EPERM);
  EXPECT_FALSE(exists(yes("null")));
}

TEST_F(Symlink, MakesALink)
{
  slot_.request(QTFS_OP_SYMLINK).node(yes()).name("link", "/no/such/../thing").caller(1000, 1000);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(std::filesystem::read_symlink(yes("link")), "/no/such/../thing");
  EXPECT_EQ(stat_of(yes("link")).st_uid, 1000u);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("link"));

  slot_.request(QTFS_OP_SYMLINK).node(yes()).name("link", "x");
  EXPECT_EQ(run(slot_), EEXIST);
}

TEST_F(Link, GivesAFileASecondName)
{
  write_file(yes("file"), "text");
  ::mkdir(yes("dir").c_str(), 0777);
  slot_.request(QTFS_OP_LINK).node(yes("dir")).node2(yes("file")).name("a-much-longer-name");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("dir/a-much-longer-name")).st_ino, stat_of(yes("file")).st_ino);
  // The new name, not the old one: a node is a path.
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("dir/a-much-longer-name"));
}

TEST_F(Link, LinksALinkItself)
{
  write_file(no("secret"), "");
  EXPECT_EQ(::symlink(no("secret").c_str(), yes("link").c_str()), 0);
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("link")).name("second");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(stat_of(yes("second")).st_ino, stat_of(yes("link")).st_ino);
  EXPECT_TRUE(S_ISLNK(stat_of(yes("second")).st_mode));
}

// No capability is needed to link what one has: AT_EMPTY_PATH would want one.
TEST_F(Link, WorksWithoutCapabilities)
{
  write_file(yes("file"), "", 0666);
  EXPECT_EQ(::chown(yes("file").c_str(), 1000, 1000), 0);
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("file")).name("second").caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Link, ObeysProtectedHardlinks)
{
  const Sysctl on("/proc/sys/fs/protected_hardlinks", "1");
  if (!on.works())
    GTEST_SKIP() << "sysctls can't be written";

  write_file(yes("roots"), "", 0644);
  write_file(yes("shared"), "", 0666);
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("roots")).name("a").caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM);
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("shared")).name("b").caller(1000, 1000);
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Link, HasTheErrnosOfALocalOne)
{
  write_file(yes("file"), "");
  write_file(yes("other"), "");
  ::mkdir(yes("dir").c_str(), 0777);
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("file")).name("other");
  EXPECT_EQ(run(slot_), EEXIST);
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("dir")).name("x");
  EXPECT_EQ(run(slot_), EPERM);

  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("file")).name("x");
  ::unlink(yes("file").c_str());
  EXPECT_EQ(run(slot_), ENOENT);
}

} // namespace qtfs::test
