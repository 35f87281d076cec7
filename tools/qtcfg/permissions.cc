// SPDX-License-Identifier: GPL-2.0

#include "permissions.hh"

#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qtfs::qtcfg {

namespace {

// In the process that has become the user.
int access_errno(const User &user, const Operation &operation, const std::string &path)
{
  struct stat st;

  if (operation.target == Target::Process)
    return 0;
  if (operation.target == Target::Name && operation.access) {
    const std::string directory = std::filesystem::path(path).parent_path();
    return ::faccessat(AT_FDCWD, directory.c_str(), operation.access | X_OK, AT_EACCESS) == 0
             ? 0
             : errno;
  }
  if (::lstat(path.c_str(), &st) != 0)
    return errno;
  if (operation.sections.back() == Section::Setattr)
    return user.uid == 0 || st.st_uid == user.uid ? 0 : EPERM;
  if (operation.access == 0)
    return 0;
  return ::faccessat(AT_FDCWD, path.c_str(), operation.access, AT_EACCESS) == 0 ? 0 : errno;
}

bool become(const User &user)
{
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
         ::setresgid(user.gid, user.gid, user.gid) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0;
}

} // namespace

Result<User, std::string> find_user(const std::string &text)
{
  uid_t uid = 0;
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, uid);
  const bool numeric = error == std::errc() && stop == end;
  const passwd *known = numeric ? ::getpwuid(uid) : ::getpwnam(text.c_str());

  if (!known && !numeric)
    return "there is no user \"" + text + "\" on this machine";
  if (!known)
    return User{uid, uid, {}};

  User user = {known->pw_uid, known->pw_gid, std::vector<gid_t>(64)};
  int count = static_cast<int>(user.groups.size());
  if (::getgrouplist(known->pw_name, known->pw_gid, user.groups.data(), &count) < 0) {
    user.groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(known->pw_name, known->pw_gid, user.groups.data(), &count);
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

int try_access(const User &user, const Operation &operation, const std::string &path)
{
  const pid_t pid = ::fork();

  if (pid < 0)
    return errno;
  if (pid == 0)
    ::_exit(become(user) ? access_errno(user, operation, path) : EPERM);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR; // an errno fits, all are below 134
}

} // namespace qtfs::qtcfg
