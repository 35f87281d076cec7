// SPDX-License-Identifier: GPL-2.0
//
// Mounts on the server of a mount of qtfs, asked for by /dev/qtfs.

#ifndef QTFS_MOUNT_REMOTE_HH
#define QTFS_MOUNT_REMOTE_HH

#include <string>
#include <system_error>

#include "options.hh"

namespace qtfs::mount {

std::error_code mount_remotely(const std::string &source, const std::string &directory,
                               const MountCall &call);
std::error_code unmount_remotely(const UmountLine &line);

} // namespace qtfs::mount

#endif
