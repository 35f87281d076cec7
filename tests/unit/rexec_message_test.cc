// SPDX-License-Identifier: GPL-2.0
//
// Messages of rexec: what is sent arrives, what nobody should send is refused.

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>

#include "message.hh"
#include "random.hh"
#include "read_all.hh"

namespace qtfs::rexec {

// For EXPECT_EQ.
static bool operator==(const Limit &a, const Limit &b)
{
  return a.soft == b.soft && a.hard == b.hard;
}

namespace {

using Kind = Object::Kind;

Request sample()
{
  Request request;

  request.flags = Request::terminal | Request::orphan | Request::has_modes;
  request.uid = 1000;
  request.gid = 1001;
  request.umask = 027;
  request.grace_ms = 2500;
  request.ignored = 6;
  request.blocked = std::uint64_t{1} << 63;
  request.lacking = std::uint64_t{1} << 40 | 2;
  request.size = {24, 80, 3, 4};
  request.modes = {1, 2, 3, 4, {}};
  request.modes.cc[5] = 77;
  request.limits = {{1, 2}, {3, ~std::uint64_t{0}}};
  request.groups = {4, 20, 1000};
  request.objects = {{Kind::Input}, {Kind::Terminal}, {Kind::Passed}, {Kind::Listener}};
  request.descriptors = {{0, 0}, {1, 1}, {2, 1}, {9, 2}};
  request.cwd = "/srv";
  request.argv = {"ls", "", "-l"};
  request.environment = {"A=b", "LANG=C"};
  return request;
}

std::string header(std::uint32_t length, Type type, std::uint8_t descriptors = 0,
                   std::uint16_t stream = 0)
{
  std::string bytes(header_size, '\0');

  put_header(bytes.data(), {length, type, descriptors, stream});
  return bytes;
}

std::string wrong_with(void (*change)(Request &))
{
  Request request = sample();

  change(request);
  const Result<Request, std::string> parsed = parse_request(encode(request));
  return parsed ? "" : parsed.error();
}

} // namespace

TEST(RexecRequest, ArrivesAsItWasSent)
{
  const Request sent = sample();
  const Result<Request, std::string> got = parse_request(encode(sent));

  ASSERT_TRUE(got) << got.error();
  EXPECT_EQ(got->flags, sent.flags);
  EXPECT_EQ(got->uid, sent.uid);
  EXPECT_EQ(got->gid, sent.gid);
  EXPECT_EQ(got->umask, sent.umask);
  EXPECT_EQ(got->grace_ms, sent.grace_ms);
  EXPECT_EQ(got->ignored, sent.ignored);
  EXPECT_EQ(got->blocked, sent.blocked);
  EXPECT_EQ(got->lacking, sent.lacking);
  EXPECT_EQ(got->size.columns, 80);
  EXPECT_EQ(got->modes.lflag, 4U);
  EXPECT_EQ(got->modes.cc, sent.modes.cc);
  EXPECT_EQ(got->limits, sent.limits);
  EXPECT_EQ(got->groups, sent.groups);
  EXPECT_EQ(got->passed(), 1U);
  ASSERT_EQ(got->descriptors.size(), 4U);
  EXPECT_EQ(got->descriptors[3].number, 9U);
  EXPECT_EQ(got->cwd, sent.cwd);
  EXPECT_EQ(got->argv, sent.argv);
  EXPECT_EQ(got->environment, sent.environment);
  EXPECT_EQ(encode(*got), encode(sent));
}

TEST(RexecRequest, IsRefusedIfItEndsAnywhere)
{
  const std::string whole = encode(sample());

  for (std::size_t size = 0; size < whole.size(); size++)
    EXPECT_FALSE(parse_request(std::string_view(whole).substr(0, size))) << size;
  EXPECT_FALSE(parse_request(whole + '\0'));
}

TEST(RexecRequest, IsRefusedIfItMakesNoSense)
{
  EXPECT_EQ(wrong_with([](Request &) {}), "");
  EXPECT_NE(wrong_with([](Request &r) { r.flags |= 1U << 20; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.uid = ~0U; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.gid = ~0U; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.umask = 01000; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.grace_ms = grace_max_ms + 1; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.cwd = ""; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.cwd = "srv"; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.argv.clear(); }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.argv[0] = ""; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.argv[1] = std::string("a\0b", 3); }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.cwd = std::string("/\0", 2); }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.descriptors[1].object = 4; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.descriptors[1].number = 0; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.descriptors[1].number = 1U << 20; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.objects[1].kind = static_cast<Kind>(7); }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.objects[0].kind = Kind::Terminal; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.flags &= ~std::uint32_t{Request::terminal}; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.flags |= Request::detach; }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.objects.resize(objects_max, {Kind::Input}); }), "");
  EXPECT_NE(wrong_with([](Request &r) { r.objects.resize(objects_max + 1); }), "");
}

