// SPDX-License-Identifier: GPL-2.0

#include <linux/capability.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

class XattrTest : public EngineTest {
protected:
  void SetUp() override
  {
    EngineTest::SetUp();
    if (IsSkipped())
      return;
    write_file(yes("file"), "", 0666);
    if (::setxattr(yes("file").c_str(), "user.a", "value", 5, 0) != 0)
      GTEST_SKIP() << "no extended attributes here";
  }

  FakeSlot &get(const std::string &path, const char *name, std::uint32_t size)
  {
    return slot_.request(QTFS_OP_GETXATTR).node(path).name(name).body(qtfs_getxattr{le(size), 0});
  }

  FakeSlot &list(std::uint32_t size)
  {
    return slot_.request(QTFS_OP_LISTXATTR).node(yes("file")).body(qtfs_getxattr{le(size), 0});
  }

  FakeSlot &set(const std::string &path, const char *name, std::string_view value, int flags = 0)
  {
    return slot_.request(QTFS_OP_SETXATTR)
      .node(path)
      .name(name)
      .data(value)
      .body(qtfs_setxattr{le(static_cast<__u32>(flags)), 0});
  }

  FakeSlot &remove(const char *name)
  {
    return slot_.request(QTFS_OP_REMOVEXATTR).node(yes("file")).name(name);
  }

  std::uint32_t len() { return le(slot_.reply<qtfs_getxattr_rep>().len); }

  static std::string value_of(const std::string &path, const char *name)
  {
    char value[64];
    const ssize_t len = ::lgetxattr(path.c_str(), name, value, sizeof(value));

    return len < 0 ? "(none)" : std::string(value, static_cast<std::size_t>(len));
  }
};

using Getxattr = XattrTest;
using Listxattr = XattrTest;
using Setxattr = XattrTest;
using Removexattr = XattrTest;

} // namespace

TEST_F(Getxattr, GivesTheValueOrItsLength)
{
  get(yes("file"), "user.a", 100);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(len(), 5u);
  EXPECT_EQ(slot_.reply_data(), "value");

  get(yes("file"), "user.a", 0);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(len(), 5u);
  EXPECT_EQ(slot_.reply_data(), "");
}

TEST_F(Getxattr, HasTheErrnosOfALocalOne)
{
  get(yes("file"), "user.a", 4);
  EXPECT_EQ(run(slot_), ERANGE);
  get(yes("file"), "user.none", 100);
  EXPECT_EQ(run(slot_), ENODATA);
  get(yes("file"), "nosuch.namespace", 100);
  EXPECT_EQ(run(slot_), EOPNOTSUPP);
  ::chmod(yes("file").c_str(), 0600);
  get(yes("file"), "user.a", 100).caller(1000, 1000);
  EXPECT_EQ(run(slot_), EACCES);
}

TEST_F(Listxattr, GivesTheNamesOrTheirLength)
{
  list(100);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_NE(slot_.reply_data().find(std::string("user.a\0", 7)), std::string::npos);
  const std::uint32_t all = len();
  list(0);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(len(), all);
  list(3);
  EXPECT_EQ(run(slot_), ERANGE);
}

TEST_F(Listxattr, ShowsTrustedOnesToWhomTheyConcern)
{
  if (::setxattr(yes("file").c_str(), "trusted.t", "x", 1, 0) != 0)
    GTEST_SKIP() << "no trusted attributes here";
  list(100);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_NE(slot_.reply_data().find("trusted.t"), std::string::npos);
  list(100).caller(0, 0, {}, ~(std::uint64_t{1} << CAP_SYS_ADMIN));
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(slot_.reply_data().find("trusted.t"), std::string::npos);
}

// The historical engine stored a byte too many.
TEST_F(Setxattr, StoresExactlyTheValue)
{
  set(yes("file"), "user.b", "abc");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(value_of(yes("file"), "user.b"), "abc");
  set(yes("file"), "user.b", "");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(value_of(yes("file"), "user.b"), "");
}

TEST_F(Setxattr, HasTheErrnosOfALocalOne)
{
  set(yes("file"), "user.a", "x", XATTR_CREATE);
  EXPECT_EQ(run(slot_), EEXIST);
  set(yes("file"), "user.none", "x", XATTR_REPLACE);
  EXPECT_EQ(run(slot_), ENODATA);
  EXPECT_EQ(value_of(yes("file"), "user.a"), "value");
  set(yes("file"), "user.a", "x", 0x10);
  EXPECT_EQ(run(slot_), EINVAL);
  set(yes("file"), "trusted.x", "x").caller(1000, 1000);
  EXPECT_EQ(run(slot_), EPERM);
}

TEST_F(Setxattr, NeverFollowsALink)
{
  write_file(no("file"), "");
  EXPECT_EQ(::symlink(no("file").c_str(), yes("link").c_str()), 0);
  set(yes("link"), "trusted.x", "x");
  EXPECT_EQ(run(slot_), 0);
  EXPECT_EQ(value_of(yes("link"), "trusted.x"), "x");
  EXPECT_EQ(value_of(no("file"), "trusted.x"), "(none)");
  set(yes("link"), "user.x", "x");
  EXPECT_EQ(run(slot_), EPERM); // as for every link
}

// The historical engine left an empty one.
TEST_F(Removexattr, RemovesIt)
{
  remove("user.a");
  EXPECT_EQ(run(slot_), 0);
  EXPECT_EQ(value_of(yes("file"), "user.a"), "(none)");
  remove("user.a");
  EXPECT_EQ(run(slot_), ENODATA);
}

} // namespace qtfs::test
