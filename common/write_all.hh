// SPDX-License-Identifier: GPL-2.0
//
// Writing a text whole.

#ifndef QTFS_WRITE_ALL_HH
#define QTFS_WRITE_ALL_HH

#include <string>
#include <string_view>
#include <system_error>

namespace qtfs {

// Writes all of @text to @fd, in as many steps as it takes.
std::error_code write_all(int fd, std::string_view text);

// Writes @text into @file, which exists: one of sysfs or tracefs, say.
std::error_code write_into(const std::string &file, std::string_view text);

} // namespace qtfs

#endif
