// SPDX-License-Identifier: GPL-2.0
//
// ATTACH, LOOKUP, READLINK.

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

using Attach = EngineTest;
using Lookup = EngineTest;
using Find = EngineTest;
using Readlink = EngineTest;

namespace {

bool is_o_path(int fd)
{
  return ::fcntl(fd, F_GETFL) & O_PATH;
}

} // namespace

TEST_F(Attach, LeadsToTheDirectory)
{
  ::mkdir(yes("root").c_str(), 0755);
  slot_.request(QTFS_OP_ATTACH).name(yes("root"));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("root"));
  EXPECT_TRUE(is_o_path(slot_.reply_fd()));
}

TEST_F(Attach, IsJudgedByWhereLinksLead)
{
  EXPECT_EQ(::symlink(no().c_str(), yes("out").c_str()), 0);
  EXPECT_EQ(::symlink(yes().c_str(), no("in").c_str()), 0);

  slot_.request(QTFS_OP_ATTACH).name(yes("out"));
  EXPECT_EQ(run(slot_), EACCES);
  slot_.request(QTFS_OP_ATTACH).name(no("in"));
  EXPECT_EQ(run(slot_), 0);
}

// The historical engine looked at the first "/.." only.
TEST_F(Attach, IsJudgedByWhereDotDotLeads)
{
  std::filesystem::create_directories(yes("..a"));
  for (const char *tail : {"..a/../../no", "../no", "..a/../../../../../etc"}) {
    slot_.request(QTFS_OP_ATTACH).name(yes(tail));
    EXPECT_EQ(run(slot_), EACCES) << tail;
  }
  slot_.request(QTFS_OP_ATTACH).name(no("../yes/..a"));
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Attach, NeverUsesMagicLinks)
{
  use_whitelist(everything("/"));
  slot_.request(QTFS_OP_ATTACH).name("/proc/self/root");
  EXPECT_EQ(run(slot_), ELOOP);
}

TEST_F(Attach, WantsADirectory)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_ATTACH).name(yes("file"));
  EXPECT_EQ(run(slot_), ENOTDIR);
  slot_.request(QTFS_OP_ATTACH).name(yes("none"));
  EXPECT_EQ(run(slot_), ENOENT);
}

TEST_F(Lookup, FindsWithoutFollowing)
{
  EXPECT_EQ(::symlink("/etc", yes("link").c_str()), 0);
  slot_.request(QTFS_OP_LOOKUP).node(yes()).name("link");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("link"));
  EXPECT_TRUE(is_o_path(slot_.reply_fd()));
}

TEST_F(Lookup, HasTheErrnosOfALocalOne)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_LOOKUP).node(yes()).name("none");
  EXPECT_EQ(run(slot_), ENOENT);
  slot_.request(QTFS_OP_LOOKUP).node(yes("file")).name("x");
  EXPECT_EQ(run(slot_), ENOTDIR);

  // A directory that the caller may not search.
  ::mkdir(yes("closed").c_str(), 0700);
  write_file(yes("closed/file"), "");
  slot_.request(QTFS_OP_LOOKUP).node(yes("closed")).name("file").caller(1000, 1000);
  EXPECT_EQ(run(slot_), EACCES);
}

TEST_F(Lookup, TakesNamesOfTheGreatestLength)
{
  const std::string name(255, 'x');

  write_file(yes(name), "");
  slot_.request(QTFS_OP_LOOKUP).node(yes()).name(name);
  EXPECT_EQ(run(slot_), 0);
}

// The module checks names.  All the same, none but a component gets through.
TEST_F(Lookup, RefusesWhatIsNoComponent)
{
  for (const std::string &name :
       {std::string(".."), std::string("."), std::string("a/b"), std::string("../no"),
        std::string("/etc"), std::string("a\0b", 3), std::string(256, 'x')}) {
    slot_.request(QTFS_OP_LOOKUP).node(yes()).name(name);
    EXPECT_EQ(run(slot_), EINVAL) << name;
  }
}

