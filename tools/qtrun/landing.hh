// SPDX-License-Identifier: GPL-2.0
//
// The place of a mount that has had none, on the host.

#ifndef QTFS_QTRUN_LANDING_HH
#define QTFS_QTRUN_LANDING_HH

#include <fcntl.h>
#include <optional>
#include <string>
#include <vector>

#include "answer.hh"
#include "mountinfo.hh"
#include "new_mounts.hh"

namespace qtfs::qtrun {

struct Landing {
  const World &world;
  const std::vector<MountInfo> &mounts; // of the task
  int from;                             // O_PATH will do
  int target;
  std::string path; // of the target, as the thread finds it

  // The mount that has come there is another file.
  Fd reopened(int flags) const { return Fd(::open(path.c_str(), flags | O_CLOEXEC)); }
};

// Where an open file is, for the calling thread.
std::string path_of(const World &world, int fd);

// What the kernel says of a mount that has no place.  It is gone after that, though its
// files can still be reached by what is open.  Nothing: it has a place, or can't be told.
// The calling thread has its own root, and one that no other shares.
std::optional<MountInfo> take(const World &world, int mount);

// Have the host make it.  0 or an errno, after which nothing is mounted there.
int land_new(const Landing &landing, const Recipe &recipe);
int land_clone(const Landing &landing, const Clone &clone);

} // namespace qtfs::qtrun

#endif
