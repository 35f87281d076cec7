// SPDX-License-Identifier: GPL-2.0
//
// What this machine's permissions say to a user, which a request needs beside
// the whitelist's consent.

#ifndef QTFS_QTCFG_PERMISSIONS_HH
#define QTFS_QTCFG_PERMISSIONS_HH

#include <string>
#include <sys/types.h>
#include <vector>

#include "check.hh"

namespace qtfs::qtcfg {

struct User {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
};

// By name or number.  A number that this machine has no name for has the group
// of that number and no others.  The error is a sentence.
Result<User, std::string> find_user(const std::string &text);

// 0 or the errno that @user would get for @operation on @path.  Needs root. It
// tries access(2), not the operation: sticky directories, quotas and flags of
// files are not looked at.
int try_access(const User &user, const Operation &operation, const std::string &path);

} // namespace qtfs::qtcfg

#endif
