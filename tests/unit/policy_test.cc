// SPDX-License-Identifier: GPL-2.0
//
// docs/design.md, section 5: which sections have a say in which operation, and
// about which path.

#include <algorithm>
#include <fcntl.h>
#include <functional>
#include <set>
#include <sys/xattr.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

using Sections = std::set<Section>;

struct Operation {
  const char *what;
  unsigned op;
  Sections sections; // all have to agree
  // Fills in the request; @at is the directory that it is about.
  std::function<void(FakeSlot &, const std::string &at)> fill;
};

std::ostream &operator<<(std::ostream &out, const Operation &operation)
{
  return out << operation.what;
}

void open_with(FakeSlot &slot, const std::string &path, std::uint32_t flags)
{
  slot.node(path).body(qtfs_open{le(flags), 0});
}

void create_with(FakeSlot &slot, const std::string &at, const char *name, std::uint32_t flags)
{
  slot.node(at).name(name).body(qtfs_open{le(flags), le(__u32{0644})});
}

void set_with(FakeSlot &slot, const std::string &path, std::uint32_t valid)
{
  qtfs_setattr body = {};

  body.valid = le(valid);
  body.mode = le(__u32{0600});
  slot.node(path).body(body);
}

constexpr std::uint32_t rdonly = 0;
constexpr std::uint32_t wronly = 1;
constexpr std::uint32_t rdwr = 2;

} // namespace

class EveryOperation : public EngineTest, public testing::WithParamInterface<Operation> {
protected:
  // The same files everywhere.
  void make_files(const std::string &at)
  {
    ::mkdir(at.c_str(), 0777);
    write_file(at + "/file", "text");
    write_file(at + "/other", "text");
    ::mkdir((at + "/dir").c_str(), 0777);
    EXPECT_EQ(::symlink("file", (at + "/link").c_str()), 0);
    ::setxattr((at + "/file").c_str(), "user.a", "b", 1, 0);
  }

  int execute(const std::string &at)
  {
    slot_.request(GetParam().op);
    GetParam().fill(slot_, at);
    return run(slot_);
  }
};

TEST_P(EveryOperation, IsAllowedByItsSectionsAndNoOthers)
{
  // In a file of only those sections it is allowed ...
  std::string text;
  for (const Section section : GetParam().sections)
    text.append("[").append(section_name(section)).append("]\nPath=").append(yes()).append("\n");
  make_files(yes());
  use_whitelist(text);
  EXPECT_EQ(execute(yes()), 0);

  // ... and each of them is needed.  (What falls back isn't missed: present,
  // but empty.)
  for (std::size_t i = 0; i < section_count; i++) {
    const auto section = static_cast<Section>(i);
    const std::string at = yes("without" + std::to_string(i));

    make_files(at);
    use_whitelist(everything_but(section_name(section), yes()));
    EXPECT_EQ(execute(at), GetParam().sections.contains(section) ? EACCES : 0)
      << section_name(section);
  }
}

TEST_P(EveryOperation, IsRefusedElsewhere)
{
  make_files(no());
  const int expected = GetParam().sections.empty() ? 0 : EACCES;
  EXPECT_EQ(execute(no()), expected);

  // A longer name of the same beginning is elsewhere, too.
  make_files(yes() + "s");
  EXPECT_EQ(execute(yes() + "s"), expected);
}

TEST_P(EveryOperation, IsRefusedWhereThePathIsNotKnown)
{
  if (GetParam().op == QTFS_OP_ATTACH || GetParam().op == QTFS_OP_FIND ||
      GetParam().sections.empty())
    GTEST_SKIP();
  make_files(yes());
  use_whitelist(everything("/"));
  slot_.request(GetParam().op);
  GetParam().fill(slot_, yes());
  slot_.unknown_path(0);
  EXPECT_EQ(run(slot_), EACCES);
}

