// SPDX-License-Identifier: GPL-2.0

#include "whitelist_text.hh"

#include <algorithm>
#include <gtest/gtest.h>

#include "random.hh"

namespace qtfs::test {

namespace {

WhitelistText text_of(const std::string &text)
{
  Result<WhitelistText, Whitelist::Error> parsed = WhitelistText::parse(text, "file");

  EXPECT_TRUE(parsed) << parsed.error().text();
  return parsed ? std::move(*parsed) : *WhitelistText::parse("", "file");
}

// The text after an edit, or the error.
std::string after(const Result<WhitelistText, std::string> &edited)
{
  return edited ? edited->text() : edited.error();
}

} // namespace

TEST(WhitelistText, TellsWhereItemsAre)
{
  const WhitelistText text = text_of("# x\n[Open]\nPath=/a;/b/\n\n[Open]\nPath=/c\n");
  const std::vector<WhitelistItem> items = text.items(Section::Open);

  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[1].value, "/b");
  EXPECT_EQ(items[1].line, 3u);
  EXPECT_EQ(items[2].line, 6u);
  ASSERT_NE(text.allowing(Section::Open, "/c/d"), nullptr);
  EXPECT_EQ(text.allowing(Section::Open, "/c/d")->line, 6u);
  EXPECT_EQ(text.allowing(Section::Open, "/cd"), nullptr);
  EXPECT_EQ(text.allowing(Section::Read, "/a"), nullptr);
}

TEST(WhitelistText, AddsBehindTheSection)
{
  EXPECT_EQ(after(text_of("[Open]\nPath=/a\n\n# next\n[Read]\n").with(Section::Open, "/b")),
            "[Open]\nPath=/a\nPath=/b\n\n# next\n[Read]\n");
  EXPECT_EQ(after(text_of("[Open]\n[Read]\nPath=/r").with(Section::Read, "/s/")),
            "[Open]\n[Read]\nPath=/r\nPath=/s\n");
  EXPECT_EQ(after(text_of("[Open]\n[Read]\n").with(Section::Open, "/a")),
            "[Open]\nPath=/a\n[Read]\n");
  EXPECT_EQ(after(text_of("").with(Section::Open, "/a")), "\n[Open]\nPath=/a\n");
  EXPECT_EQ(after(text_of("[Kill]\n").with(Section::Kill, "qemu")), "[Kill]\nPath=qemu\n");
}

TEST(WhitelistText, AddsOnce)
{
  const std::string text = "[Open]\nPath=/a/b;/c\n";

  EXPECT_EQ(after(text_of(text).with(Section::Open, "/a//b/")), text);
  EXPECT_EQ(after(text_of(text).with(Section::Open, "/a")), text + "Path=/a\n");
}

TEST(WhitelistText, EscapesWhatItAdds)
{
  for (const char *path : {"/a;b", "/a\\b", "/a b", "/end ", "/\\;", "/a\\s"}) {
    const Result<WhitelistText, std::string> text = text_of("[Open]\n").with(Section::Open, path);

    ASSERT_TRUE(text) << path << ": " << text.error();
    ASSERT_EQ(text->items(Section::Open).size(), 1u) << path;
    EXPECT_EQ(text->items(Section::Open)[0].value, path);
  }
}

TEST(WhitelistText, RefusesWhatItCantHold)
{
  const WhitelistText text = text_of("[Open]\n");

  EXPECT_FALSE(text.with(Section::Open, ""));
  EXPECT_FALSE(text.with(Section::Open, "relative"));
  EXPECT_FALSE(text.with(Section::Open, "/a/../b"));
  EXPECT_FALSE(text.with(Section::Open, "/a\n[Write]\nPath=/"));
  EXPECT_FALSE(text.with(Section::Open, std::string("/a\0b", 4)));
  EXPECT_FALSE(text.with(Section::Open, "/a\t"));
  EXPECT_FALSE(text.with(Section::Open, "/a\t/"));
  EXPECT_FALSE(text.with(Section::Open, "/" + std::string(5000, 'a')));
}

// A section that nobody wrote must not take away what another one allowed.
TEST(WhitelistText, AddingNeverAllowsLess)
{
  const WhitelistText text = text_of("[Create]\nPath=/c;/d\n");
  const Result<WhitelistText, std::string> more = text.with(Section::Link, "/l");

  ASSERT_TRUE(more);
  const Whitelist whitelist = more->whitelist();
  for (const char *path : {"/c", "/d", "/l"})
    EXPECT_TRUE(whitelist.allows(Section::Link, path)) << path;
  EXPECT_FALSE(whitelist.allows(Section::Create, "/l"));
}

TEST(WhitelistText, RemovesAnItem)
{
  const std::string one = "[Open]\nPath=/a\n# c\nPath=/b\n";

  EXPECT_EQ(after(text_of(one).without(Section::Open, 0)), "[Open]\n# c\nPath=/b\n");
  EXPECT_EQ(after(text_of(one).without(Section::Open, 1)), "[Open]\nPath=/a\n# c\n");
  EXPECT_EQ(after(text_of("[Open]\nPath=/a").without(Section::Open, 0)), "[Open]\n");

  const std::string row = "[Open]\nPath= /a ;/b; /c\n";
  EXPECT_EQ(after(text_of(row).without(Section::Open, 0)), "[Open]\nPath=/b; /c\n");
  EXPECT_EQ(after(text_of(row).without(Section::Open, 1)), "[Open]\nPath= /a ; /c\n");
  EXPECT_EQ(after(text_of(row).without(Section::Open, 2)), "[Open]\nPath= /a ;/b\n");
  EXPECT_EQ(after(text_of("[Open]\nPath=/a;/b;\n").without(Section::Open, 1)),
            "[Open]\nPath=/a;\n");
}

TEST(WhitelistText, TellsWhatItCantRemove)
{
  const WhitelistText text = text_of("[Create]\nPath=/c\n");

  EXPECT_FALSE(text.without(Section::Create, 1));
  EXPECT_FALSE(text.without(Section::Open, 0));
  EXPECT_NE(after(text.without(Section::Link, 0)).find("[Create]"), std::string::npos);
}

// Whatever is added and removed: the rest stays, and the text stays good.
TEST(WhitelistText, EditsAtRandom)
{
  std::mt19937_64 random = reproducible_random(7);
  const std::vector<std::string> paths = {"/a", "/a;b", "/ c ", "/d/e", "/\\", "/f"};
  WhitelistText text = text_of("# head\n[Open]\nPath=/x;/y\n[Read]\n");
  std::vector<std::string> expected = {"/x", "/y"};

  for (int i = 0; i < 2000; i++) {
    const std::string &path = paths[random() % paths.size()];
    if (random() % 2) {
      if (std::ranges::find(expected, path) == expected.end())
        expected.push_back(path);
      text = *text.with(Section::Open, path);
    } else if (!expected.empty()) {
      const std::size_t index = random() % expected.size();
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(index));
      text = *text.without(Section::Open, index);
    }
    std::vector<std::string> values;
    for (const WhitelistItem &item : text.items(Section::Open))
      values.push_back(item.value);
    ASSERT_EQ(values, expected) << text.text();
    ASSERT_TRUE(text.has(Section::Open) && text.has(Section::Read));
  }
}

} // namespace qtfs::test
