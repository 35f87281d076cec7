// SPDX-License-Identifier: GPL-2.0
//
// A file system in memory: what one must do, as far as the checker asks.
//
// Operations return 0 or the errno that Linux gives to root.  Names are paths
// below the root, without a leading slash; "" is the root.

#ifndef QTFS_CHECKER_MODEL_HH
#define QTFS_CHECKER_MODEL_HH

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace qtfs::checker {

enum class Kind { File, Directory, Link };

struct Inode {
  Kind kind = Kind::File;
  unsigned mode = 0;
  unsigned links = 1;                                     // of a file or a link
  std::string data;                                       // of a file; a link's target
  std::map<std::string, std::shared_ptr<Inode>> children; // of a directory
};

using Ref = std::shared_ptr<Inode>;

class Model {
public:
  Model();

  Ref root() const { return root_; }
  // What @path leads to, NULL if nothing; links are not followed.
  Ref find(const std::string &path) const;
  // All paths, parents before children.
  std::vector<std::string> paths() const;

  int mkdir(const std::string &path, unsigned mode);
  int create(const std::string &path, unsigned mode, Ref &made); // O_CREAT | O_EXCL
  int symlink(const std::string &target, const std::string &path);
  int link(const std::string &from, const std::string &to);
  int unlink(const std::string &path);
  int rmdir(const std::string &path);
  int rename(const std::string &from, const std::string &to, bool noreplace);

  static void write(Inode &file, std::uint64_t offset, const std::string &data);
  static void truncate(Inode &file, std::uint64_t size);
  // As stat(2) tells it.
  static unsigned links(const Inode &inode);

private:
  // What @path leads to, or an errno.
  int resolve(const std::string &path, Ref &inode) const;
  // The directory that @path is in, and its last name.  An errno if there is none.
  int parent(const std::string &path, Ref &directory, std::string &name) const;
  int insert(const std::string &path, const Ref &inode);

  Ref root_;
};

} // namespace qtfs::checker

#endif
