// SPDX-License-Identifier: GPL-2.0
//
// Where the servers are.  A server's socket is in /run/rexec and is named after
// the boot_id of its kernel: no two machines have the same, not even clones of
// one image, and all containers of a machine do.  The other machine's appears
// there, too, made by udsproxyd; that is how rexec tells them apart.

#ifndef QTFS_REXEC_SOCKET_HH
#define QTFS_REXEC_SOCKET_HH

#include <string>
#include <vector>

#include "fd.hh"
#include "result.hh"

namespace qtfs::rexec {

inline constexpr const char *run_directory = "/run/rexec";

// This machine's boot_id; empty without /proc.
std::string this_machine();
std::string socket_of(const std::string &machine);

// Errors are sentences.
// Makes the socket, whose peers are told with what they send, and its directory.
Result<Fd, std::string> listen_at(const std::string &path, unsigned mode);
// To the server at @path; to the other machine's if it's empty.
Result<Fd, std::string> connect_to(const std::string &path);

} // namespace qtfs::rexec

#endif
