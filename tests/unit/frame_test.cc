// SPDX-License-Identifier: GPL-2.0
//
// The checks of common/frame.h, which are the same in the kernel.

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/mount.h>
#include <vector>

#include "abi.hh"
#include "bytes.hh"
#include "random.hh"

namespace qtfs::test {

namespace {

constexpr std::uint32_t max_data = QTFS_DATA_MIN;

struct Frame {
  qtfs_hdr hdr = {};
  qtfs_req req = {};
  std::string args;
};

const std::string &sample_name(unsigned kind)
{
  static const std::vector<std::string> names = {
    "", "name", "/a/path", "../target", "user.x", "host 1", "any text",
  };

  return names.at(kind);
}

void fix_lengths(Frame &frame)
{
  frame.hdr.len = le(static_cast<__u32>(sizeof(frame.hdr) + sizeof(frame.req) + frame.args.size() +
                                        le(frame.hdr.data_len)));
}

Frame good_request(unsigned op)
{
  const struct qtfs_op_info *info = qtfs_op_info(op);
  Frame frame;

  frame.hdr.magic = le(QTFS_MAGIC);
  frame.hdr.op = le(static_cast<__u16>(op));
  frame.hdr.body_len = le(info->req_body);
  if (info->flags & QTFS_DATA_OUT)
    frame.hdr.data_len = le(__u32{8});
  frame.req.node = info->flags & QTFS_HAS_NODE ? 1 : 0;
  frame.req.node2 = info->flags & QTFS_HAS_NODE2 ? 2 : 0;
  frame.req.open = info->flags & QTFS_HAS_OPEN ? 3 : 0;
  frame.req.ngroups = le(__u32{2});
  frame.args.assign(info->req_body + 8u, '\0');
  if (op == QTFS_OP_PROCESS)
    frame.args[0] = QTFS_PROCESS_KILL;
  if (op == QTFS_OP_TERMINAL)
    frame.args[0] = QTFS_TERMINAL_GET;
  if (op == QTFS_OP_HELLO) {
    qtfs_hello hello = {};

    hello.epoch = le(__u64{1});
    hello.max_data = le(__u32{QTFS_DATA_MIN});
    hello.version = hello.version_min = le(__u16{QTFS_VERSION});
    std::memcpy(frame.args.data(), &hello, sizeof(hello));
  }
  if (op == QTFS_OP_AUTH)
    frame.args[offsetof(qtfs_auth, step)] = 2;
  for (unsigned i = 0; i < 2; i++) {
    const std::string &name = sample_name(info->name_kind[i]);

    frame.req.name_len[i] = le(static_cast<__u16>(name.size()));
    frame.args += name;
  }
  fix_lengths(frame);
  return frame;
}

Frame good_reply(unsigned op)
{
  const struct qtfs_op_info *info = qtfs_op_info(op);
  Frame frame;

  frame.hdr.magic = le(QTFS_MAGIC);
  frame.hdr.op = le(static_cast<__u16>(op));
  frame.hdr.flags = le(__u16{QTFS_FRAME_REPLY});
  frame.hdr.body_len = le(info->rep_body);
  if (info->flags & QTFS_DATA_IN)
    frame.hdr.data_len = le(__u32{16});
  frame.hdr.len =
    le(static_cast<__u32>(sizeof(frame.hdr) + info->rep_body + le(frame.hdr.data_len)));
  return frame;
}

qtfs_frame_error check_request(const Frame &frame)
{
  qtfs_frame_error error = qtfs_check_hdr(&frame.hdr, 0, max_data);

  if (error == QTFS_FRAME_OK)
    error = qtfs_check_req(&frame.hdr, &frame.req);
  if (error == QTFS_FRAME_OK)
    error = qtfs_check_args(&frame.hdr, &frame.req, frame.args.data());
  return error;
}

void set_name(Frame &frame, const std::string &name)
{
  const std::size_t old = le(frame.req.name_len[0]);
  const std::size_t at = le(frame.hdr.body_len) + std::size_t{le(frame.req.ngroups)} * 4;

  frame.args.replace(at, old, name);
  frame.req.name_len[0] = le(static_cast<__u16>(name.size()));
  fix_lengths(frame);
}

} // namespace

TEST(Frame, TakesAGoodRequestAndReplyOfEveryOperation)
{
  for (unsigned op = 1; op < QTFS_OP_END; op++) {
    const bool from_server = qtfs_op_info(op)->flags & QTFS_FROM_SERVER;

    EXPECT_EQ(check_request(good_request(op)), from_server ? QTFS_FRAME_BAD_OP : QTFS_FRAME_OK)
      << qtfs_op_info(op)->name;

    Frame reply = good_reply(op);
    EXPECT_EQ(qtfs_check_hdr(&reply.hdr, 1, max_data), QTFS_FRAME_OK) << qtfs_op_info(op)->name;
    reply.hdr.data_len = 0;
    reply.hdr.status = le(__u32{EIO});
    if (!(qtfs_op_info(op)->flags & QTFS_HANDSHAKE))
      reply.hdr.body_len = 0;
    reply.hdr.len = le(static_cast<__u32>(sizeof(reply.hdr) + le(reply.hdr.body_len)));
    EXPECT_EQ(qtfs_check_hdr(&reply.hdr, 1, max_data), QTFS_FRAME_OK) << qtfs_op_info(op)->name;
  }
}

TEST(Frame, KnowsItsOperations)
{
  EXPECT_EQ(qtfs_op_info(0), nullptr);
  EXPECT_EQ(qtfs_op_info(QTFS_OP_END), nullptr);
  EXPECT_EQ(qtfs_op_info(~0u), nullptr);
  EXPECT_STREQ(qtfs_op_info(QTFS_OP_MKDIR)->name, "MKDIR");
}

struct BadFrame {
  const char *what;
  unsigned op;
  bool reply;
  qtfs_frame_error expected;
  std::function<void(Frame &)> spoil;
};

std::ostream &operator<<(std::ostream &out, const BadFrame &bad)
{
  return out << bad.what;
}

class FrameErrors : public testing::TestWithParam<BadFrame> {};

TEST_P(FrameErrors, AreFound)
{
  const BadFrame &bad = GetParam();
  Frame frame = bad.reply ? good_reply(bad.op) : good_request(bad.op);

  bad.spoil(frame);
  const qtfs_frame_error error =
    bad.reply ? qtfs_check_hdr(&frame.hdr, 1, max_data) : check_request(frame);
  EXPECT_EQ(error, bad.expected) << qtfs_frame_strerror(error);
}

static std::vector<BadFrame> bad_requests()
{
  return {
    {"Magic", QTFS_OP_PING, false, QTFS_FRAME_BAD_MAGIC, [](Frame &f) { f.hdr.magic = 0; }},
    {"OpZero", QTFS_OP_PING, false, QTFS_FRAME_BAD_OP, [](Frame &f) { f.hdr.op = 0; }},
    {"OpBehindTheLast", QTFS_OP_PING, false, QTFS_FRAME_BAD_OP,
     [](Frame &f) { f.hdr.op = le(__u16{QTFS_OP_END}); }},
    {"ReplyForARequest", QTFS_OP_PING, false, QTFS_FRAME_BAD_FLAGS,
     [](Frame &f) { f.hdr.flags = le(__u16{QTFS_FRAME_REPLY}); }},
    {"UnknownFlag", QTFS_OP_PING, false, QTFS_FRAME_BAD_FLAGS,
     [](Frame &f) { f.hdr.flags = le(__u16{4}); }},
    {"HeaderReserved", QTFS_OP_PING, false, QTFS_FRAME_BAD_FLAGS,
     [](Frame &f) { f.hdr.slots = le(__u16{1}); }},
    {"Status", QTFS_OP_PING, false, QTFS_FRAME_BAD_STATUS,
     [](Frame &f) { f.hdr.status = le(__u32{1}); }},
    {"TooMuchData", QTFS_OP_WRITE, false, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) {
       f.hdr.data_len = le(max_data + 1);
       fix_lengths(f);
     }},
    {"DataWhereThereIsNone", QTFS_OP_MKDIR, false, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) {
       f.hdr.data_len = le(__u32{1});
       fix_lengths(f);
     }},
    {"DataOfTheReply", QTFS_OP_READ, false, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) {
       f.hdr.data_len = le(__u32{1});
       fix_lengths(f);
     }},
    {"BodyShort", QTFS_OP_MKDIR, false, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.body_len = 0; }},
    {"BodyWhereThereIsNone", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.body_len = le(__u16{8}); }},
    {"LengthShort", QTFS_OP_MKDIR, false, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.len = le(le(f.hdr.len) - 1); }},
    {"LengthLong", QTFS_OP_MKDIR, false, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.len = le(le(f.hdr.len) + 1); }},
    {"LengthHuge", QTFS_OP_MKDIR, false, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.len = ~__u32{0}; }},
    {"LengthZero", QTFS_OP_MKDIR, false, QTFS_FRAME_BAD_LENGTH, [](Frame &f) { f.hdr.len = 0; }},
    {"TooManyGroups", QTFS_OP_PING, false, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) { f.req.ngroups = le(__u32{QTFS_GROUPS_MAX + 1}); }},
    {"GroupsThatOverflow", QTFS_OP_PING, false, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) { f.req.ngroups = le(__u32{0x40000002}); }},
    {"NoNode", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_OBJECT, [](Frame &f) { f.req.node = 0; }},
    {"NoNode2", QTFS_OP_LINK, false, QTFS_FRAME_BAD_OBJECT, [](Frame &f) { f.req.node2 = 0; }},
    {"Node2WhereThereIsNone", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_OBJECT,
     [](Frame &f) { f.req.node2 = 1; }},
    {"NoOpen", QTFS_OP_READ, false, QTFS_FRAME_BAD_OBJECT, [](Frame &f) { f.req.open = 0; }},
    {"OpenWhereThereIsNone", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_OBJECT,
     [](Frame &f) { f.req.open = 1; }},
    {"RequestReserved", QTFS_OP_PING, false, QTFS_FRAME_BAD_FIELD,
     [](Frame &f) { f.req.reserved = 1; }},
    {"Umask", QTFS_OP_PING, false, QTFS_FRAME_BAD_FIELD,
     [](Frame &f) { f.req.umask = le(__u16{01000}); }},
    {"NameMissing", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_NAME, [](Frame &f) { set_name(f, ""); }},
    {"NameWhereThereIsNone", QTFS_OP_READ, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, "x"); }},
    {"NameTooLong", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, std::string(256, 'a')); }},
    {"NameWithSlash", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, "a/b"); }},
    {"NameWithNul", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, std::string("a\0b", 3)); }},
    {"Dot", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_NAME, [](Frame &f) { set_name(f, "."); }},
    {"DotDot", QTFS_OP_UNLINK, false, QTFS_FRAME_BAD_NAME, [](Frame &f) { set_name(f, ".."); }},
    {"RelativePath", QTFS_OP_ATTACH, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, "a"); }},
    {"LongPath", QTFS_OP_ATTACH, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, "/" + std::string(4095, 'a')); }},
    {"LabelWithNewline", QTFS_OP_HELLO, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, "a\nb"); }},
    {"LabelNotAscii", QTFS_OP_HELLO, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, "\xc3\xa4"); }},
    {"HelloFlags", QTFS_OP_HELLO, false, QTFS_FRAME_BAD_FIELD,
     [](Frame &f) { f.args[offsetof(qtfs_hello, flags)] = 2; }},
    {"AuthStepNone", QTFS_OP_AUTH, false, QTFS_FRAME_BAD_FIELD,
     [](Frame &f) { f.args[offsetof(qtfs_auth, step)] = 0; }},
    {"AuthStepThree", QTFS_OP_AUTH, false, QTFS_FRAME_BAD_FIELD,
     [](Frame &f) { f.args[offsetof(qtfs_auth, step)] = 3; }},
    {"AuthReserved", QTFS_OP_AUTH, false, QTFS_FRAME_BAD_FIELD,
     [](Frame &f) { f.args[offsetof(qtfs_auth, reserved)] = 1; }},
    {"LongLabel", QTFS_OP_HELLO, false, QTFS_FRAME_BAD_NAME,
     [](Frame &f) { set_name(f, std::string(65, 'a')); }},
  };
}

