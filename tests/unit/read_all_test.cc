// SPDX-License-Identifier: GPL-2.0

#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>

#include "fd.hh"
#include "read_all.hh"
#include "temp_dir.hh"
#include "write_all.hh"

namespace qtfs {

TEST(ReadAll, OfAFile)
{
  const test::TempDir dir;
  const std::string text = std::string(100000, 'x') + '\0' + "end";
  std::ofstream(dir / "file") << text;

  EXPECT_EQ(*read_file(dir / "file"), text);
  EXPECT_EQ(*read_file(dir / "file", text.size()), text);
  EXPECT_EQ(read_file(dir / "file", text.size() - 1).error().value(), EFBIG);
  EXPECT_EQ(read_file(dir / "none").error().value(), ENOENT);
  EXPECT_EQ(read_file(dir.path()).error().value(), EISDIR);
  const Fd directory(::open(dir.path().c_str(), O_PATH | O_CLOEXEC));
  EXPECT_EQ(*read_file_at(directory.get(), "file"), text);
}

TEST(ReadAll, FromWhereItStands)
{
  const test::TempDir dir;
  std::ofstream(dir / "file") << "0123456789";
  const Fd fd(::open((dir / "file").c_str(), O_RDONLY | O_CLOEXEC));

  EXPECT_EQ(*read_up_to(fd.get(), 3), "012");
  EXPECT_EQ(*read_up_to(fd.get(), 0), "");
  EXPECT_EQ(*read_all(fd.get()), "3456789");
  EXPECT_EQ(*read_all(fd.get()), "");
  EXPECT_EQ(read_all(-1).error().value(), EBADF);
}

TEST(ReadAll, HoweverItComes)
{
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd from(ends[0]);
  std::thread writer([to = Fd(ends[1])] {
    for (int i = 0; i < 3000; i++)
      write_all(to.get(), std::to_string(i % 10) + std::string(99, ' '));
  });
  const Result<std::string> text = read_all(from.get());

  writer.join();
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 300000U);
  EXPECT_EQ((*text)[100], '1');
}

TEST(ReadAll, RegularFilesOnly)
{
  const test::TempDir dir;
  std::ofstream(dir / "file") << "text";
  ASSERT_EQ(::chmod((dir / "file").c_str(), 0640), 0);
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);

  const Result<RegularFile> found = read_regular(dir / "file");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->text, "text");
  EXPECT_EQ(found->st.st_mode, S_IFREG | 0640U);
  EXPECT_EQ(read_regular(dir / "file", 3).error().value(), EFBIG);
  EXPECT_EQ(read_regular(dir / "fifo").error().value(), EINVAL) << "and doesn't wait";
  EXPECT_EQ(read_regular(dir.path()).error().value(), EISDIR);
}

} // namespace qtfs