TEST_F(Find, LeadsToTheFileThatItWas)
{
  std::filesystem::create_directories(yes("a/b"));
  write_file(yes("a/b/file"), "");
  slot_.request(QTFS_OP_FIND).node(yes()).name("/a/b/file").body(find_body(yes("a/b/file")));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("a/b/file"));
  EXPECT_TRUE(is_o_path(slot_.reply_fd()));
  slot_.request(QTFS_OP_FIND).node(yes()).name("/").body(find_body(yes()));
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Find, IsStaleWhereAnotherFileIs)
{
  write_file(yes("was"), "");
  const qtfs_find was = find_body(yes("was"));
  write_file(yes("is"), "");

  slot_.request(QTFS_OP_FIND).node(yes()).name("/is").body(was);
  EXPECT_EQ(run(slot_), ESTALE);
  slot_.request(QTFS_OP_FIND).node(yes()).name("/none").body(was);
  EXPECT_EQ(run(slot_), ENOENT);
}

// The module finds a file by its handle and says where that is now.
TEST_F(Find, LooksWhereTheHandleLeads)
{
  std::filesystem::create_directories(yes("root"));
  write_file(yes("root/was"), "");
  const qtfs_find was = find_body(yes("root/was"));

  // It has another name, also outside of what the client has mounted.
  EXPECT_EQ(::rename(yes("root/was").c_str(), yes("is").c_str()), 0);
  slot_.request(QTFS_OP_FIND).node(yes("root")).name("/was").body(was).node2(yes("is"));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("is"));

  // Its old name is good again, and counts.
  EXPECT_EQ(::link(yes("is").c_str(), yes("root/was").c_str()), 0);
  slot_.request(QTFS_OP_FIND).node(yes("root")).name("/was").body(was).node2(yes("is"));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(path_of(slot_.reply_fd()), yes("root/was"));
}

TEST_F(Find, OpensNothingByAHandleThatItsPathDoesNotLeadTo)
{
  write_file(yes("was"), "");
  write_file(no("hidden"), "");
  const qtfs_find was = find_body(yes("was"));
  const qtfs_find hidden = find_body(no("hidden"));

  // Another place than the whitelist has.
  slot_.request(QTFS_OP_FIND).node(yes()).name("/none").body(hidden).node2(no("hidden"));
  EXPECT_EQ(run(slot_), EACCES);
  // Another file than it was.
  slot_.request(QTFS_OP_FIND).node(yes()).name("/none").body(hidden).node2(yes("was"));
  EXPECT_EQ(run(slot_), ENOENT);
  // It has been moved once more, and a link or another file has its name.
  slot_.request(QTFS_OP_FIND).node(yes()).name("/none").body(was).node2(yes("was"));
  EXPECT_EQ(::rename(yes("was").c_str(), yes("again").c_str()), 0);
  EXPECT_EQ(::symlink("again", yes("was").c_str()), 0);
  EXPECT_EQ(run(slot_), ENOENT);
  slot_.request(QTFS_OP_FIND).node(yes()).name("/none").body(was).node2(yes("again"));
  std::filesystem::rename(no("hidden"), yes("again"));
  EXPECT_EQ(run(slot_), ENOENT);
}

TEST_F(Find, FollowsNothingAndStaysBelow)
{
  std::filesystem::create_directories(yes("root"));
  write_file(yes("file"), "");
  EXPECT_EQ(::symlink(yes().c_str(), yes("root/out").c_str()), 0);

  slot_.request(QTFS_OP_FIND).node(yes("root")).name("/out/file").body(find_body(yes("file")));
  EXPECT_EQ(run(slot_), ELOOP);
  slot_.request(QTFS_OP_FIND).node(yes("root")).name("/../file").body(find_body(yes("file")));
  EXPECT_EQ(run(slot_), EXDEV);
  slot_.request(QTFS_OP_FIND).node(yes("root")).name("/out").body(find_body(yes("root/out")));
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Readlink, GivesTheTarget)
{
  const std::string target(4095, 't');

  EXPECT_EQ(::symlink(target.c_str(), yes("long").c_str()), 0);
  EXPECT_EQ(::symlink("../x", yes("short").c_str()), 0);
  slot_.request(QTFS_OP_READLINK).node(yes("short"));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(slot_.reply_data(), "../x");
  slot_.request(QTFS_OP_READLINK).node(yes("long"));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(slot_.reply_data(), target);
}

TEST_F(Readlink, WantsALink)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_READLINK).node(yes("file"));
  EXPECT_EQ(run(slot_), EINVAL);
}

} // namespace qtfs::test
