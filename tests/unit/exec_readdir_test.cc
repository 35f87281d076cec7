// SPDX-License-Identifier: GPL-2.0

#include <algorithm>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <set>
#include <sys/mount.h>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

struct Listed {
  std::string name;
  std::uint64_t ino;
  std::uint64_t cookie;
  unsigned type;
  unsigned flags;
};

class Readdir : public EngineTest {
protected:
  void make_entries(const std::string &at, int count)
  {
    const Fd directory(::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    for (int i = 0; i < count; i++) {
      std::string name = std::to_string(i);

      name.append(static_cast<std::size_t>(i % 200), 'x');
      const Fd file(::openat(directory.get(), name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      ASSERT_TRUE(file) << name;
      names_.insert(name);
    }
    names_.insert({".", ".."});
  }

  int read(std::uint64_t cookie, std::uint32_t size, std::uint32_t flags = 0)
  {
    slot_.request(QTFS_OP_READDIR)
      .open_fd(::dup(directory_.get()), yes())
      .body(qtfs_readdir{le(__u64{cookie}), le(size), le(flags)});
    return run(slot_);
  }

  std::vector<Listed> listed()
  {
    const std::string data = slot_.reply_data();
    std::vector<Listed> list;

    for (std::size_t at = 0; at < data.size();) {
      qtfs_dirent wire;
      std::memcpy(&wire, data.data() + at, sizeof(wire));
      const std::size_t len = le(wire.name_len);

      list.push_back({data.substr(at + sizeof(wire), len), le(wire.ino), le(wire.cookie), wire.type,
                      wire.flags});
      at += (sizeof(wire) + len + 7) & ~std::size_t{7};
    }
    return list;
  }

  // Reads from the beginning to the end; @between is called after each part.
  template <typename Between>
  std::multiset<std::string> read_all(std::uint32_t size, Between between)
  {
    std::multiset<std::string> names;
    std::uint64_t cookie = 0;

    for (;;) {
      EXPECT_EQ(read(cookie, size), 0);
      const std::vector<Listed> part = listed();

      if (part.empty())
        return names;
      for (const Listed &entry : part)
        names.insert(entry.name);
      cookie = part.back().cookie;
      between();
    }
  }

  std::multiset<std::string> read_all(std::uint32_t size)
  {
    return read_all(size, [] {});
  }

  std::multiset<std::string> names_;
  Fd directory_;
};

} // namespace

// The historical engine lost two entries of three.
TEST_F(Readdir, ListsEachEntryOnceWhateverTheSize)
{
  make_entries(yes(), 3000);
  directory_.reset(::open(yes().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const std::uint32_t size : {280u, 300u, 512u, 4096u, 65536u, 1u << 20})
    EXPECT_EQ(read_all(size), names_) << size;
}

TEST_F(Readdir, ListsTmpfsToo)
{
  ::mkdir(yes("tmpfs").c_str(), 0755);
  if (::mount("test", yes("tmpfs").c_str(), "tmpfs", 0, nullptr) != 0)
    GTEST_SKIP() << "can't mount";
  make_entries(yes("tmpfs"), 1000);
  directory_.reset(::open(yes("tmpfs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(read_all(300), names_);
  EXPECT_EQ(read_all(4096), names_);

  // Removing what has been read must not move what hasn't.
  std::multiset<std::string> seen = read_all(4096, [&] {
    for (const Listed &entry : listed())
      ::unlink(yes("tmpfs/" + entry.name).c_str());
  });
  EXPECT_EQ(seen, names_);
  directory_.reset();
  ::umount2(yes("tmpfs").c_str(), MNT_DETACH);
}

TEST_F(Readdir, GoesBackToACookie)
{
  make_entries(yes(), 100);
  directory_.reset(::open(yes().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(read(0, 65536), 0);
  const std::vector<Listed> all = listed();
  ASSERT_EQ(all.size(), 102u);

  for (const std::size_t i : {50u, 3u, 100u}) {
    ASSERT_EQ(read(all[i].cookie, 65536), 0);
    const std::vector<Listed> rest = listed();
    ASSERT_EQ(rest.size(), all.size() - i - 1);
    EXPECT_EQ(rest.front().name, all[i + 1].name);
  }
}

TEST_F(Readdir, TellsWhatEntriesAre)
{
  write_file(yes("file"), "");
  ::mkdir(yes("dir").c_str(), 0755);
  EXPECT_EQ(::symlink("x", yes("link").c_str()), 0);
  directory_.reset(::open(yes().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(read(0, 4096), 0);

  for (const Listed &entry : listed()) {
    if (entry.name.starts_with("."))
      continue;
    EXPECT_EQ(entry.ino, stat_of(yes(entry.name)).st_ino);
    EXPECT_EQ(entry.type, unsigned{entry.name == "file"  ? DT_REG
                                   : entry.name == "dir" ? DT_DIR
                                                         : DT_LNK});
  }
}

TEST_F(Readdir, TellsTheEnd)
{
  make_entries(yes(), 100);
  directory_.reset(::open(yes().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(read(0, 65536), 0);
  const std::vector<Listed> all = listed();
  for (const Listed &entry : all)
    EXPECT_EQ(entry.flags, &entry == &all.back() ? QTFS_DIRENT_LAST : 0u);
  ASSERT_EQ(read(0, 1024), 0);
  EXPECT_EQ(listed().back().flags, 0u);
}

// What LOOKUP is not allowed to the module doesn't look up either.
TEST_F(Readdir, SaysWhatMayBeLookedUp)
{
  write_file(yes("a"), "");
  ::mkdir(yes("dir").c_str(), 0755);
  directory_.reset(::open(yes().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(read(0, 4096, QTFS_READDIR_ENTRIES), 0);
  EXPECT_EQ(listed().size(), 4u);
  for (const Listed &entry : listed())
    EXPECT_EQ(entry.flags & QTFS_DIRENT_ENTRY, entry.name.starts_with(".") ? 0u : 1u) << entry.name;
  use_whitelist(everything_but("Mount", "/"));
  ASSERT_EQ(read(0, 4096, QTFS_READDIR_ENTRIES), 0);
  for (const Listed &entry : listed())
    EXPECT_EQ(entry.flags & QTFS_DIRENT_ENTRY, 0u);
}

// All of a directory comes with its open, or nothing does.
TEST_F(Readdir, ComesWithOpen)
{
  make_entries(yes(), 3);
  const auto open = [&](const std::string &node, std::uint32_t size, std::uint32_t list = 0) {
    slot_.request(QTFS_OP_OPEN_DIR).node(node).body(qtfs_open_dir{0, le(size), le(list), 0});
    return run(slot_);
  };

  ASSERT_EQ(open(yes(), 4096), 0);
  EXPECT_EQ(listed().size(), names_.size());
  EXPECT_EQ(listed().back().flags, QTFS_DIRENT_LAST);
  ASSERT_EQ(open(yes(), 4096, QTFS_READDIR_ENTRIES), 0);
  EXPECT_EQ(listed().size(), names_.size());
  EXPECT_EQ(listed().back().flags & QTFS_DIRENT_LAST, QTFS_DIRENT_LAST);
  ASSERT_EQ(open(yes(), 100), 0);
  EXPECT_EQ(slot_.reply_data(), "");
  EXPECT_GE(slot_.reply_fd(), 0);
  ASSERT_EQ(open(yes(), 0), 0);
  EXPECT_EQ(slot_.reply_data(), "");

  EXPECT_EQ(open(yes("0"), 4096), ENOTDIR);
  use_whitelist(everything_but("Readdir", "/"));
  EXPECT_EQ(open(yes(), 4096), EACCES);
  EXPECT_EQ(slot_.reply_data(), "");
}

TEST_F(Readdir, TellsErrors)
{
  write_file(yes("a-longer-name"), "");
  directory_.reset(::open(yes().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Nothing fits: that must not look like the end.
  EXPECT_EQ(read(0, 24), EINVAL);
  EXPECT_EQ(read(0, 0), EINVAL);
  EXPECT_EQ(read(~std::uint64_t{0}, 4096), EINVAL);

  slot_.request(QTFS_OP_READDIR)
    .open(yes("a-longer-name"), O_RDONLY, 0)
    .body(qtfs_readdir{0, le(__u32{4096}), 0});
  EXPECT_EQ(run(slot_), ENOTDIR);
}

} // namespace qtfs::test
