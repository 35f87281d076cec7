// SPDX-License-Identifier: GPL-2.0
//
// Options of file systems, as clients send them: text that the kernel would look for
// paths in.

#ifndef QTFS_ENGINE_MOUNT_OPTIONS_HH
#define QTFS_ENGINE_MOUNT_OPTIONS_HH

#include <string>
#include <string_view>
#include <vector>

#include "fd.hh"
#include "policy.hh"

namespace qtfs::engine {

// At commas that are neither quoted nor escaped.
std::vector<std::string> split_options(std::string_view text);

// Whether @option may lead the kernel to a file, a device or a descriptor.
bool option_leads_elsewhere(std::string_view option);

// Options of an overlay whose directories are named by descriptors, so that no other
// directory can take the place of one that the policy allowed.
struct OverlayOptions {
  std::string text;
  std::vector<Fd> directories; // until the file system is mounted
};

// 0 or an errno.
int pin_overlay(std::string_view text, Judge &judge, OverlayOptions &pinned);

// Opens (O_PATH) what @path, of this machine's root, leads to; no magic link is followed.
Fd open_path(const std::string &path);

// Where a descriptor's object is, empty if that can't be told or it has no name any more.
std::string place_of(int fd);

} // namespace qtfs::engine

#endif
