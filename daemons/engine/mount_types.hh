// SPDX-License-Identifier: GPL-2.0
//
// Types of file systems that clients may mount, and what the policy has to know of them.

#ifndef QTFS_ENGINE_MOUNT_TYPES_HH
#define QTFS_ENGINE_MOUNT_TYPES_HH

#include <string_view>

namespace qtfs::engine {

struct MountType {
  enum Kind {
    Block,   // of a device, which the source names
    Fresh,   // empty, or about nothing that is there already
    View,    // of what this machine has at a well known place anyway
    Overlay, // of directories that its options name
  };

  std::string_view name;
  Kind kind;
  std::string_view place; // of a View
};

// Null: none that may be mounted.  What isn't listed may have options that name files,
// other machines or descriptors in ways that nothing here knows.
const MountType *find_mount_type(std::string_view name);

} // namespace qtfs::engine

#endif
