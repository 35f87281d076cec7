// SPDX-License-Identifier: GPL-2.0

#include "engine_fixture.hh"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>

#include "bytes.hh"
#include "read_all.hh"

namespace qtfs::test {

namespace {

constexpr std::size_t align8(std::size_t n)
{
  return (n + 7) & ~std::size_t{7};
}

qtfs_channel_setup layout(std::size_t data_size)
{
  qtfs_channel_setup setup = {};

  setup.version = QTFS_CHANNEL_VERSION;
  setup.max_slots = 1;
  setup.args_offset = align8(sizeof(qtfs_slot));
  setup.path_offset[0] = align8(setup.args_offset + QTFS_ARGS_MAX);
  setup.path_offset[1] = setup.path_offset[0] + QTFS_SLOT_PATH_SIZE;
  setup.data_offset = setup.path_offset[1] + QTFS_SLOT_PATH_SIZE;
  setup.data_size = data_size;
  setup.stride = setup.data_offset + data_size;
  return setup;
}

} // namespace

FakeSlot::FakeSlot()
    : setup_(layout(data_size)), memory_(std::make_unique<std::byte[]>(setup_.stride + guard)),
      slot_(memory_.get(), setup_, 0)
{
  std::memset(memory_.get() + setup_.stride, 0xa5, guard);
  raw().session = 7;
  raw().reply_fd = -1;
}

FakeSlot::~FakeSlot()
{
  close_reply();
  for (std::size_t i = 0; i < guard; i++)
    EXPECT_EQ(memory_[setup_.stride + i], std::byte{0xa5}) << "written behind the slot";
}

void FakeSlot::close_reply()
{
  slot_.committed();
  if (raw().reply_fd >= 0)
    ::close(raw().reply_fd);
  raw().reply_fd = -1;
}

FakeSlot &FakeSlot::request(unsigned op)
{
  const __u64 seq = raw().hdr.seq;

  close_reply();
  raw().flags = 0;
  raw().state = QTFS_SLOT_FETCHED;
  raw().hdr = {};
  raw().hdr.magic = le(QTFS_MAGIC);
  raw().hdr.op = le(static_cast<__u16>(op));
  raw().hdr.seq = le(le(seq) + 1);
  raw().req = {};
  raw().req.caps = ~__u64{0};
  raw().req.umask = le(__u16{022});
  raw().path_len[0] = raw().path_len[1] = 0;
  raw().open_flags = 0;
  for (__s32 &fd : raw().fd)
    fd = -1;
  body_.assign(qtfs_op_info(op)->req_body, '\0');
  data_.clear();
  groups_.clear();
  names_ = {};
  return *this;
}

FakeSlot &FakeSlot::path_fd(unsigned which, const std::string &path)
{
  const int fd = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);

  EXPECT_GE(fd, 0) << path << ": " << std::strerror(errno);
  raw().fd[which] = fd;
  set_path(which, path);
  return *this;
}

FakeSlot &FakeSlot::node_fd(int fd, const std::string &path)
{
  raw().fd[QTFS_SLOT_NODE] = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  set_path(0, path);
  return *this;
}

void FakeSlot::set_path(unsigned which, const std::string &path)
{
  std::memcpy(memory_.get() + setup_.path_offset[which], path.data(), path.size());
  raw().path_len[which] = static_cast<__u32>(path.size());
}

FakeSlot &FakeSlot::open(const std::string &path, int flags, std::uint32_t wire_flags)
{
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);

  EXPECT_GE(fd, 0) << path << ": " << std::strerror(errno);
  return open_fd(fd, path, wire_flags);
}

FakeSlot &FakeSlot::open_fd(int fd, const std::string &path, std::uint32_t wire_flags)
{
  raw().fd[QTFS_SLOT_OPEN] = fd;
  raw().open_flags = wire_flags;
  set_path(0, path);
  return *this;
}

FakeSlot &FakeSlot::unknown_path(unsigned which)
{
  raw().path_len[which] = 0;
  return *this;
}

FakeSlot &FakeSlot::name(std::string_view name, std::string_view name1)
{
  names_ = {std::string(name), std::string(name1)};
  return *this;
}

FakeSlot &FakeSlot::data(std::string_view data)
{
  data_ = data;
  return *this;
}

FakeSlot &FakeSlot::caller(std::uint32_t uid, std::uint32_t gid, std::vector<std::uint32_t> groups,
                           std::uint64_t caps)
{
  raw().req.uid = le(uid);
  raw().req.gid = le(gid);
  raw().req.caps = le(static_cast<__u64>(caps));
  groups_ = std::move(groups);
  return *this;
}