static std::vector<Operation> operations()
{
  return {
    {"Attach",
     QTFS_OP_ATTACH,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.name(at + "/dir"); }},
    {"Lookup",
     QTFS_OP_LOOKUP,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at).name("file"); }},
    {"Find",
     QTFS_OP_FIND,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at).name("/file").body(find_body(at + "/file"));
     }},
    {"Getattr",
     QTFS_OP_GETATTR,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/file"); }},
    {"OpenFifo",
     QTFS_OP_OPEN_FIFO,
     {Section::Open, Section::Read},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at + "/file").body(qtfs_open_fifo{0, le(__u32{O_RDONLY}), 0});
     }},
    {"FileattrGet",
     QTFS_OP_FILEATTR_GET,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/file"); }},
    {"FileattrSet",
     QTFS_OP_FILEATTR_SET,
     {Section::Setattr},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at + "/file")
         .body(qtfs_fileattr{le(__u32{QTFS_FILEATTR_FLAGS}), 0, 0, 0, 0, 0, 0, 0});
     }},
    {"Tmpfile",
     QTFS_OP_TMPFILE,
     {Section::Open, Section::Write, Section::Create},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at + "/dir").body(qtfs_open{le(__u32{wronly}), le(__u32{0600})});
     }},
    {"OpenName",
     QTFS_OP_OPEN_NAME,
     {Section::Mount, Section::Open, Section::Read},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at).name("file").body(qtfs_open_name{0, 0});
     }},
    {"Readlink",
     QTFS_OP_READLINK,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/link"); }},
    {"Statfs",
     QTFS_OP_STATFS,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/file"); }},
    {"Getxattr",
     QTFS_OP_GETXATTR,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/file").name("user.a"); }},
    {"Listxattr",
     QTFS_OP_LISTXATTR,
     {Section::Mount},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/file"); }},
    {"OpenToRead",
     QTFS_OP_OPEN,
     {Section::Open, Section::Read},
     [](FakeSlot &slot, const std::string &at) { open_with(slot, at + "/file", rdonly); }},
    {"OpenToWrite",
     QTFS_OP_OPEN,
     {Section::Open, Section::Write},
     [](FakeSlot &slot, const std::string &at) { open_with(slot, at + "/file", wronly); }},
    {"OpenForBoth",
     QTFS_OP_OPEN,
     {Section::Open, Section::Read, Section::Write},
     [](FakeSlot &slot, const std::string &at) { open_with(slot, at + "/file", rdwr); }},
    {"OpenForIoctls",
     QTFS_OP_OPEN,
     {Section::Open, Section::Read, Section::Write},
     [](FakeSlot &slot, const std::string &at) { open_with(slot, at + "/file", 3); }},
    {"OpenToReadTruncated",
     QTFS_OP_OPEN,
     {Section::Open, Section::Read, Section::Write},
     [](FakeSlot &slot, const std::string &at) {
       open_with(slot, at + "/file", rdonly | QTFS_O_TRUNC);
     }},
    {"OpenDirectory",
     QTFS_OP_OPEN,
     {Section::Readdir},
     [](FakeSlot &slot, const std::string &at) {
       open_with(slot, at + "/dir", rdonly | QTFS_O_DIRECTORY);
     }},
    {"Read",
     QTFS_OP_READ,
     {Section::Read},
     [](FakeSlot &slot, const std::string &at) {
       slot.open(at + "/file", O_RDONLY, rdonly).body(qtfs_read{0, le(__u32{4}), 0});
     }},
    {"Write",
     QTFS_OP_WRITE,
     {Section::Write},
     [](FakeSlot &slot, const std::string &at) {
       slot.open(at + "/file", O_WRONLY, wronly).data("x");
     }},
    {"Fsync",
     QTFS_OP_FSYNC,
     {},
     [](FakeSlot &slot, const std::string &at) { slot.open(at + "/file", O_WRONLY, wronly); }},
    {"Fallocate",
     QTFS_OP_FALLOCATE,
     {Section::Write},
     [](FakeSlot &slot, const std::string &at) {
       slot.open(at + "/file", O_WRONLY, wronly).body(qtfs_fallocate{0, le(__u64{8}), 0, 0});
     }},
    {"Lseek",
     QTFS_OP_LSEEK,
     {},
     [](FakeSlot &slot, const std::string &at) {
       slot.open(at + "/file", O_RDONLY, rdonly).body(qtfs_lseek{0, le(__u32{SEEK_HOLE}), 0});
     }},
    {"Readdir",
     QTFS_OP_READDIR,
     {Section::Readdir},
     [](FakeSlot &slot, const std::string &at) {
       slot.open(at + "/dir", O_RDONLY, QTFS_O_DIRECTORY).body(qtfs_readdir{0, le(__u32{4096}), 0});
     }},
    {"OpenDir",
     QTFS_OP_OPEN_DIR,
     {Section::Readdir},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at + "/dir").body(qtfs_open_dir{0, le(__u32{4096}), 0, 0});
     }},
    {"CreateToRead",
     QTFS_OP_CREATE,
     {Section::Open, Section::Read, Section::Create},
     [](FakeSlot &slot, const std::string &at) { create_with(slot, at, "new", rdonly); }},
    {"CreateToWrite",
     QTFS_OP_CREATE,
     {Section::Open, Section::Write, Section::Create},
     [](FakeSlot &slot, const std::string &at) { create_with(slot, at, "new", wronly); }},
    {"CreateExisting",
     QTFS_OP_CREATE,
     {Section::Open, Section::Write},
     [](FakeSlot &slot, const std::string &at) { create_with(slot, at, "file", wronly); }},
    {"Mknod",
     QTFS_OP_MKNOD,
     {Section::Create},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at).name("new").body(qtfs_mknod{le(__u32{S_IFIFO | 0600}), 0});
     }},
    {"Mkdir",
     QTFS_OP_MKDIR,
     {Section::Mkdir},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at).name("new").body(qtfs_mkdir{le(__u32{0755}), 0});
     }},
    {"Rmdir",
     QTFS_OP_RMDIR,
     {Section::Rmdir},
     [](FakeSlot &slot, const std::string &at) { slot.node(at).name("dir"); }},
    {"Unlink",
     QTFS_OP_UNLINK,
     {Section::Unlink},
     [](FakeSlot &slot, const std::string &at) { slot.node(at).name("file"); }},
    {"Symlink",
     QTFS_OP_SYMLINK,
     {Section::Symlink},
     [](FakeSlot &slot, const std::string &at) { slot.node(at).name("new", "/target"); }},
    {"Link",
     QTFS_OP_LINK,
     {Section::Link},
     [](FakeSlot &slot, const std::string &at) { slot.node(at).node2(at + "/file").name("new"); }},
    {"Rename",
     QTFS_OP_RENAME,
     {Section::Rename},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at).node2(at + "/dir").name("file", "new");
     }},
    {"Chmod",
     QTFS_OP_SETATTR,
     {Section::Setattr},
     [](FakeSlot &slot, const std::string &at) { set_with(slot, at + "/file", QTFS_SET_MODE); }},
    {"Truncate",
     QTFS_OP_SETATTR,
     {Section::Setattr},
     [](FakeSlot &slot, const std::string &at) { set_with(slot, at + "/file", QTFS_SET_SIZE); }},
    {"TruncateByOpen",
     QTFS_OP_SETATTR,
     {Section::Write},
     [](FakeSlot &slot, const std::string &at) {
       set_with(slot, at + "/file", QTFS_SET_SIZE | QTFS_SET_BY_OPEN | QTFS_SET_MTIME_NOW);
     }},
    {"TruncateByOpenAndChmod",
     QTFS_OP_SETATTR,
     {Section::Write, Section::Setattr},
     [](FakeSlot &slot, const std::string &at) {
       set_with(slot, at + "/file", QTFS_SET_SIZE | QTFS_SET_BY_OPEN | QTFS_SET_MODE);
     }},
    {"Setxattr",
     QTFS_OP_SETXATTR,
     {Section::Setxattr},
     [](FakeSlot &slot, const std::string &at) {
       slot.node(at + "/file").name("user.c").data("d");
     }},
    {"Removexattr",
     QTFS_OP_REMOVEXATTR,
     {Section::Setxattr},
     [](FakeSlot &slot, const std::string &at) { slot.node(at + "/file").name("user.a"); }},
  };
}

