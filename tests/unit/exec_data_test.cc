// SPDX-License-Identifier: GPL-2.0
//
// READ, WRITE, FSYNC.

#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

constexpr std::uint32_t wronly = 1;
constexpr std::uint32_t rdwr = 2;

class DataTest : public EngineTest {
protected:
  int read(std::uint64_t offset, std::uint32_t size)
  {
    slot_.request(QTFS_OP_READ)
      .open(yes("file"), O_RDONLY, 0)
      .body(qtfs_read{le(__u64{offset}), le(size), 0});
    return run(slot_);
  }

  FakeSlot &write(std::uint64_t offset, std::string_view data, std::uint32_t flags = 0)
  {
    return slot_.request(QTFS_OP_WRITE)
      .open(yes("file"), O_WRONLY, wronly)
      .body(qtfs_write{le(__u64{offset}), le(flags), 0})
      .data(data);
  }

  std::uint64_t end() { return le(slot_.reply<qtfs_write_rep>().end); }
  std::uint32_t count() { return le(slot_.reply<qtfs_write_rep>().count); }
};

using Read = DataTest;
using Write = DataTest;
using Fsync = DataTest;
using Fallocate = DataTest;
using Lseek = DataTest;

} // namespace

TEST_F(Read, ReadsWhereAskedTo)
{
  write_file(yes("file"), "0123456789");
  ASSERT_EQ(read(3, 4), 0);
  EXPECT_EQ(slot_.reply_data(), "3456");
  ASSERT_EQ(read(8, 100), 0);
  EXPECT_EQ(slot_.reply_data(), "89");
  ASSERT_EQ(read(10, 100), 0);
  EXPECT_EQ(slot_.reply_data(), "");
  ASSERT_EQ(read(1u << 30, 100), 0);
  EXPECT_EQ(slot_.reply_data(), "");
}

TEST_F(Read, ReadsNoMoreThanTheSlotHolds)
{
  write_file(yes("file"), std::string(FakeSlot::data_size + 1000, 'x'));
  ASSERT_EQ(read(0, 0xffffffff), 0);
  EXPECT_EQ(slot_.reply_data().size(), FakeSlot::data_size);
}

// The historical engine made an end of file of every error.
TEST_F(Read, TellsErrors)
{
  write_file(yes("file"), "text");
  EXPECT_EQ(read(~std::uint64_t{0}, 4), EINVAL);

  slot_.request(QTFS_OP_READ)
    .open(yes("file"), O_WRONLY, wronly)
    .body(qtfs_read{0, le(__u32{4}), 0});
  EXPECT_EQ(run(slot_), EBADF);

  slot_.request(QTFS_OP_READ).open(yes(), O_RDONLY, 0).body(qtfs_read{0, le(__u32{4}), 0});
  EXPECT_EQ(run(slot_), EISDIR);
}

TEST_F(Read, ReadsStreams)
{
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const Fd in(ends[1]);

  ASSERT_EQ(::write(in.get(), "stream", 6), 6);
  slot_.request(QTFS_OP_READ).open_fd(::dup(ends[0]), yes()).body(qtfs_read{0, le(__u32{100}), 0});
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(slot_.reply_data(), "stream");

  slot_.request(QTFS_OP_READ).open_fd(ends[0], yes()).body(qtfs_read{0, le(__u32{100}), 0});
  EXPECT_EQ(run(slot_), EAGAIN);
}

TEST_F(Read, ReadsProc)
{
  use_whitelist(everything("/proc"));
  slot_.request(QTFS_OP_READ)
    .open("/proc/version", O_RDONLY, 0)
    .body(qtfs_read{0, le(__u32{100}), 0});
  ASSERT_EQ(run(slot_), 0);
  EXPECT_TRUE(slot_.reply_data().starts_with("Linux version"));
}

TEST_F(Write, WritesWhereAskedTo)
{
  write_file(yes("file"), "0123456789");
  write(3, "abc");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("file")), "012abc6789");
  EXPECT_EQ(end(), 6u);
  EXPECT_EQ(count(), 3u);

  write(12, "x");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("file")), std::string("012abc6789\0\0x", 13));
}

