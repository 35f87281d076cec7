// SPDX-License-Identifier: GPL-2.0
//
// The command that does the mount.

#ifndef QTFS_MOUNT_COMMAND_HH
#define QTFS_MOUNT_COMMAND_HH

#include <string>
#include <vector>

namespace qtfs::mount {

// As mount(8) has it.
inline constexpr int failed = 32;

// Becomes the command of these words; returns, with errno, only if it can't.
void become(std::vector<std::string> words);

} // namespace qtfs::mount

#endif
