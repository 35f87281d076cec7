// SPDX-License-Identifier: GPL-2.0

#include "whitelist.hh"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <vector>

#include "random.hh"

namespace qtfs::test {

namespace {

Whitelist parsed(const std::string &text)
{
  Result<Whitelist, Whitelist::Error> whitelist = Whitelist::parse(text, "file");

  EXPECT_TRUE(whitelist) << whitelist.error().text();
  return whitelist ? std::move(*whitelist) : Whitelist();
}

} // namespace

TEST(Whitelist, AllowsAnItemAndWhatLiesBelow)
{
  const Whitelist list = parsed("[Open]\nPath=/srv/x;/etc/passwd\n");

  for (const char *path : {"/srv/x", "/srv/x/a", "/srv/x/a/b", "/etc/passwd"})
    EXPECT_TRUE(list.allows(Section::Open, path)) << path;
  for (const char *path : {"/srv/xy", "/srv/x-y", "/srv/x.y/z", "/srv", "/", "", "/etc",
                           "/etc/passwd-", "srv/x", "/srv/X"})
    EXPECT_FALSE(list.allows(Section::Open, path)) << path;
}

TEST(Whitelist, RootAllowsEverything)
{
  const Whitelist list = parsed("[Open]\nPath=/\n");

  EXPECT_TRUE(list.allows(Section::Open, "/"));
  EXPECT_TRUE(list.allows(Section::Open, "/a/b"));
  EXPECT_FALSE(list.allows(Section::Open, "")); // a path that can't be told
  EXPECT_FALSE(list.allows(Section::Open, "(unreachable)/a"));
}

TEST(Whitelist, MissingSectionRefuses)
{
  const Whitelist list = parsed("[Open]\nPath=/\n[Write]\n");

  EXPECT_FALSE(list.allows(Section::Read, "/a"));
  EXPECT_FALSE(list.allows(Section::Write, "/a"));
  EXPECT_FALSE(Whitelist().allows(Section::Open, "/a"));
}

TEST(Whitelist, YoungSectionsFallBack)
{
  const Whitelist old = parsed("[Create]\nPath=/c\n[Mount]\nPath=/m\n");

  EXPECT_TRUE(old.allows(Section::Link, "/c/x"));
  EXPECT_TRUE(old.allows(Section::Symlink, "/c/x"));
  EXPECT_TRUE(old.allows(Section::Remotemount, "/m/x"));
  EXPECT_FALSE(old.allows(Section::Link, "/m/x"));
  EXPECT_FALSE(old.allows(Section::Ioctl, "/c/x"));

  // Once present, though empty, the section itself governs.
  const Whitelist own = parsed("[Create]\nPath=/c\n[Link]\n[Symlink]\nPath=/s\n");
  EXPECT_FALSE(own.allows(Section::Link, "/c/x"));
  EXPECT_FALSE(own.allows(Section::Symlink, "/c/x"));
  EXPECT_TRUE(own.allows(Section::Symlink, "/s/x"));
}

TEST(Whitelist, NormalisesItems)
{
  const Whitelist list = parsed("[Open]\nPath=/a/;//b//c/./d/;/./e\n");

  EXPECT_EQ(list.items(Section::Open), (std::vector<std::string>{"/a", "/b/c/d", "/e"}));
}

TEST(Whitelist, DropsRedundantItems)
{
  const Whitelist list = parsed("[Open]\nPath=/a/b;/a-b;/a;/a/b/c;/a;/a.b\n");

  EXPECT_EQ(list.items(Section::Open), (std::vector<std::string>{"/a", "/a-b", "/a.b"}));
  EXPECT_EQ(parsed("[Open]\nPath=/x;/;/y\n").items(Section::Open), std::vector<std::string>{"/"});
}

TEST(Whitelist, RepeatedKeysAndSectionsAdd)
{
  const Whitelist list =
    parsed("[Open]\nPath=/a\nPath=/b\n[Read]\nPath=/r\n[open]\npath = /c ; /d\n");

  EXPECT_EQ(list.items(Section::Open), (std::vector<std::string>{"/a", "/b", "/c", "/d"}));
}

TEST(Whitelist, ReadsWhatGLibReads)
{
  const Whitelist list =
    parsed("# comment\r\n\r\n  [ReadDir]\t\n# [Foo]\nPath=/a;\nPath=/with\\;semi;/back\\\\slash;"
           "/end\\s\n[KILL]\nPath=qemu-kvm;(sd-pam)");

  EXPECT_EQ(list.items(Section::Readdir),
            (std::vector<std::string>{"/a", "/back\\slash", "/end ", "/with;semi"}));
  EXPECT_EQ(list.items(Section::Kill), (std::vector<std::string>{"(sd-pam)", "qemu-kvm"}));
}

TEST(Whitelist, AllowsProcessesByNameAndByProgram)
{
  const Whitelist list = parsed("[Kill]\nPath=qemu-kvm;(sd-pam);/usr/lib/x//;/opt/y");

  EXPECT_TRUE(list.allows_process("qemu-kvm", "/opt/qemu"));
  EXPECT_TRUE(list.allows_process("(sd-pam)", ""));
  EXPECT_FALSE(list.allows_process("qemu", "/opt/qemu"));
  EXPECT_FALSE(list.allows_process("qemu-kvm/x", "/opt/qemu"));
  EXPECT_TRUE(list.allows_process("any", "/usr/lib/x/program"));
  EXPECT_TRUE(list.allows_process("any", "/opt/y"));
  EXPECT_FALSE(list.allows_process("any", "/opt/yy"));
  EXPECT_FALSE(list.allows_process("any", ""));
  EXPECT_FALSE(list.allows_process("/opt/y", "/opt/z")) << "it can call itself what it likes";
  EXPECT_FALSE(parsed("[Kill]\n").allows_process("any", "/opt/y"));
  EXPECT_FALSE(Whitelist().allows_process("any", "/opt/y"));
  EXPECT_TRUE(parsed("[Kill]\nPath=/").allows_process("any", "/opt/y"));
  EXPECT_FALSE(parsed("[Kill]\nPath=/").allows_process("kthreadd", ""));
}

TEST(Whitelist, KnowsEverySectionInAnyCase)
{
  for (const char *name : {"Open", "Read", "Write", "Readdir", "Mkdir", "Rmdir", "Create", "Unlink",
                           "Rename", "Setattr", "Setxattr", "Mount", "Kill", "Udsconnect", "Link",
                           "Symlink", "Remotemount", "Ioctl"}) {
    std::string upper = name;

    std::ranges::transform(upper, upper.begin(), ::toupper);
    ASSERT_TRUE(section_of(name)) << name;
    EXPECT_EQ(section_name(*section_of(upper)), name);
  }
  EXPECT_FALSE(section_of(""));
  EXPECT_FALSE(section_of("Opens"));
}

struct BadFile {
  const char *what;
  std::string text;
  unsigned line;
  const char *reason;
};

std::ostream &operator<<(std::ostream &out, const BadFile &bad)
{
  return out << bad.what;
}

class WhitelistErrors : public testing::TestWithParam<BadFile> {};

TEST_P(WhitelistErrors, AreToldWithTheirLine)
{
  const BadFile &bad = GetParam();
  const Result<Whitelist, Whitelist::Error> whitelist = Whitelist::parse(bad.text, "/etc/w");

  ASSERT_FALSE(whitelist);
  EXPECT_EQ(whitelist.error().line, bad.line);
  EXPECT_NE(whitelist.error().reason.find(bad.reason), std::string::npos)
    << whitelist.error().reason;
  EXPECT_TRUE(whitelist.error().text().starts_with("/etc/w:" + std::to_string(bad.line) + ": "));
}

static std::vector<BadFile> bad_files()
{
  return {
    {"UnknownSection", "[Open]\nPath=/a\n\n[Opem]\n", 4, "unknown section \"Opem\""},
    {"BlankInSection", "[ Open ]\n", 1, "unknown section"},
    {"EmptySection", "[]\n", 1, "unknown section \"\""},
    {"UnclosedSection", "\n[Open\n", 2, "missing \"]\""},
    {"KeyBeforeSection", "# x\nPath=/a\n", 2, "outside of any section"},
    {"UnknownKey", "[Open]\nPaths=/a\n", 2, "unknown key \"Paths\""},
    {"LocaleKey", "[Open]\nPath[de]=/a\n", 2, "unknown key \"Path[de]\""},
    {"EmptyKey", "[Open]\n=/a\n", 2, "unknown key \"\""},
    {"Junk", "[Open]\n/a\n", 2, "expected"},
    {"IniComment", "[Open]\n; comment\n", 2, "expected"},
    {"RelativePath", "[Open]\nPath=/a;b\n", 2, "\"b\" doesn't begin"},
    {"DotDot", "[Open]\nPath=/a\nPath=/b/../c\n", 3, "\"..\" component"},
    {"DotDotAtTheEnd", "[Open]\nPath=/b/..\n", 2, "\"..\" component"},
    {"NoItem", "[Open]\nPath=\n", 2, "empty item"},
    {"EmptyItem", "[Open]\nPath=/a;;/b\n", 2, "empty item"},
    {"BlankItem", "[Open]\nPath=/a; ;/b\n", 2, "empty item"},
    {"FirstItemEmpty", "[Open]\nPath=;/b\n", 2, "empty item"},
    {"TwoSemicolonsAtTheEnd", "[Open]\nPath=/a;;\n", 2, "empty item"},
    {"EmptyProcess", "[Kill]\nPath=a;;b\n", 2, "empty item"},
    {"UnknownEscape", "[Open]\nPath=/a\\x\n", 2, "unknown escape"},
    {"HalfAnEscape", "[Open]\nPath=/a\\\n", 2, "unknown escape"},
    {"Nul", std::string("[Open]\nPath=/a\0b\n", 16), 2, "NUL"},
    {"LongPath", "[Open]\nPath=/" + std::string(4095, 'a') + "\n", 2, "longer than 4095"},
    {"LongLine", "[Open]\n#" + std::string(65536, 'a') + "\n", 2, "longer than 65536"},
  };
}

INSTANTIATE_TEST_SUITE_P(All, WhitelistErrors, testing::ValuesIn(bad_files()),
                         [](const testing::TestParamInfo<BadFile> &test) {
                           return test.param.what;
                         });

TEST(Whitelist, TakesTheLongestPathAndLine)
{
  const std::string path = "/" + std::string(4094, 'a');

  EXPECT_TRUE(parsed("[Open]\nPath=" + path + "\n").allows(Section::Open, path + "/b"));
  parsed("[Open]\n#" + std::string(65535, 'a') + "\nPath=/a\n");
}

TEST(Whitelist, LoadsAFile)
{
  const auto file = std::filesystem::temp_directory_path() / "qtfs-whitelist-test";
  std::ofstream(file) << "[Open]\nPath=/a\n[Nope]\n";

  const Result<Whitelist, Whitelist::Error> bad = Whitelist::load(file);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().text(), file.string() + ":3: unknown section \"Nope\"");

