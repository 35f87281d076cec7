// SPDX-License-Identifier: GPL-2.0
//
// Somebody on this machine swaps directories and files for symbolic links that
// lead out of what is allowed, while requests run.  None may ever get there.

#include <atomic>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "bytes.hh"
#include "engine_fixture.hh"

namespace qtfs::test {

namespace {

// Keeps exchanging two names until it goes.
class Swapper {
public:
  Swapper(const std::string &a, const std::string &b)
      : thread_([this, a, b] {
          while (!stop_) {
            ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
            swaps_++;
          }
        })
  {
  }

  ~Swapper()
  {
    stop_ = true;
    thread_.join();
  }

  unsigned swaps() const { return swaps_; }

private:
  std::atomic<bool> stop_ = false;
  std::atomic<unsigned> swaps_ = 0;
  std::thread thread_;
};

class Escape : public EngineTest {
protected:
  void SetUp() override
  {
    EngineTest::SetUp();
    if (IsSkipped())
      return;
    write_file(no("secret"), "secret");
    ::mkdir(yes("dir").c_str(), 0777);
    write_file(yes("dir/secret"), "public");
    EXPECT_EQ(::symlink(no().c_str(), yes("link").c_str()), 0);
  }

  // As the module: a node is what the engine answered, with its path of now.
  FakeSlot &on(unsigned op, int node)
  {
    std::string path = path_of(node);

    if (path.ends_with(" (deleted)"))
      path.resize(path.size() - 10);
    return slot_.request(op).node_fd(node, path);
  }

  static std::size_t entries(const std::string &path)
  {
    std::size_t count = 0;
    DIR *dir = ::opendir(path.c_str());

    while (::readdir(dir))
      count++;
    ::closedir(dir);
    return count;
  }

  static std::string text_of(int fd)
  {
    char text[16] = {};
    const ssize_t len = ::pread(fd, text, sizeof(text), 0);

    return {text, static_cast<std::size_t>(std::max<ssize_t>(len, 0))};
  }

  static constexpr int rounds = 1500;
};

} // namespace

TEST_F(Escape, NotThroughADirectoryThatIsSwapped)
{
  int directories = 0, links = 0;
  {
    const Swapper swapper(yes("dir"), yes("link"));

    for (int i = 0; i < rounds; i++) {
      slot_.request(QTFS_OP_LOOKUP).node(yes()).name("dir");
      ASSERT_EQ(run(slot_), 0);
      const Fd node(::fcntl(slot_.reply_fd(), F_DUPFD_CLOEXEC, 0));

      const int status = run(on(QTFS_OP_CREATE, node.get())
                               .name("planted")
                               .body(qtfs_open{le(__u32{1 | QTFS_O_TRUNC}), le(__u32{0644})}));
      ASSERT_TRUE(status == 0 || status == ENOTDIR) << status;
      (status == 0 ? directories : links)++;

      const int found = run(on(QTFS_OP_LOOKUP, node.get()).name("secret"));
      ASSERT_TRUE(found == 0 || found == ENOTDIR) << found;
      if (found)
        continue;
      const Fd file(::fcntl(slot_.reply_fd(), F_DUPFD_CLOEXEC, 0));
      ASSERT_EQ(run(on(QTFS_OP_OPEN, file.get()).body(qtfs_open{})), 0);
      ASSERT_EQ(text_of(slot_.reply_fd()), "public");
      run(on(QTFS_OP_UNLINK, node.get()).name("planted"));
    }
  }
  EXPECT_EQ(entries(no()), 3u);
  EXPECT_EQ(read_file(no("secret")), "secret");
  EXPECT_GT(directories, 0);
  EXPECT_GT(links, 0);
}

TEST_F(Escape, NotThroughAFileThatIsSwapped)
{
  write_file(yes("file"), "public");
  EXPECT_EQ(::symlink(no("secret").c_str(), yes("way-out").c_str()), 0);
  int opened = 0, refused = 0;
  {
    const Swapper swapper(yes("file"), yes("way-out"));

    for (int i = 0; i < rounds; i++) {
      slot_.request(QTFS_OP_CREATE)
        .node(yes())
        .name("file")
        .body(qtfs_open{le(__u32{2 | (i % 50 ? 0 : QTFS_O_APPEND)}), le(__u32{0644})});
      const int status = run(slot_);
      ASSERT_TRUE(status == 0 || status == ELOOP) << status;
      (status == 0 ? opened : refused)++;
      if (status == 0) {
        ASSERT_EQ(text_of(slot_.reply_fd()), "public");
      }

      // And all that takes the path of a descriptor.
      slot_.request(QTFS_OP_LOOKUP).node(yes()).name("file");
      ASSERT_EQ(run(slot_), 0);
      const Fd node(::fcntl(slot_.reply_fd(), F_DUPFD_CLOEXEC, 0));
      qtfs_setattr mode = {};
      mode.valid = le(__u32{QTFS_SET_MODE});
      mode.mode = le(__u32{0606});
      run(on(QTFS_OP_SETATTR, node.get()).body(mode));
      run(on(QTFS_OP_SETXATTR, node.get()).name("user.planted").data("x"));
      slot_.request(QTFS_OP_UNLINK).node(yes()).name("linked");
      run(slot_);
    }
  }
  EXPECT_EQ(read_file(no("secret")), "secret");
  EXPECT_EQ(stat_of(no("secret")).st_mode & 0777, 0644u);
  EXPECT_EQ(stat_of(no("secret")).st_nlink, 1u);
  EXPECT_GT(opened, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(Escape, NotByAttachToAPathThatIsSwapped)
{
  ::mkdir(yes("dir/sub").c_str(), 0777);
  ::mkdir(no("sub").c_str(), 0777);
  int attached = 0, refused = 0;
  {
    const Swapper swapper(yes("dir"), yes("link"));

    for (int i = 0; i < rounds; i++) {
      slot_.request(QTFS_OP_ATTACH).name(yes("dir/sub"));
      const int status = run(slot_);

      ASSERT_TRUE(status == 0 || status == EACCES) << status;
      (status == 0 ? attached : refused)++;
      if (status == 0) {
        ASSERT_TRUE(path_of(slot_.reply_fd()).starts_with(yes()));
      }
    }
  }
  EXPECT_GT(attached, 0);
  EXPECT_GT(refused, 0);
}

} // namespace qtfs::test
