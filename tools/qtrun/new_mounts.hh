// SPDX-License-Identifier: GPL-2.0
//
// What the new mount API (fsopen(2) and so on) has begun and not yet put anywhere.
//
// Whose a mount will be, this machine's or the host's, is known at move_mount(2) alone.  So
// the program's own calls make it here, which hurts nobody; if the place is the host's, the
// host makes it anew, after what the kernel says that it is, and the one made here goes.
// Only where the source is the host's already is it never made here: the program has an
// empty directory that can't be written to, a stand-in, until the mount has its place.
//
// What is kept here is little: what was said to a context until it is created, what a
// stand-in stands for, and how a tree of the host was copied.  Nothing tells when a program
// has closed something of that, so the oldest go when there are many.  A context is held
// open only until it is created: never is a file system.

#ifndef QTFS_QTRUN_NEW_MOUNTS_HH
#define QTFS_QTRUN_NEW_MOUNTS_HH

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>

#include "fd.hh"
#include "recipe.hh"

namespace qtfs::qtrun {

// Of fsopen(2) or fspick(2).  Whoever looks at it holds the lock.
struct Context {
  std::mutex lock;
  Recipe recipe;
  Fd file;              // the program's
  bool is_type = false; // it is of the type that the program wants, which is known here
  Fd picked;            // what fspick(2) was called with, on the host
};

// A tree of the host that open_tree(2) has copied.
struct Clone {
  dev_t device = 0;
  ino_t inode = 0;
  bool recursive = false;
  std::uint32_t flags = 0; // of its mount, MS_*
};

class NewMounts {
public:
  void add(std::shared_ptr<Context> context);
  // The context that has this very file.
  std::shared_ptr<Context> find(int file);
  void remove(const std::shared_ptr<Context> &context);

  // The source by which a stand-in is found again.
  std::string add_stand_in(const Recipe &recipe);
  std::optional<Recipe> find_stand_in(const std::string &source);

  void add(const Clone &clone);
  // How the tree was copied last.
  std::optional<Clone> find_clone(dev_t device, ino_t inode);

private:
  std::mutex lock_;
  std::deque<std::shared_ptr<Context>> contexts_;
  std::deque<std::pair<std::uint64_t, Recipe>> stand_ins_;
  std::uint64_t last_stand_in_ = 0;
  std::deque<Clone> clones_;
};

} // namespace qtfs::qtrun

#endif