INSTANTIATE_TEST_SUITE_P(All, EveryOperation, testing::ValuesIn(operations()),
                         [](const testing::TestParamInfo<Operation> &test) {
                           return test.param.what;
                         });

using Policy = EngineTest;

// The historical engine looked at the old name only.
TEST_F(Policy, RenameIsJudgedAtBothEnds)
{
  write_file(yes("a"), "");
  write_file(no("b"), "");
  slot_.request(QTFS_OP_RENAME).node(yes()).node2(no()).name("a", "a");
  EXPECT_EQ(run(slot_), EACCES);
  slot_.request(QTFS_OP_RENAME).node(no()).node2(yes()).name("b", "b");
  EXPECT_EQ(run(slot_), EACCES);
  EXPECT_TRUE(exists(yes("a")));
  EXPECT_TRUE(exists(no("b")));
}

// Else any file of the file system could be had under a name that is allowed.
TEST_F(Policy, LinkIsJudgedByTheFileAsWell)
{
  write_file(no("secret"), "");
  slot_.request(QTFS_OP_LINK).node(yes()).node2(no("secret")).name("mine");
  EXPECT_EQ(run(slot_), EACCES);
  EXPECT_FALSE(exists(yes("mine")));
}

TEST_F(Policy, OldFilesGovernYoungOperations)
{
  write_file(yes("file"), "");
  use_whitelist("[Create]\nPath=" + yes() + "\n");
  slot_.request(QTFS_OP_LINK).node(yes()).node2(yes("file")).name("second");
  EXPECT_EQ(run(slot_), 0);
  slot_.request(QTFS_OP_SYMLINK).node(yes()).name("link", "target");
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Policy, AnItemMayBeAFile)
{
  write_file(yes("one"), "1");
  write_file(yes("two"), "2");
  use_whitelist("[Open]\nPath=" + yes("one") + "\n[Read]\nPath=" + yes("one") + "\n");
  slot_.request(QTFS_OP_OPEN).node(yes("one"));
  EXPECT_EQ(run(slot_), 0);
  slot_.request(QTFS_OP_OPEN).node(yes("two"));
  EXPECT_EQ(run(slot_), EACCES);
}

