// SPDX-License-Identifier: GPL-2.0
//
// The form that the kernel gives paths.

#ifndef QTFS_NORMAL_PATH_HH
#define QTFS_NORMAL_PATH_HH

#include <optional>
#include <string>
#include <string_view>

namespace qtfs {

// @path without empty components and "."; nothing if it isn't absolute, or has ".." in it,
// which leads who knows where.
std::optional<std::string> normal_path(std::string_view path);

} // namespace qtfs

#endif
