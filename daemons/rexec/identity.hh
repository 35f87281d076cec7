// SPDX-License-Identifier: GPL-2.0
//
// As whom a command runs: root may ask for any ids, everybody else is who the
// kernel says, or a proxy that runs as root.

#ifndef QTFS_REXEC_IDENTITY_HH
#define QTFS_REXEC_IDENTITY_HH

#include <cstdint>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "command_list.hh"
#include "message.hh"
#include "result.hh"

namespace qtfs::rexec {

struct Identity {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
  bool by_root = false; // root asked
};

// @sender: who sent the request, as SCM_CREDENTIALS say; @socket: the connection that it came by,
// which has to be his own or root's.
// The error is a sentence.
Result<Identity, std::string> identify(const Request &request, const ucred &sender, int socket);

// What the command finds in its environment: what @list passes on, and this
// machine's own names for the user.
std::vector<std::string> make_environment(const Request &request, const Identity &identity,
                                          const CommandList &list);

} // namespace qtfs::rexec

#endif
