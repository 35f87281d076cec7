// SPDX-License-Identifier: GPL-2.0

#include "atomic_file.hh"

#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>

#include "fd.hh"
#include "result.hh"
#include "write_all.hh"

namespace qtfs {

namespace {

std::error_code fill(int fd, const struct stat &old, std::string_view text)
{
  if (const std::error_code error = write_all(fd, text))
    return error;
  if (::fchown(fd, old.st_uid, old.st_gid) != 0 || ::fchmod(fd, old.st_mode & 07777) != 0 ||
      ::fsync(fd) != 0)
    return last_error();
  return {};
}

} // namespace

std::error_code replace_file(const std::string &file, std::string_view text)
{
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(file.c_str(), nullptr),
                                                         &std::free);
  struct stat old;
  if (!real || ::stat(real.get(), &old) != 0)
    return last_error();

  const std::string target = real.get();
  std::string scratch = target + ".XXXXXX";
  const Fd fd(::mkostemp(scratch.data(), O_CLOEXEC));
  if (!fd)
    return last_error();
  std::error_code error = fill(fd.get(), old, text);
  if (!error && ::rename(scratch.c_str(), target.c_str()) != 0)
    error = last_error();
  if (error) {
    ::unlink(scratch.c_str());
    return error;
  }

  const Fd directory(
    ::open(target.substr(0, target.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory && ::fsync(directory.get()) == 0 ? std::error_code() : last_error();
}

} // namespace qtfs