  std::ofstream(file) << "[Open]\nPath=/a\n";
  const Result<Whitelist, Whitelist::Error> good = Whitelist::load(file);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->allows(Section::Open, "/a"));
  std::filesystem::remove(file);
}

TEST(Whitelist, TellsWhyAFileCantBeRead)
{
  const Result<Whitelist, Whitelist::Error> none = Whitelist::load("/nonexistent/whitelist");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ENOENT);
  EXPECT_EQ(none.error().text(), "/nonexistent/whitelist: No such file or directory");

  const Result<Whitelist, Whitelist::Error> directory = Whitelist::load("/etc");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, EISDIR);
  EXPECT_FALSE(Whitelist::load("/dev/zero"));
}

// Against the definition itself, with names that sort around '/'.
TEST(Whitelist, AgreesWithTheDefinition)
{
  std::mt19937_64 random = reproducible_random(1);
  const std::vector<std::string> components = {"a", "b",   "ab",       "a-", "a.",
                                               "-", "a b", "\xc3\xa4", "A"};
  const auto pick = [&](std::size_t n) { return random() % n; };
  const auto random_path = [&] {
    std::string path;

    for (std::size_t n = pick(5); n > 0; n--)
      path += "/" + components[pick(components.size())];
    return path.empty() ? "/" : path;
  };

  for (int round = 0; round < 500; round++) {
    std::vector<std::string> items;
    std::string text = "[Open]\n";

    for (std::size_t n = 1 + pick(12); n > 0; n--) {
      items.push_back(random_path());
      if (items.back() == "/" && pick(10))
        items.back() = "/a"; // else nearly every list has it
      text += "Path=" + items.back() + "\n";
    }
    const Whitelist list = parsed(text);

    for (int i = 0; i < 100; i++) {
      const std::string path = random_path();
      const bool expected = std::ranges::any_of(items, [&](const std::string &item) {
        return item == "/" || path == item || path.starts_with(item + "/");
      });

      ASSERT_EQ(list.allows(Section::Open, path), expected) << path << " in\n" << text;
    }
  }
}

} // namespace qtfs::test
