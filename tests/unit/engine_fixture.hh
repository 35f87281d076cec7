// SPDX-License-Identifier: GPL-2.0
//
// What the engine's tests have in common: a directory to work in, a slot
// without a module behind it, and a thread to execute requests on.

#ifndef QTFS_TEST_ENGINE_FIXTURE_HH
#define QTFS_TEST_ENGINE_FIXTURE_HH

#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include "executor.hh"
#include "policy.hh"
#include "slot.hh"
#include "temp_dir.hh"

namespace qtfs::test {

using engine::Slot;

// A slot's memory, filled in as the module would.  By default the caller is
// root with all capabilities.
class FakeSlot {
public:
  FakeSlot();
  FakeSlot(const FakeSlot &) = delete;
  ~FakeSlot();

  // The next request.  All that isn't set afterwards is as if never used, but
  // for the note.
  FakeSlot &request(unsigned op);

  // Objects are named by their paths now.
  FakeSlot &node(const std::string &path) { return path_fd(QTFS_SLOT_NODE, path); }
  FakeSlot &node2(const std::string &path) { return path_fd(QTFS_SLOT_NODE2, path); }
  // By a descriptor that the slot gets a copy of.
  FakeSlot &node_fd(int fd, const std::string &path);
  // Opens it; @flags are wire flags and native ones.
  FakeSlot &open(const std::string &path, int flags, std::uint32_t wire_flags);
  FakeSlot &open_fd(int fd, const std::string &path, std::uint32_t wire_flags = 0);
  FakeSlot &unknown_path(unsigned which);

  FakeSlot &name(std::string_view name, std::string_view name1 = {});
  FakeSlot &data(std::string_view data);
  FakeSlot &caller(std::uint32_t uid, std::uint32_t gid, std::vector<std::uint32_t> groups = {},
                   std::uint64_t caps = 0);
  FakeSlot &umask(std::uint16_t mask);
  // Makes it the last request once more, after an engine died.
  FakeSlot &resent();

  template <typename Body> FakeSlot &body(const Body &body)
  {
    body_.assign(reinterpret_cast<const char *>(&body), sizeof(body));
    return *this;
  }

  // Puts the parts together, for Slot::fetch().
  Slot &sealed();

  Slot &slot() { return slot_; }
  qtfs_slot &raw() { return slot_.raw(); }
  int status() { return static_cast<int>(raw().status); }
  int reply_fd() { return raw().reply_fd; }
  // Takes the answer's descriptor, as the module does.
  void close_reply();
  std::string reply_data();
  template <typename Body> const Body &reply() { return slot_.reply_body<Body>(); }

  static constexpr std::size_t data_size = 1 << 17;

private:
  FakeSlot &path_fd(unsigned which, const std::string &path);
  void set_path(unsigned which, const std::string &path);

  static constexpr std::size_t guard = 64; // bytes around, to find overruns

  qtfs_channel_setup setup_ = {};
  std::unique_ptr<std::byte[]> memory_;
  Slot slot_;
  std::string body_;
  std::string data_;
  std::vector<std::uint32_t> groups_;
  std::array<std::string, 2> names_;
};

// What FIND is told of the file at @path.
qtfs_find find_body(const std::string &path);

// One directory where everything is allowed, "yes", and one where nothing is,
// "no".  Requests run on a thread of their own each, as it takes on the
// caller's credentials.
class EngineTest : public testing::Test {
protected:
  void SetUp() override;

  void use_whitelist(const std::string &text);
  // For every section: Path=@items.
  static std::string everything(const std::string &items);
  // Likewise, but for one.
  static std::string everything_but(std::string_view section, const std::string &items);

  // Executes the request; the status.
  int run(FakeSlot &slot);

  std::string yes(std::string_view name = {}) const;
  std::string no(std::string_view name = {}) const;

  // Preparation and inspection of files, as root.
  static void write_file(const std::string &path, std::string_view text, mode_t mode = 0644);
  static std::string read_file(const std::string &path);
  static bool exists(const std::string &path);
  static struct stat stat_of(const std::string &path);
  // What a descriptor stands for.
  static std::string path_of(int fd);

  TempDir dir_;
  FakeSlot slot_;
  std::unique_ptr<engine::Policy> policy_;
};

} // namespace qtfs::test

#endif
