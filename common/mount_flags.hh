// SPDX-License-Identifier: GPL-2.0
//
// Flags of mounts: mount(2)'s MS_*, and what others call them.

#ifndef QTFS_MOUNT_FLAGS_HH
#define QTFS_MOUNT_FLAGS_HH

#include <cstdint>
#include <sys/mount.h>

namespace qtfs {

inline constexpr std::uint32_t access_times = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
inline constexpr std::uint32_t propagations = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

// What an open mount has been given.
std::uint32_t flags_of_mount(int mount);

// To and from MOUNT_ATTR_*, without those of access times.
std::uint32_t flags_of_attributes(std::uint64_t attributes);
std::uint64_t attributes_of_flags(std::uint32_t flags);

// Those of access times, of which there is always one.
std::uint32_t access_time_of_attributes(std::uint64_t attributes);
std::uint64_t access_time_of_flags(std::uint32_t flags);

} // namespace qtfs

#endif
