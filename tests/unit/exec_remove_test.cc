// SPDX-License-Identifier: GPL-2.0
//
// UNLINK, RMDIR, RENAME.

#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

using Unlink = EngineTest;
using Rmdir = EngineTest;
using Rename = EngineTest;

TEST_F(Unlink, RemovesTheName)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_UNLINK).node(yes()).name("file");
  EXPECT_EQ(run(slot_), 0);
  EXPECT_FALSE(exists(yes("file")));
}

TEST_F(Unlink, RemovesALinkNotItsTarget)
{
  write_file(yes("file"), "");
  EXPECT_EQ(::symlink("file", yes("link").c_str()), 0);
  slot_.request(QTFS_OP_UNLINK).node(yes()).name("link");
  EXPECT_EQ(run(slot_), 0);
  EXPECT_TRUE(exists(yes("file")));
}

TEST_F(Unlink, HasTheErrnosOfALocalOne)
{
  ::mkdir(yes("dir").c_str(), 0777);
  slot_.request(QTFS_OP_UNLINK).node(yes()).name("none");
  EXPECT_EQ(run(slot_), ENOENT);
  slot_.request(QTFS_OP_UNLINK).node(yes()).name("dir");
  EXPECT_EQ(run(slot_), EISDIR);

  // A directory of which only the owners of files may remove them.
  ::mkdir(yes("sticky").c_str(), 0777);
  ::chmod(yes("sticky").c_str(), 01777);
  write_file(yes("sticky/roots"), "");
  slot_.request(QTFS_OP_UNLINK).node(yes("sticky")).name("roots").caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM);
}

TEST_F(Rmdir, RemovesADirectoryAndNothingElse)
{
  ::mkdir(yes("empty").c_str(), 0777);
  ::mkdir(yes("full").c_str(), 0777);
  write_file(yes("full/file"), "");
  slot_.request(QTFS_OP_RMDIR).node(yes()).name("empty");
  EXPECT_EQ(run(slot_), 0);
  EXPECT_FALSE(exists(yes("empty")));
  slot_.request(QTFS_OP_RMDIR).node(yes()).name("full");
  EXPECT_EQ(run(slot_), ENOTEMPTY);
  slot_.request(QTFS_OP_RMDIR).node(yes("full")).name("file");
  EXPECT_EQ(run(slot_), ENOTDIR);
}

TEST_F(Rename, MovesAndReplaces)
{
  write_file(yes("a"), "a");
  write_file(yes("longer-than-a"), "b");
  slot_.request(QTFS_OP_RENAME).node(yes()).node2(yes()).name("a", "longer-than-a");
  EXPECT_EQ(run(slot_), 0);
  EXPECT_FALSE(exists(yes("a")));
  EXPECT_EQ(read_file(yes("longer-than-a")), "a");
}

// The historical engine overwrote the target.
TEST_F(Rename, ExchangesWhereAskedTo)
{
  write_file(yes("a"), "a");
  write_file(yes("b"), "b");
  slot_.request(QTFS_OP_RENAME)
    .node(yes())
    .node2(yes())
    .name("a", "b")
    .body(qtfs_rename{le(__u32{RENAME_EXCHANGE}), 0});
  EXPECT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("a")), "b");
  EXPECT_EQ(read_file(yes("b")), "a");
}

TEST_F(Rename, HasTheErrnosOfALocalOne)
{
  write_file(yes("a"), "a");
  write_file(yes("b"), "b");
  ::mkdir(yes("dir").c_str(), 0777);
  ::mkdir(yes("dir/sub").c_str(), 0777);
  slot_.request(QTFS_OP_RENAME)
    .node(yes())
    .node2(yes())
    .name("a", "b")
    .body(qtfs_rename{le(__u32{RENAME_NOREPLACE}), 0});
  EXPECT_EQ(run(slot_), EEXIST);
  slot_.request(QTFS_OP_RENAME).node(yes()).node2(yes()).name("none", "x");
  EXPECT_EQ(run(slot_), ENOENT);
  slot_.request(QTFS_OP_RENAME).node(yes()).node2(yes("dir/sub")).name("dir", "x");
  EXPECT_EQ(run(slot_), EINVAL);
  slot_.request(QTFS_OP_RENAME).node(yes()).node2(yes()).name("a", "dir");
  EXPECT_EQ(run(slot_), EISDIR);
  slot_.request(QTFS_OP_RENAME)
    .node(yes())
    .node2(yes())
    .name("a", "b")
    .body(qtfs_rename{le(__u32{0x80}), 0});
  EXPECT_EQ(run(slot_), EINVAL);
  EXPECT_EQ(read_file(yes("a")) + read_file(yes("b")), "ab");
}

} // namespace qtfs::test
