// SPDX-License-Identifier: GPL-2.0
//
// What the kernel shows of qtfs at one moment.
//
// Reading a file of the kernel may wait for a lock that somebody who hangs
// holds, and nothing interrupts that.  So a child process reads, and is left
// behind when it doesn't come back in time.

#ifndef QTFS_QTINFO_SNAPSHOT_HH
#define QTFS_QTINFO_SNAPSHOT_HH

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fd.hh"

namespace qtfs::qtinfo {

struct Snapshot {
  std::map<std::string, std::string> files; // by their names below the root
  std::string stuck;                        // the file that didn't answer in time
  std::chrono::steady_clock::time_point at;
};

// All files of the modules in sysfs and debugfs, and what else is of use.  @root
// is put before each name: for tests.
Snapshot take_snapshot(const std::string &root = "",
                       std::chrono::milliseconds limit = std::chrono::seconds(2));

// Runs @work in a child process, which writes to the descriptor it is given,
// and returns what came before the child ended or @limit was over; @complete
// says which.  A child that is late is killed and not waited for.
std::string run_apart(const std::function<void(int fd)> &work, std::chrono::milliseconds limit,
                      bool &complete);

} // namespace qtfs::qtinfo

#endif
