// SPDX-License-Identifier: GPL-2.0

#include "dirents.hh"

#include <cstring>
#include <dirent.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "abi.hh"
#include "bytes.hh"
#include "random.hh"

namespace qtfs::test {

namespace {

using engine::DirentRow;

struct Packed {
  std::size_t len;
  std::optional<std::uint64_t> resume;
};

Packed pack_dirents(std::span<const std::byte> entries, std::span<std::byte> room,
                    std::uint64_t cookie)
{
  DirentRow row(room, cookie);
  const auto resume = row.add(entries);

  return {row.len(), resume};
}

struct Entry {
  std::uint64_t ino;
  std::uint64_t cookie;
  unsigned type;
  std::string name;

  bool operator==(const Entry &) const = default;
};

// As getdents64() would, with bytes behind the name that must not leak.
std::vector<std::byte> kernel_row(const std::vector<Entry> &entries)
{
  std::vector<std::byte> row;

  for (const Entry &entry : entries) {
    const std::size_t header = offsetof(dirent64, d_name);
    const std::size_t len = (header + entry.name.size() + 1 + 7) & ~std::size_t{7};
    dirent64 kernel = {};
    kernel.d_ino = entry.ino;
    kernel.d_off = static_cast<off64_t>(entry.cookie);
    kernel.d_reclen = static_cast<unsigned short>(len);
    kernel.d_type = static_cast<unsigned char>(entry.type);

    const std::size_t at = row.size();
    row.resize(at + len, std::byte{0xee});
    std::memcpy(&row[at], &kernel, header);
    std::memcpy(&row[at + header], entry.name.c_str(), entry.name.size() + 1);
  }
  return row;
}

// As a client would, and checks the form.
std::vector<Entry> wire_entries(std::span<const std::byte> row)
{
  std::vector<Entry> entries;

  while (!row.empty()) {
    qtfs_dirent wire;
    EXPECT_GE(row.size(), sizeof(wire));
    std::memcpy(&wire, row.data(), sizeof(wire));
    const std::size_t name_len = le(wire.name_len);
    const std::size_t len = (sizeof(wire) + name_len + 7) & ~std::size_t{7};
    EXPECT_GE(row.size(), len);
    const auto *name = reinterpret_cast<const char *>(row.data()) + sizeof(wire);

    entries.push_back({le(wire.ino), le(wire.cookie), wire.type, {name, name_len}});
    for (const __u8 byte : wire.reserved)
      EXPECT_EQ(byte, 0);
    for (std::size_t i = sizeof(wire) + name_len; i < len; i++)
      EXPECT_EQ(row[i], std::byte{0}) << "padding";
    row = row.subspan(len);
  }
  return entries;
}

std::vector<Entry> some_entries()
{
  std::vector<Entry> entries;

  for (std::size_t len = 1; len <= QTFS_NAME_MAX; len++)
    entries.push_back({len * 1000, len, DT_REG, std::string(len, 'n')});
  entries.push_back({~std::uint64_t{0}, ~std::uint64_t{0} >> 1, DT_UNKNOWN, "\xff\n"});
  return entries;
}

} // namespace

TEST(Dirents, KeepEverything)
{
  const std::vector<Entry> entries = some_entries();
  std::vector<std::byte> room(1 << 17, std::byte{0x77});

  const Packed packed = pack_dirents(kernel_row(entries), room, 0);
  EXPECT_FALSE(packed.resume);
  EXPECT_EQ(wire_entries(std::span(room).first(packed.len)), entries);
  EXPECT_EQ(room[packed.len], std::byte{0x77});
}

TEST(Dirents, NothingIsNothing)
{
  std::vector<std::byte> room(100);

  EXPECT_EQ(pack_dirents({}, room, 5).len, 0u);
}

// Whatever the room, entries come whole, in order, and none is lost.
TEST(Dirents, StopWhereTheRoomEndsAndTellWhere)
{
  const std::vector<Entry> entries = some_entries();

  for (std::size_t size = 280; size < 3000; size += 41) {
    std::vector<Entry> got;
    std::uint64_t position = 0;

    while (got.size() < entries.size()) {
      const std::vector<Entry> rest(entries.begin() + static_cast<std::ptrdiff_t>(got.size()),
                                    entries.end());
      std::vector<std::byte> room(size);
      const Packed packed = pack_dirents(kernel_row(rest), room, position);
      ASSERT_LE(packed.len, size);
      const std::vector<Entry> part = wire_entries(std::span(room).first(packed.len));

      ASSERT_FALSE(part.empty());
      got.insert(got.end(), part.begin(), part.end());
      position = part.back().cookie;
      ASSERT_EQ(packed.resume.has_value(), got.size() < entries.size());
      ASSERT_EQ(packed.resume.value_or(position), position);
    }
    ASSERT_EQ(got, entries);
  }
}

TEST(Dirents, ResumeAtTheBeginningIfNotEvenOneFits)
{
  std::vector<std::byte> room(24);
  const Packed packed = pack_dirents(kernel_row({{1, 9, DT_REG, "a"}}), room, 5);

  EXPECT_EQ(packed.len, 0u);
  EXPECT_EQ(packed.resume, 5u);
}

// What is read with the size that it tells always fits.
TEST(Dirents, ReadSizeLeavesRoomToGrow)
{
  std::mt19937_64 random = reproducible_random(3);

  for (int round = 0; round < 1000; round++) {
    const std::size_t size = 512 + random() % 8192;
    std::vector<std::byte> room(size);
    const bool looked_up = random() % 2;
    DirentRow row(room, 0, looked_up ? [](std::string_view) { return true; } : DirentRow::Allows());
    const std::size_t limit = row.read_size();
    const std::size_t longest = round % 3 == 0 ? 1 : round % 3 == 1 ? 16 : 255;
    std::vector<Entry> entries;

    for (std::size_t i = 1, len = 0;; i++) {
      const Entry entry = {i, i, DT_DIR, std::string(1 + random() % longest, 'x')};

      len += kernel_row({entry}).size();
      if (len > limit)
        break;
      entries.push_back(entry);
    }
    ASSERT_FALSE(row.add(kernel_row(entries))) << size;
  }
  EXPECT_GE(DirentRow::read_min(), 280u); // one entry of the longest name
}

// Room is left for what the module adds to the names that it may look up.
TEST(Dirents, CountWhatTheModuleWillAdd)
{
  const auto row = kernel_row({{1, 1, DT_DIR, "."},
                               {2, 2, DT_DIR, ".."},
                               {3, 3, DT_REG, "yes"},
                               {4, 4, DT_REG, "no"},
                               {5, 5, DT_REG, "yes"}});
  const auto allows = [](std::string_view name) { return name == "yes"; };

  for (std::size_t size = 5 * 32 - 8; size <= 5 * 32 + 2 * 160; size += 8) {
    std::vector<std::byte> room(size);
    DirentRow filled(room, 0, allows);
    filled.add(row);

    std::size_t wire_len = 0;
    for (std::size_t at = 0; at < filled.len();) {
      qtfs_dirent wire;
      std::memcpy(&wire, room.data() + at, sizeof(wire));
      const auto *name = reinterpret_cast<const char *>(room.data()) + at + sizeof(wire);
      const bool yes = std::string_view(name, le(wire.name_len)) == "yes";

      EXPECT_EQ(wire.flags, yes ? QTFS_DIRENT_ENTRY : 0);
      wire_len += 32 + (yes ? sizeof(qtfs_entry_rep) : 0);
      at += 32;
    }
    EXPECT_LE(wire_len, size);
  }
}

TEST(Dirents, TellTheEnd)
{
  std::vector<std::byte> room(1000);
  DirentRow row(room, 0);
  qtfs_dirent wire;

  row.end(); // an empty row stays empty
  EXPECT_EQ(row.len(), 0u);
  row.add(kernel_row({{1, 1, DT_REG, "a"}, {2, 2, DT_REG, "b"}}));
  row.end();
  std::memcpy(&wire, room.data(), sizeof(wire));
  EXPECT_EQ(wire.flags, 0);
  std::memcpy(&wire, room.data() + 32, sizeof(wire));
  EXPECT_EQ(wire.flags, QTFS_DIRENT_LAST);
}

} // namespace qtfs::test