TEST_F(Policy, RefusalTellsNothingOfWhatIsThere)
{
  write_file(no("file"), "");
  for (const char *name : {"file", "nothing"}) {
    slot_.request(QTFS_OP_LOOKUP).node(no()).name(name);
    EXPECT_EQ(run(slot_), EACCES) << name;
    slot_.request(QTFS_OP_UNLINK).node(no()).name(name);
    EXPECT_EQ(run(slot_), EACCES) << name;
    slot_.request(QTFS_OP_CREATE)
      .node(no())
      .name(name)
      .body(qtfs_open{le(__u32{1 | QTFS_O_EXCL}), 0});
    EXPECT_EQ(run(slot_), EACCES) << name;
  }
}

TEST_F(Policy, ChangesWithTheNextRequest)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_GETATTR).node(yes("file"));
  EXPECT_EQ(run(slot_), 0);

  Result<Whitelist, Whitelist::Error> none = Whitelist::parse("", "none");
  ASSERT_TRUE(none);
  policy_->replace(std::move(*none));
  slot_.request(QTFS_OP_GETATTR).node(yes("file"));
  EXPECT_EQ(run(slot_), EACCES);
}

TEST(Judge, RemembersWhatWasMissingFirst)
{
  const Result<Whitelist, Whitelist::Error> list = Whitelist::parse("[Open]\nPath=/a\n", "test");
  ASSERT_TRUE(list);
  engine::Judge judge(*list);

  EXPECT_TRUE(judge.allows(Section::Open, "/a/b"));
  EXPECT_FALSE(judge.refusal());
  EXPECT_FALSE(judge.allows_open(2, "/a/b"));
  EXPECT_FALSE(judge.allows(Section::Open, "/b"));
  ASSERT_TRUE(judge.refusal());
  EXPECT_EQ(judge.refusal()->section, Section::Read);
  EXPECT_EQ(judge.refusal()->path, "/a/b");
}

TEST(ChildPath, IsTheDirectoryASlashAndTheName)
{
  EXPECT_EQ(engine::child_path("/a/b", "c"), "/a/b/c");
  EXPECT_EQ(engine::child_path("/", "c"), "/c");
  EXPECT_EQ(engine::child_path("", "c"), ""); // not known: never "/c"
}

} // namespace qtfs::test
