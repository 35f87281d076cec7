// SPDX-License-Identifier: GPL-2.0
//
// Where the number of the command's process on the other machine is noted:
// /run/rexec/pids/PID, PID being rexec's own, while rexec runs.  The file is
// locked (flock) for as long, which tells it from what a killed rexec left.

#ifndef QTFS_REXEC_PID_FILE_HH
#define QTFS_REXEC_PID_FILE_HH

#include <string>
#include <sys/types.h>

#include "fd.hh"
#include "result.hh"

namespace qtfs::rexec {

class PidFile {
public:
  PidFile() = default;
  // @file, which stays, or if it's empty /run/rexec/pids/PID, which doesn't.
  static Result<PidFile> create(const std::string &file);
  PidFile(PidFile &&) = default;
  PidFile &operator=(PidFile &&) = default;
  ~PidFile() { remove(); }

  std::error_code write(std::uint32_t pid) const;
  void remove();

private:
  Fd fd_;
  std::string temporary_; // its name, if it goes
};

} // namespace qtfs::rexec

#endif
