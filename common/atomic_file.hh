// SPDX-License-Identifier: GPL-2.0
//
// Replaces a file such that whoever reads it, also after a power failure, sees
// all of the old content or all of the new one.

#ifndef QTFS_ATOMIC_FILE_HH
#define QTFS_ATOMIC_FILE_HH

#include <string>
#include <string_view>
#include <system_error>

namespace qtfs {

// Mode and owner stay; symbolic links are followed.  The file must exist.
std::error_code replace_file(const std::string &file, std::string_view text);

} // namespace qtfs

#endif
