// SPDX-License-Identifier: GPL-2.0

#include "pid_file.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "socket.hh"
#include "write_all.hh"

namespace qtfs::rexec {

Result<PidFile> PidFile::create(const std::string &file)
{
  PidFile made;

  if (!file.empty()) {
    made.fd_ = Fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644));
  } else {
    const std::string name = std::string(run_directory) + "/pids/" + std::to_string(::getpid());

    ::unlink(name.c_str()); // a killed one's, with the same number
    made.fd_ = Fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (made.fd_ && ::flock(made.fd_.get(), LOCK_EX | LOCK_NB) == 0)
      made.temporary_ = name;
  }
  if (!made.fd_)
    return last_error();
  return made;
}

std::error_code PidFile::write(std::uint32_t pid) const
{
  return fd_ ? write_all(fd_.get(), std::to_string(pid) + "\n") : std::error_code();
}

void PidFile::remove()
{
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
  temporary_.clear();
  fd_.reset();
}

} // namespace qtfs::rexec