INSTANTIATE_TEST_SUITE_P(Requests, FrameErrors, testing::ValuesIn(bad_requests()),
                         [](const testing::TestParamInfo<BadFrame> &test) {
                           return test.param.what;
                         });

static std::vector<BadFrame> bad_replies()
{
  return {
    {"RequestForAReply", QTFS_OP_PING, true, QTFS_FRAME_BAD_FLAGS,
     [](Frame &f) { f.hdr.flags = 0; }},
    {"StatusTooLarge", QTFS_OP_PING, true, QTFS_FRAME_BAD_STATUS,
     [](Frame &f) { f.hdr.status = le(__u32{QTFS_ERRNO_MAX + 1}); }},
    {"ErrorWithBody", QTFS_OP_MKDIR, true, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.status = le(__u32{1}); }},
    {"ErrorWithData", QTFS_OP_READ, true, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.status = le(__u32{1}); }},
    {"BodyMissing", QTFS_OP_MKDIR, true, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) {
       f.hdr.body_len = 0;
       f.hdr.len = le(__u32{sizeof(f.hdr)});
     }},
    {"ReplyLength", QTFS_OP_READ, true, QTFS_FRAME_BAD_LENGTH,
     [](Frame &f) { f.hdr.len = le(le(f.hdr.len) + 1); }},
    {"DataOfTheRequest", QTFS_OP_WRITE, true, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) { f.hdr.data_len = le(__u32{1}); }},
    {"ReplyTooMuchData", QTFS_OP_READ, true, QTFS_FRAME_BAD_COUNT,
     [](Frame &f) { f.hdr.data_len = le(max_data + 1); }},
  };
}

