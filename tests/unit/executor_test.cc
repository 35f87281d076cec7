// SPDX-License-Identifier: GPL-2.0
//
// What is common to all requests.

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

std::size_t open_files()
{
  const std::filesystem::directory_iterator all("/proc/self/fd");

  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Executor : public EngineTest {};

} // namespace

TEST_F(Executor, KnowsNoOperationsOfTheModule)
{
  for (const unsigned op : {QTFS_OP_FORGET, QTFS_OP_RELEASE, QTFS_OP_PING}) {
    slot_.request(op);
    if (op == QTFS_OP_RELEASE)
      slot_.open(yes(), O_RDONLY, 0);
    EXPECT_EQ(run(slot_), EOPNOTSUPP) << op;
  }
}

TEST_F(Executor, RefusesMalformedRequests)
{
  slot_.request(QTFS_OP_GETATTR); // no node
  EXPECT_EQ(run(slot_), EINVAL);

  slot_.request(QTFS_OP_LINK).node(yes()).name("x"); // no node2
  EXPECT_EQ(run(slot_), EINVAL);

  slot_.request(QTFS_OP_GETATTR).node(yes());
  slot_.raw().hdr.op = le(__u16{QTFS_OP_END});
  EXPECT_EQ(run(slot_), EINVAL);

  slot_.request(QTFS_OP_MKDIR).node(yes()).name("x").body(qtfs_read{}); // a body of another
  EXPECT_EQ(run(slot_), EINVAL);
}

TEST_F(Executor, RefusesACallerThatCannotBe)
{
  slot_.request(QTFS_OP_MKDIR).node(yes()).name("x").caller(0xffffffff, 0);
  EXPECT_EQ(run(slot_), EPERM);
  EXPECT_FALSE(exists(yes("x")));
}

// The request's descriptors with the answer, the answer's once it was taken.
TEST_F(Executor, ClosesWhatItWasGiven)
{
  write_file(yes("file"), "");
  const std::size_t before = open_files();

  slot_.request(QTFS_OP_OPEN).node(yes("file"));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(open_files(), before + 1);
  EXPECT_GE(::fcntl(slot_.reply_fd(), F_GETFD), 0);
  EXPECT_TRUE(::fcntl(slot_.reply_fd(), F_GETFD) & FD_CLOEXEC);
  slot_.close_reply();
  EXPECT_EQ(open_files(), before);

  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("file")).name("..");
  EXPECT_EQ(run(slot_), EINVAL);
  EXPECT_EQ(open_files(), before) << "also where nothing else is right";

  use_whitelist("");
  slot_.request(QTFS_OP_OPEN).node(yes("file"));
  EXPECT_EQ(run(slot_), EACCES);
  EXPECT_EQ(open_files(), before);
}

// The module queues a request again as if never begun unless it is told.
TEST_F(Executor, NotesEachChangeBeforehand)
{
  const auto noted = [&] {
    return std::ranges::any_of(slot_.raw().note, [](__u8 byte) { return byte != 0; });
  };

  slot_.request(QTFS_OP_GETATTR).node(yes());
  ASSERT_EQ(run(slot_), 0);
  slot_.request(QTFS_OP_LOOKUP).node(yes()).name("x");
  ASSERT_EQ(run(slot_), ENOENT);
  EXPECT_FALSE(noted());
  slot_.request(QTFS_OP_MKDIR).node(yes()).name("x").body(qtfs_mkdir{le(__u32{0700}), 0});
  ASSERT_EQ(run(slot_), 0);
  EXPECT_TRUE(noted());
}

TEST_F(Executor, TakesAsManyGroupsAsTheKernel)
{
  write_file(yes("file"), "", 0640);
  ASSERT_EQ(::chown(yes("file").c_str(), 0, 70000), 0);
  std::vector<std::uint32_t> groups(QTFS_GROUPS_MAX);
  for (std::uint32_t i = 0; i < groups.size(); i++)
    groups[i] = 10000 + i;

  slot_.request(QTFS_OP_OPEN).node(yes("file")).caller(1000, 1000, groups);
  EXPECT_EQ(run(slot_), 0);
  slot_.request(QTFS_OP_OPEN).node(yes("file")).caller(1000, 1000, {1});
  EXPECT_EQ(run(slot_), EACCES);
}

} // namespace qtfs::test
