// SPDX-License-Identifier: GPL-2.0
//
// A directory for a test, removed with all that is in it.

#ifndef QTFS_TEST_TEMP_DIR_HH
#define QTFS_TEST_TEMP_DIR_HH

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include "result.hh"

namespace qtfs::test {

class TempDir {
public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "qtfs-test-XXXXXX").string())
  {
    if (!::mkdtemp(path_.data()))
      throw std::system_error(last_error(), "mkdtemp");
    ::chmod(path_.c_str(), 0755);
  }
  TempDir(const TempDir &) = delete;
  ~TempDir()
  {
    std::error_code ignored;

    std::filesystem::remove_all(path_, ignored);
  }

  const std::string &path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
  std::string path_;
};

} // namespace qtfs::test

#endif