INSTANTIATE_TEST_SUITE_P(Replies, FrameErrors, testing::ValuesIn(bad_replies()),
                         [](const testing::TestParamInfo<BadFrame> &test) {
                           return test.param.what;
                         });

TEST(Frame, TakesNamesOfEveryLengthThatIsAllowed)
{
  for (const std::string &name : {std::string(255, 'a'), std::string("..."), std::string("..a"),
                                  std::string(".a"), std::string("a\n\xff")}) {
    Frame frame = good_request(QTFS_OP_UNLINK);

    set_name(frame, name);
    EXPECT_EQ(check_request(frame), QTFS_FRAME_OK) << name;
  }
}

// A type of a file system is a word, and ends inside of the body.
TEST(Frame, ChecksTheBodyOfMount)
{
  const auto check = [](__u32 flags, std::string_view type, __u32 change = 0) {
    Frame frame = good_request(QTFS_OP_MOUNT);
    qtfs_mount body = {};

    body.flags = le(flags);
    body.change = le(change);
    std::memcpy(body.type, type.data(), std::min(type.size(), sizeof(body.type)));
    std::memcpy(frame.args.data(), &body, sizeof(body));
    return check_request(frame);
  };

  EXPECT_EQ(check(1, "ext4"), QTFS_FRAME_OK);
  EXPECT_EQ(check(0, ""), QTFS_FRAME_OK);
  EXPECT_EQ(check(0, std::string(31, 'x')), QTFS_FRAME_OK);
  EXPECT_EQ(check(0, std::string(32, 'x')), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(0, "a b"), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(0, std::string_view("a\0b", 3)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(0x200, "ext4"), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(MS_REMOUNT | MS_RDONLY, "", MS_REMOUNT | MS_RDONLY), QTFS_FRAME_OK);
  EXPECT_EQ(check(MS_REMOUNT, "", MS_RDONLY), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(MS_RDONLY, "", MS_REMOUNT | MS_RDONLY), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(MS_REMOUNT, "", MS_REMOUNT | 0x200), QTFS_FRAME_BAD_FIELD);
}

// What an operation on a terminal has no use for is zero.
TEST(Frame, ChecksTheBodyOfTerminal)
{
  const auto check = [](const qtfs_terminal &body) {
    Frame frame = good_request(QTFS_OP_TERMINAL);

    std::memcpy(frame.args.data(), &body, sizeof(body));
    return check_request(frame);
  };
  const auto body = [](__u32 what, __u32 arg = 0) {
    qtfs_terminal terminal = {};

    terminal.what = le(what);
    terminal.arg = le(arg);
    return terminal;
  };

  EXPECT_EQ(check(body(0)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_TERMINAL_QUEUED + 1)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_TERMINAL_GET, 1)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_TERMINAL_SET, 2)), QTFS_FRAME_OK);
  EXPECT_EQ(check(body(QTFS_TERMINAL_SET, 3)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_TERMINAL_FLUSH, 2)), QTFS_FRAME_OK);
  EXPECT_EQ(check(body(QTFS_TERMINAL_FLUSH, ~0u)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_TERMINAL_QUEUED, 1)), QTFS_FRAME_OK);
  EXPECT_EQ(check(body(QTFS_TERMINAL_QUEUED, 2)), QTFS_FRAME_BAD_FIELD);

  qtfs_terminal modes = body(QTFS_TERMINAL_SET);
  modes.cc[QTFS_TERMINAL_CC - 1] = 1;
  EXPECT_EQ(check(modes), QTFS_FRAME_OK);
  modes.what = le(std::uint32_t{QTFS_TERMINAL_GET});
  EXPECT_EQ(check(modes), QTFS_FRAME_BAD_FIELD);
  qtfs_terminal size = body(QTFS_TERMINAL_SET_SIZE);
  size.rows = le(std::uint16_t{24});
  EXPECT_EQ(check(size), QTFS_FRAME_OK);
  size.reserved = le(1u);
  EXPECT_EQ(check(size), QTFS_FRAME_BAD_FIELD);
}

