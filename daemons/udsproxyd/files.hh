// SPDX-License-Identifier: GPL-2.0
//
// Files that are passed and that both machines reach: those that are open on a mount
// of qtfs, and those of a server.
//
// A file on a mount becomes one of the server's program by what the two modules know
// it by (common/uds.h): so it need not have a name any more, and nobody can ask for what
// its client doesn't have open.  A file of the server is opened on the other machine's
// mount by its path, so that the whitelist judges; it must be the file that was meant.
//
// Either way it is an open file of its own: it has the access, the flags and the offset
// of the one that was passed, and from then on an offset of its own.
//
// These calls ask the server and wait for it, as every use of a mount does.

#ifndef QTFS_UDS_FILES_HH
#define QTFS_UDS_FILES_HH

#include <optional>

#include "fd.hh"
#include "frame.hh"
#include "result.hh"

namespace qtfs::uds {

// What to tell the peer of the regular file @fd.  An error: it can't be passed, ENOTTY
// where the peer doesn't reach it.
Result<Object> describe_file_of_both(int fd);

// From the peer.  EPROTO: it isn't what describe_file_of_both() says.
Result<Fd> open_client_file(const Object &object);
Result<Fd> open_server_file(const Object &object);

} // namespace qtfs::uds

#endif