// A count is believed only as far as there are bytes behind it.
TEST(RexecRequest, AllocatesNothingForACountAlone)
{
  const Request request = sample();
  std::string bytes = encode(request);
  const std::string argv = std::string("\x03\0\0\0", 4) + std::string("\x02\0\0\0", 4) + "ls";
  const std::size_t at = bytes.find(argv);

  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 4, "\xff\xff\xff\x7f");
  EXPECT_FALSE(parse_request(bytes));
  bytes.replace(at + 4, 4, "\xff\xff\xff\xff");
  EXPECT_FALSE(parse_request(bytes));
}

TEST(RexecRequest, SurvivesChangedBytes)
{
  const std::string good = encode(sample());
  auto random = test::reproducible_random(7);
  unsigned accepted = 0;

  for (unsigned i = 0; i < 20000; i++) {
    std::string bytes = good;
    for (unsigned n = static_cast<unsigned>(random() % 4) + 1; n > 0; n--)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (const Result<Request, std::string> request = parse_request(bytes)) {
      // What is taken is what was there, and nothing beside it.
      EXPECT_EQ(encode(*request).size(), bytes.size());
      accepted++;
    }
  }
  EXPECT_GT(accepted, 0U);
}

TEST(RexecHeader, KnowsHowLongEachTypeMayBe)
{
  EXPECT_TRUE(get_header(header(data_max, Type::Data)));
  EXPECT_FALSE(get_header(header(data_max + 1, Type::Data)));
  EXPECT_FALSE(get_header(header(0, Type::Data)));
  EXPECT_TRUE(get_header(header(request_max, Type::Exec)));
  EXPECT_FALSE(get_header(header(request_max + 1, Type::Exec)));
  EXPECT_FALSE(get_header(header(~0U, Type::Exec)));
  EXPECT_TRUE(get_header(header(0, Type::Eof, 0, 5)));
  EXPECT_FALSE(get_header(header(1, Type::Eof, 0, 5)));
  EXPECT_FALSE(get_header(header(0, static_cast<Type>(0))));
  EXPECT_FALSE(get_header(header(0, static_cast<Type>(type_last + 1))));
  EXPECT_FALSE(get_header(header(4, Type::Credit, 0, 60000)));
  EXPECT_TRUE(get_header(header(12, Type::Connection, 0, objects_max)));
  EXPECT_FALSE(get_header(header(12, Type::Connection, 0, objects_max - 1)));
  EXPECT_FALSE(get_header(header(12, Type::Connection, 0, objects_max + connections_max)));
  EXPECT_FALSE(get_header(header(8, Type::Connection, 0, objects_max)));
  EXPECT_TRUE(get_header(header(0, Type::Free, 0, objects_max + connections_max - 1)));
  EXPECT_FALSE(get_header(header(0, Type::Free, 0, 1)));
  EXPECT_FALSE(get_header(header(1, Type::Data, 1)));
  EXPECT_TRUE(get_header(header(100, Type::Exec, 250)));
  EXPECT_FALSE(get_header(header(100, Type::Exec, 251)));
  EXPECT_FALSE(get_header("abc"));
}

TEST(RexecMessage, SmallOnesArrive)
{
  const std::optional<Failure> failure =
    parse_failure(encode(Failure{Failure::Reason::Refused, "no"}));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, Failure::Reason::Refused);
  EXPECT_EQ(failure->text, "no");
  EXPECT_TRUE(
    get_header(header(static_cast<std::uint32_t>(
                        encode(Failure{Failure::Reason::Other, std::string(100000, 'x')}).size()),
                      Type::Failed)));

  const std::optional<SignalMessage> signal = parse_signal(encode_signal(15, true));
  ASSERT_TRUE(signal);
  EXPECT_EQ(signal->signal, 15);
  EXPECT_TRUE(signal->group);
  EXPECT_FALSE(parse_signal(encode_signal(0, false)));

  const std::optional<Connected> connected = parse_connected(encode(Connected{5, 1000, 100}));
  ASSERT_TRUE(connected);
  EXPECT_EQ(connected->object, 5U);
  EXPECT_EQ(connected->uid, 1000U);
  EXPECT_EQ(connected->gid, 100U);
  EXPECT_FALSE(parse_connected("abc"));
  EXPECT_FALSE(parse_signal(encode_signal(65, false)));
  EXPECT_FALSE(parse_signal(encode_signal(-1, false)));

  const Result<Greeting, std::string> greeting =
    parse_greeting(encode(Greeting{protocol_version, "me"}));
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->machine, "me");
  EXPECT_FALSE(parse_greeting(encode(Greeting{protocol_version + 1, "me"})));
  EXPECT_FALSE(parse_greeting("HTTP/1.1 400 Bad Request"));
  EXPECT_EQ(parse_size(encode(WindowSize{1, 2, 3, 4}))->columns, 2);
}

// What the fuzzer of tests/fuzz has found worth keeping.
TEST(RexecMessage, TheFuzzersCorpusDoesNoHarm)
{
  unsigned files = 0;

  for (const auto &entry : std::filesystem::directory_iterator(REXEC_CORPUS)) {
    const std::string bytes = *read_file(entry.path());
    files++;
    if (const Result<Request, std::string> request = parse_request(bytes)) {
      EXPECT_EQ(encode(*request).size(), bytes.size()) << entry.path();
    }
  }
  EXPECT_GT(files, 0U);
}

} // namespace qtfs::rexec