// What an operation on a process has no use for is zero, and nobody is everybody.
TEST(Frame, ChecksTheBodyOfProcess)
{
  const auto check = [](const qtfs_process &body) {
    Frame frame = good_request(QTFS_OP_PROCESS);

    std::memcpy(frame.args.data(), &body, sizeof(body));
    return check_request(frame);
  };
  const auto body = [](__u32 what, __u32 arg = 0, __u32 group = 0) {
    qtfs_process process = {};

    process.what = le(what);
    process.arg = le(arg);
    process.group = le(group);
    return process;
  };

  EXPECT_EQ(check(body(QTFS_PROCESS_KILL, 64)), QTFS_FRAME_OK);
  EXPECT_EQ(check(body(QTFS_PROCESS_KILL, 65)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_PROCESS_KILL, ~0u)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_PROCESS_KILL, 9, 5)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_PROCESS_KILL_GROUP, 9, 5)), QTFS_FRAME_OK);
  for (const __u32 group : {0u, 1u, 0x80000000u, ~0u})
    EXPECT_EQ(check(body(QTFS_PROCESS_KILL_GROUP, 9, group)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_PROCESS_GET_CPUS)), QTFS_FRAME_OK);
  EXPECT_EQ(check(body(QTFS_PROCESS_GET_CPUS, 1)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_PROCESS_GET_LIMIT, 255)), QTFS_FRAME_OK);
  EXPECT_EQ(check(body(QTFS_PROCESS_GET_LIMIT, 256)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(0)), QTFS_FRAME_BAD_FIELD);
  EXPECT_EQ(check(body(QTFS_PROCESS_SET_LIMIT + 1)), QTFS_FRAME_BAD_FIELD);

  qtfs_process process = body(QTFS_PROCESS_SET_CPUS);
  process.cpus[QTFS_PROCESS_CPUS - 1] = 1;
  EXPECT_EQ(check(process), QTFS_FRAME_OK);
  process.what = le(__u32{QTFS_PROCESS_GET_CPUS});
  EXPECT_EQ(check(process), QTFS_FRAME_BAD_FIELD);
  process = body(QTFS_PROCESS_SET_LIMIT, 7);
  process.hard = ~__le64{0};
  EXPECT_EQ(check(process), QTFS_FRAME_OK);
  process.what = le(__u32{QTFS_PROCESS_GET_LIMIT});
  EXPECT_EQ(check(process), QTFS_FRAME_BAD_FIELD);
  process = body(QTFS_PROCESS_KILL, 9);
  process.reserved = le(__u32{1});
  EXPECT_EQ(check(process), QTFS_FRAME_BAD_FIELD);
}

