// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include <gtest/gtest.h>

namespace qtfs::test {

namespace {

struct Parsed {
  Result<engine::Options, int> options;
  std::string said;
};

Parsed parse(std::vector<const char *> args)
{
  args.insert(args.begin(), "qtfs-engine");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Result<engine::Options, int> options =
    engine::parse_options(static_cast<int>(args.size()), args.data());
  std::string said = testing::internal::GetCapturedStdout();

  said += testing::internal::GetCapturedStderr();
  return {std::move(options), std::move(said)};
}

} // namespace

TEST(Options, HaveDefaults)
{
  const Parsed parsed = parse({});

  ASSERT_TRUE(parsed.options);
  EXPECT_GE(parsed.options->threads, 4u);
  EXPECT_EQ(parsed.options->whitelist, "/etc/qtfs/whitelist");
  EXPECT_EQ(parsed.options->log_level, "info");
  EXPECT_FALSE(parsed.options->udsproxyd);
}

TEST(Options, AreTaken)
{
  const Parsed parsed = parse({"--threads", "7", "--whitelist=/x", "--log-level", "debug"});

  ASSERT_TRUE(parsed.options) << parsed.said;
  EXPECT_EQ(parsed.options->threads, 7u);
  EXPECT_EQ(parsed.options->whitelist, "/x");
  EXPECT_EQ(parsed.options->log_level, "debug");
}

TEST(Options, HistoricalFormStartsUdsproxyd)
{
  using Args = std::vector<std::string>;

  const Parsed vsock = parse({"16", "1", "2", "12121", "10", "12121"});
  ASSERT_TRUE(vsock.options) << vsock.said;
  EXPECT_EQ(vsock.options->threads, 16u);
  EXPECT_EQ(vsock.options->udsproxyd, (Args{"1", "2", "12121", "10", "12121"}));

  const Parsed tcp =
    parse({"4", "1", "192.168.10.10", "12121", "fe80::1", "1", "--whitelist", "/w"});
  ASSERT_TRUE(tcp.options) << tcp.said;
  EXPECT_EQ(tcp.options->udsproxyd, (Args{"1", "192.168.10.10", "12121", "fe80::1", "1"}));
}

TEST(Options, HelpAndVersionSucceed)
{
  const Parsed help = parse({"--help"});
  ASSERT_FALSE(help.options);
  EXPECT_EQ(help.options.error(), 0);
  for (const char *word : {"--threads", "--whitelist", "--log-level", "--version", "UDS_THREADS"})
    EXPECT_NE(help.said.find(word), std::string::npos) << word;

  const Parsed version = parse({"--version"});
  ASSERT_FALSE(version.options);
  EXPECT_EQ(version.options.error(), 0);
  EXPECT_TRUE(version.said.starts_with("qtfs-engine "));
}

TEST(Options, AreChecked)
{
  const std::vector<std::vector<const char *>> bad = {
    {"--threads", "0"},
    {"--threads", "x"},
    {"--threads", "100000"},
    {"--log-level", "loud"},
    {"--nonsense"},
    {"16"},
    {"16", "1", "2", "12121", "10"},
    {"16", "1", "2", "12121", "10", "12121", "7"},
    {"0", "1", "2", "12121", "10", "12121"},
    {"16", "x", "2", "12121", "10", "12121"},
    {"16", "1", "host", "12121", "10", "12121"},
    {"16", "1", "2", "0", "10", "12121"},
    {"16", "1", "1.2.3.4", "65536", "1.2.3.5", "1"},
    {"16", "1", "1.2.3.4", "1", "10", "1"},
    {"16", "1", "2", "12121", "10", "12121", "--threads", "4"},
  };

  for (const std::vector<const char *> &args : bad) {
    const Parsed parsed = parse(args);

    ASSERT_FALSE(parsed.options) << args[0] << " ...";
    EXPECT_EQ(parsed.options.error(), 2) << args[0];
    EXPECT_FALSE(parsed.said.empty());
  }
}

} // namespace qtfs::test
