// SPDX-License-Identifier: GPL-2.0

#include "audit.hh"

#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <thread>

#include "engine_fixture.hh"
#include "json.hh"
#include "read_all.hh"

namespace qtfs::test {

namespace {

std::vector<Json> lines_of(const std::string &file)
{
  std::ifstream in(file);
  std::vector<Json> lines;

  for (std::string line; std::getline(in, line);)
    lines.push_back(*Json::parse(line));
  return lines;
}

} // namespace

TEST(Audit, TellsWhoDidWhat)
{
  const TempDir dir;
  const std::string file = dir / "audit";
  FakeSlot fake;
  {
    Result<std::unique_ptr<engine::Audit>, std::string> audit = engine::Audit::open(file);
    ASSERT_TRUE(audit) << audit.error();
    fake.request(QTFS_OP_MKDIR).node(dir.path()).name("new\xff");
    ASSERT_TRUE(fake.sealed().fetch());
    fake.slot().done(EACCES);
    (*audit)->record(fake.slot());
    fake.request(QTFS_OP_GETATTR).node(dir.path());
    ASSERT_TRUE(fake.sealed().fetch());
    fake.slot().done(0);
    (*audit)->record(fake.slot());
  }
  const std::vector<Json> lines = lines_of(file);
  struct stat st;

  ASSERT_EQ(lines.size(), 1u) << "GETATTR changes nothing";
  EXPECT_EQ(lines[0].string("op"), "MKDIR");
  EXPECT_EQ(lines[0].string("path"), dir / "new\\xff");
  EXPECT_EQ(lines[0].string("result"), "EACCES");
  EXPECT_EQ(lines[0].number("uid"), 0);
  ASSERT_EQ(::stat(file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
}

// The reader of a pipe that is full: what doesn't fit is counted, and nobody waits.
TEST(Audit, CountsWhatItDrops)
{
  const TempDir dir;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd from(ends[0]);
  FakeSlot fake;
  fake.request(QTFS_OP_RMDIR).node(dir.path()).name(std::string(200, 'x'));
  ASSERT_TRUE(fake.sealed().fetch());
  fake.slot().done(0);

  constexpr std::size_t sent = 3 * engine::Audit::capacity;
  auto audit = std::make_unique<engine::Audit>(Fd(ends[1]));
  for (std::size_t i = 0; i < sent; i++)
    audit->record(fake.slot());

  std::thread end([&] { audit.reset(); });
  const Result<std::string> text = read_all(from.get());
  end.join();
  ASSERT_TRUE(text);

  std::size_t told = 0;
  std::size_t dropped = 0;
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) {
    const std::optional<Json> json = Json::parse(line);
    ASSERT_TRUE(json) << line;
    dropped += static_cast<std::size_t>(json->number("dropped").value_or(0));
    told += json->string("op") ? 1 : 0;
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(told + dropped, sent);
}

TEST(Audit, WritesWhatReadersOfJsonTake)
{
  EXPECT_EQ(engine::valid_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
            "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(engine::valid_utf8("\xc3"), "\\xc3");
  EXPECT_EQ(engine::valid_utf8("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(engine::valid_utf8("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(engine::valid_utf8("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

} // namespace qtfs::test
