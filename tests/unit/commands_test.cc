// SPDX-License-Identifier: GPL-2.0

#include "commands.hh"

#include <fstream>

#include "engine_fixture.hh"
#include "read_all.hh"

namespace qtfs::test {

namespace {

class CommandsTest : public testing::Test {
protected:
  static constexpr const char *text = "# mine\n[Open]\nPath=/a;/b\n";

  CommandsTest()
  {
    std::ofstream(file_) << text;
    ::chmod(file_.c_str(), 0640);
  }

  Json ask(const std::string &request) { return *Json::parse(commands_.answer(request)); }
  std::string content() const { return *read_file(file_); }

  TempDir dir_;
  std::string file_ = dir_ / "whitelist";
  std::error_code error_; // of the module
  Whitelist enforced_;
  unsigned times_ = 0;
  engine::Commands commands_{*WhitelistText::parse(text, file_), 4, [this](Whitelist whitelist) {
                               if (!error_)
                                 enforced_ = std::move(whitelist);
                               times_++;
                               return error_;
                             }};
};

} // namespace

TEST_F(CommandsTest, AddIsInForceAtOnce)
{
  const Json answer = ask(R"({"op":"add","section":"write","item":"/w"})");

  EXPECT_TRUE(answer.flag("ok") && answer.flag("changed"));
  EXPECT_TRUE(enforced_.allows(Section::Write, "/w/x"));
  EXPECT_TRUE(enforced_.allows(Section::Open, "/a"));
  EXPECT_EQ(content(), text) << "the file stays";
  EXPECT_TRUE(ask(R"({"op":"status"})").flag("edited"));

  // Nothing new: the module's grants stay.
  EXPECT_FALSE(ask(R"({"op":"add","section":"write","item":"/w"})").flag("changed"));
  EXPECT_EQ(times_, 1u);
}

TEST_F(CommandsTest, RemoveTellsWhatItRemoved)
{
  EXPECT_EQ(ask(R"({"op":"remove","section":"open","index":0})").string("item"), "/a");
  EXPECT_FALSE(enforced_.allows(Section::Open, "/a"));
  EXPECT_TRUE(enforced_.allows(Section::Open, "/b"));
  EXPECT_FALSE(ask(R"({"op":"remove","section":"open","index":1})").flag("ok"));
  EXPECT_FALSE(ask(R"({"op":"remove","section":"open","index":-1})").flag("ok"));
}

TEST_F(CommandsTest, WhatTheModuleRefusesIsNotInForce)
{
  error_ = errno_code(ESHUTDOWN);
  EXPECT_FALSE(ask(R"({"op":"add","section":"open","item":"/c"})").flag("ok"));
  EXPECT_EQ(ask(R"({"op":"get"})").string("text"), text);
}

TEST_F(CommandsTest, SaveKeepsModeAndComments)
{
  struct stat st;

  ask(R"({"op":"add","section":"open","item":"/c"})");
  EXPECT_TRUE(ask(R"({"op":"save"})").flag("ok"));
  EXPECT_EQ(content(), "# mine\n[Open]\nPath=/a;/b\nPath=/c\n");
  EXPECT_FALSE(ask(R"({"op":"status"})").flag("edited"));
  ASSERT_EQ(::stat(file_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
}

TEST_F(CommandsTest, SaveLeavesSomebodyElsesChangeAlone)
{
  ask(R"({"op":"add","section":"open","item":"/c"})");
  std::ofstream(file_) << "[Open]\nPath=/theirs\n";
  EXPECT_FALSE(ask(R"({"op":"save"})").flag("ok"));
  EXPECT_EQ(content(), "[Open]\nPath=/theirs\n");

  EXPECT_TRUE(ask(R"({"op":"reload"})").flag("ok"));
  EXPECT_TRUE(enforced_.allows(Section::Open, "/theirs"));
  EXPECT_FALSE(enforced_.allows(Section::Open, "/c"));
}

TEST_F(CommandsTest, AMistakeInTheFileChangesNothing)
{
  std::ofstream(file_) << "[Open]\nPatch=/\n";
  const Json answer = ask(R"({"op":"reload"})");

  EXPECT_FALSE(answer.flag("ok"));
  EXPECT_NE(answer.string("error").value_or("").find(file_ + ":2: "), std::string::npos);
  EXPECT_EQ(times_, 0u);
}

TEST_F(CommandsTest, NonsenseIsRefused)
{
  for (const char *line :
       {"", "x", "[]", "7", "null", "{}", R"({"op":7})", R"({"op":"dance"})", R"({"op":"add"})",
        R"({"op":"add","section":"x","item":"/"})", R"({"op":"add","section":"open","item":7})",
        R"({"op":"remove","section":"open","index":"0"})"})
    EXPECT_FALSE(ask(line).flag("ok")) << line;
  EXPECT_EQ(times_, 0u);
}

} // namespace qtfs::test