TEST_F(Write, SyncsWhereAskedTo)
{
  write_file(yes("file"), "");
  for (const std::uint32_t flags : std::initializer_list<std::uint32_t>{
         QTFS_WRITE_SYNC, QTFS_WRITE_DSYNC, QTFS_WRITE_FSYNC, QTFS_WRITE_FDATASYNC}) {
    write(0, "x", flags);
    EXPECT_EQ(run(slot_), 0);
    // The open has it already: nothing is asked of a file that couldn't do it.
    slot_.raw().open_flags = QTFS_O_SYNC;
    write(0, "x", flags);
    EXPECT_EQ(run(slot_), 0);
  }
  write(0, "x", 0x80);
  EXPECT_EQ(run(slot_), EINVAL);
}

TEST_F(Write, AppendsAndTellsWhere)
{
  write_file(yes("file"), "0123");
  slot_.request(QTFS_OP_WRITE)
    .open(yes("file"), O_WRONLY | O_APPEND, wronly | QTFS_O_APPEND)
    .body(qtfs_write{0, le(__u32{QTFS_WRITE_APPEND}), 0})
    .data("45");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(end(), 6u);

  // Likewise for a write that asks for it by itself.
  write(0, "67", QTFS_WRITE_APPEND);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(end(), 8u);
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(read_file(yes("file")), "01234567");
}

// What comes out of a client's page cache has its place, however the file was
// opened.
TEST_F(Write, WritesWhereAskedToThroughAnOpenThatAppends)
{
  write_file(yes("file"), "0123456789");
  slot_.request(QTFS_OP_WRITE)
    .open(yes("file"), O_WRONLY | O_APPEND, wronly | QTFS_O_APPEND)
    .body(qtfs_write{le(__u64{3}), 0, 0})
    .data("abc");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("file")), "012abc6789");
  EXPECT_EQ(end(), 6u);
}

TEST_F(Write, WritesTheWholeWhereAskedTo)
{
  write_file(yes("file"), "");
  write(2, "abc", QTFS_WRITE_WHOLE);
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(read_file(yes("file")), std::string("\0\0abc", 5));
  EXPECT_EQ(count(), 3u);

  use_whitelist(everything("/"));
  slot_.request(QTFS_OP_WRITE)
    .open("/dev/full", O_WRONLY, wronly)
    .body(qtfs_write{0, le(__u32{QTFS_WRITE_WHOLE}), 0})
    .data("x");
  EXPECT_EQ(run(slot_), ENOSPC);
}

// Two threads with one open: each must be told its own place.
TEST_F(Write, AppendsOfSeveralThreadsAreToldApart)
{
  constexpr int rounds = 500;
  write_file(yes("file"), "");
  const Fd shared(::open(yes("file").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  std::vector<std::uint64_t> ends[2];

  const auto append = [&](std::vector<std::uint64_t> &list, const std::string &text) {
    FakeSlot slot;

    for (int i = 0; i < rounds; i++) {
      slot.request(QTFS_OP_WRITE)
        .open_fd(::dup(shared.get()), yes("file"), wronly | QTFS_O_APPEND)
        .body(qtfs_write{0, le(__u32{QTFS_WRITE_APPEND}), 0})
        .data(text);
      ASSERT_EQ(run(slot), 0);
      list.push_back(le(slot.reply<qtfs_write_rep>().end));
    }
  };
  std::thread a([&] { append(ends[0], "aaa"); });
  std::thread b([&] { append(ends[1], "bbbbb"); });
  a.join();
  b.join();

  const std::string text = read_file(yes("file"));
  ASSERT_EQ(text.size(), rounds * 8u);
  for (const std::uint64_t at : ends[0])
    ASSERT_EQ(text.substr(at - 3, 3), "aaa") << at;
  for (const std::uint64_t at : ends[1])
    ASSERT_EQ(text.substr(at - 5, 5), "bbbbb") << at;
}

// The historical engine made zero bytes written of every error.
TEST_F(Write, TellsErrors)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_WRITE).open(yes("file"), O_RDONLY, 0).data("x");
  EXPECT_EQ(run(slot_), EBADF);

  use_whitelist(everything("/"));
  slot_.request(QTFS_OP_WRITE).open("/dev/full", O_WRONLY, wronly).data("x");
  EXPECT_EQ(run(slot_), ENOSPC);
  slot_.request(QTFS_OP_WRITE).open("/proc/self/oom_score_adj", O_RDWR, rdwr).data("nonsense");
  EXPECT_EQ(run(slot_), EINVAL);
}

