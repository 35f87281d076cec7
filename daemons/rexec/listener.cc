// SPDX-License-Identifier: GPL-2.0

#include "listener.hh"

#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc_path.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

// For as long as it lives, what is done is done as somebody else; the real ids stay.
class As {
public:
  As(uid_t uid, gid_t gid) : root_(::geteuid() == 0), gid_(::getegid())
  {
    good_ = !root_ || (::setegid(gid) == 0 && ::seteuid(uid) == 0);
  }
  As(const As &) = delete;
  ~As()
  {
    // Whoever may have become somebody may come back.
    if (root_ && (::seteuid(0) != 0 || ::setegid(gid_) != 0))
      std::abort();
  }

  bool good() const { return good_; }

private:
  const bool root_;
  const gid_t gid_;
  bool good_;
};

// A directory that is nobody else's, and what is in it, while it is used.
class PrivatePlace {
public:
  PrivatePlace() { made_ = ::mkdtemp(directory_.data()) != nullptr; }
  PrivatePlace(const PrivatePlace &) = delete;
  ~PrivatePlace()
  {
    if (!made_)
      return;
    ::unlink(path().c_str());
    ::rmdir(directory_.c_str());
  }

  bool made() const { return made_; }
  std::string path() const { return directory_ + "/socket"; }

private:
  std::string directory_ = "/tmp/rexec-XXXXXX";
  bool made_;
};

} // namespace

Result<Listener> Listener::make()
{
  Listener made;
  const PrivatePlace place;

  made.socket_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!place.made() || !made.socket_)
    return last_error();
  if (const std::error_code error = unix_bind(made.socket_.get(), place.path()))
    return error;
  // Who may connect has been asked on the caller's machine.
  if (::chmod(place.path().c_str(), 0666) != 0 || ::listen(made.socket_.get(), SOMAXCONN) != 0)
    return last_error();
  made.file_ = Fd(::open(place.path().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!made.file_)
    return last_error();
  return made;
}

Result<Fd> Listener::connect(std::uint32_t uid, std::uint32_t gid) const
{
  const As as(uid, gid);

  if (!as.good())
    return last_error();
  return unix_connect(ProcPath(file_.get()).c_str(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
}

} // namespace qtfs::rexec