// What is accepted must be inside of what was received, and mutations of good
// frames come much nearer to being accepted than noise does.  The arguments are
// in memory of exactly their size, so that AddressSanitizer sees a step outside.
TEST(Frame, NeverLooksOutsideWhateverTheHeadersSay)
{
  std::mt19937_64 random = reproducible_random(42);
  unsigned accepted = 0;

  for (int i = 0; i < 200'000; i++) {
    Frame frame = good_request(1 + static_cast<unsigned>(random() % (QTFS_OP_END - 1)));
    std::array<std::byte, sizeof(qtfs_hdr) + sizeof(qtfs_req)> headers;

    std::memcpy(headers.data(), &frame.hdr, sizeof(frame.hdr));
    std::memcpy(headers.data() + sizeof(frame.hdr), &frame.req, sizeof(frame.req));
    for (auto n = random() % 4; n > 0; n--)
      headers[random() % headers.size()] ^= static_cast<std::byte>(1u << random() % 8);
    std::memcpy(&frame.hdr, headers.data(), sizeof(frame.hdr));
    std::memcpy(&frame.req, headers.data() + sizeof(frame.hdr), sizeof(frame.req));

    const bool reply = random() % 8 == 0;
    if (qtfs_check_hdr(&frame.hdr, reply, max_data) != QTFS_FRAME_OK || reply ||
        qtfs_check_req(&frame.hdr, &frame.req) != QTFS_FRAME_OK)
      continue;

    // As the receiver does: what the headers announce is read.
    const std::size_t args_len = qtfs_request_args_len(&frame.hdr, &frame.req);
    ASSERT_LE(args_len, QTFS_ARGS_MAX);
    ASSERT_EQ(le(frame.hdr.len),
              sizeof(qtfs_hdr) + sizeof(qtfs_req) + args_len + le(frame.hdr.data_len));
    const auto args = std::make_unique<char[]>(args_len);
    for (std::size_t at = 0; at < args_len; at++)
      args[at] = static_cast<char>(random());
    if (qtfs_check_args(&frame.hdr, &frame.req, args.get()) == QTFS_FRAME_OK)
      accepted++;
  }
  EXPECT_GT(accepted, 1000u); // else this tests nothing
}

} // namespace qtfs::test