FakeSlot &FakeSlot::umask(std::uint16_t mask)
{
  raw().req.umask = le(mask);
  return *this;
}

FakeSlot &FakeSlot::resent()
{
  raw().flags |= QTFS_SLOT_RESENT;
  raw().hdr.seq = le(le(raw().hdr.seq) - 1);
  return *this;
}

Slot &FakeSlot::sealed()
{
  std::byte *at = memory_.get() + setup_.args_offset;
  const auto put = [&](const void *from, std::size_t len) {
    if (len)
      std::memcpy(at, from, len);
    at += len;
  };

  raw().hdr.body_len = le(static_cast<__u16>(body_.size()));
  raw().hdr.data_len = le(static_cast<__u32>(data_.size()));
  raw().req.ngroups = le(static_cast<__u32>(groups_.size()));
  put(body_.data(), body_.size());
  put(groups_.data(), groups_.size() * 4);
  for (unsigned i = 0; i < names_.size(); i++) {
    raw().req.name_len[i] = le(static_cast<__u16>(names_[i].size()));
    put(names_[i].data(), names_[i].size());
  }
  std::memcpy(memory_.get() + setup_.data_offset, data_.data(), data_.size());
  return slot_;
}

std::string FakeSlot::reply_data()
{
  return {reinterpret_cast<const char *>(memory_.get() + setup_.data_offset), raw().data_len};
}

void EngineTest::SetUp()
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root";
  ASSERT_EQ(::mkdir(yes().c_str(), 0777), 0);
  ASSERT_EQ(::mkdir(no().c_str(), 0777), 0);
  ASSERT_EQ(::chmod(yes().c_str(), 0777), 0);
  ASSERT_EQ(::chmod(no().c_str(), 0777), 0);
  use_whitelist(everything(yes()));
}

void EngineTest::use_whitelist(const std::string &text)
{
  Result<Whitelist, Whitelist::Error> whitelist = Whitelist::parse(text, "test");

  ASSERT_TRUE(whitelist) << whitelist.error().text();
  policy_ = std::make_unique<engine::Policy>(std::move(*whitelist));
}

std::string EngineTest::everything(const std::string &items)
{
  return everything_but("", items);
}

std::string EngineTest::everything_but(std::string_view section, const std::string &items)
{
  std::string text;

  for (std::size_t i = 0; i < section_count; i++) {
    const std::string_view name = section_name(static_cast<Section>(i));

    text.append("[").append(name).append("]\n");
    if (name != section)
      text.append("Path=").append(items).append("\n");
  }
  return text;
}

int EngineTest::run(FakeSlot &slot)
{
  Slot &sealed = slot.sealed();
  std::thread thread([&] {
    Result<engine::Credentials> credentials = engine::Credentials::of_thread();

    ASSERT_TRUE(credentials);
    engine::Executor(*policy_, std::move(*credentials)).run(sealed);
  });
  thread.join();

  EXPECT_EQ(slot.raw().state, unsigned{QTFS_SLOT_DONE});
  if (slot.status() != 0) {
    EXPECT_EQ(slot.reply_fd(), -1);
    EXPECT_EQ(slot.raw().data_len, 0u);
    EXPECT_EQ(slot.raw().reply_flags, 0u);
  }
  return slot.status();
}

std::string EngineTest::yes(std::string_view name) const
{
  return name.empty() ? dir_ / "yes" : dir_ / "yes/" + std::string(name);
}

std::string EngineTest::no(std::string_view name) const
{
  return name.empty() ? dir_ / "no" : dir_ / "no/" + std::string(name);
}

void EngineTest::write_file(const std::string &path, std::string_view text, mode_t mode)
{
  std::ofstream(path) << text;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0) << path;
}

std::string EngineTest::read_file(const std::string &path)
{
  const Result<std::string> text = qtfs::read_file(path);

  return text ? *text : std::string();
}

bool EngineTest::exists(const std::string &path)
{
  struct stat st;

  return ::lstat(path.c_str(), &st) == 0;
}

qtfs_find find_body(const std::string &path)
{
  struct stat st = {};
  qtfs_find body = {};

  EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path << ": " << std::strerror(errno);
  body.ino = le(__u64{st.st_ino});
  body.dev = le(__u32{major(st.st_dev) << 20 | minor(st.st_dev)});
  body.type = le(__u32{st.st_mode & S_IFMT});
  return body;
}

struct stat EngineTest::stat_of(const std::string &path)
{
  struct stat st = {};

  EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path << ": " << std::strerror(errno);
  return st;
}

std::string EngineTest::path_of(int fd)
{
  std::error_code error;

  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error).string();
}

} // namespace qtfs::test