TEST_F(Write, WritesStreams)
{
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const Fd out(ends[0]);

  slot_.request(QTFS_OP_WRITE).open_fd(ends[1], yes(), wronly).data("stream");
  ASSERT_EQ(run(slot_), 0);
  EXPECT_EQ(count(), 6u);
  char text[8] = {};
  EXPECT_EQ(::read(out.get(), text, sizeof(text)), 6);
  EXPECT_STREQ(text, "stream");
}

TEST_F(Fsync, SyncsFilesAndDirectories)
{
  write_file(yes("file"), "");
  slot_.request(QTFS_OP_FSYNC).open(yes("file"), O_WRONLY, wronly);
  EXPECT_EQ(run(slot_), 0);
  slot_.request(QTFS_OP_FSYNC)
    .open(yes(), O_RDONLY, 0)
    .body(qtfs_fsync{le(__u32{QTFS_FSYNC_DATA}), 0});
  EXPECT_EQ(run(slot_), 0);
}

TEST_F(Fsync, TellsErrors)
{
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd other(ends[0]);

  slot_.request(QTFS_OP_FSYNC).open_fd(ends[1], yes());
  EXPECT_EQ(run(slot_), EINVAL);
}

TEST_F(Fallocate, AllocatesPunchesAndTellsErrors)
{
  write_file(yes("file"), "0123456789");
  const auto request = [&](std::uint32_t mode, std::uint64_t offset,
                           std::uint64_t len) -> FakeSlot & {
    return slot_.request(QTFS_OP_FALLOCATE)
      .open(yes("file"), O_WRONLY, wronly)
      .body(qtfs_fallocate{le(__u64{offset}), le(__u64{len}), le(mode), 0});
  };

  EXPECT_EQ(run(request(0, 0, 100)), 0);
  EXPECT_EQ(stat_of(yes("file")).st_size, 100);
  EXPECT_EQ(run(request(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3)), 0);
  EXPECT_EQ(read_file(yes("file")).substr(0, 10), std::string("01\0\0\0"
                                                              "56789",
                                                              10));
  EXPECT_EQ(run(request(0, 0, 0)), EINVAL);
  // Whether it had happened can't be told, and it may be no repeatable mode.
  ASSERT_EQ(run(request(0, 0, 100)), 0);
  EXPECT_EQ(run(request(0, 0, 100).resent()), EIO);
}

TEST_F(Lseek, FindsDataAndHoles)
{
  write_file(yes("file"), "");
  ASSERT_EQ(::truncate(yes("file").c_str(), 1 << 20), 0);
  const Fd file(::open(yes("file").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 1 << 19), 1);
  const auto seek = [&](std::uint64_t offset, std::uint32_t whence) {
    slot_.request(QTFS_OP_LSEEK)
      .open(yes("file"), O_RDONLY, 0)
      .body(qtfs_lseek{le(__u64{offset}), le(whence), 0});
    return run(slot_);
  };

  ASSERT_EQ(seek(0, SEEK_DATA), 0);
  EXPECT_EQ(le(slot_.reply<qtfs_lseek_rep>().offset), 1u << 19);
  ASSERT_EQ(seek(0, SEEK_HOLE), 0);
  EXPECT_EQ(le(slot_.reply<qtfs_lseek_rep>().offset), 0u);
  EXPECT_EQ(seek(1 << 20, SEEK_DATA), ENXIO);
  EXPECT_EQ(seek(0, SEEK_END), EINVAL);
}

} // namespace qtfs::test
