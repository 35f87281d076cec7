// SPDX-License-Identifier: GPL-2.0
//
// Flags of mounts, as mount(2) has them and as others have.

#ifndef QTFS_QTRUN_MOUNT_FLAGS_HH
#define QTFS_QTRUN_MOUNT_FLAGS_HH

#include <cstdint>
#include <sys/mount.h>

namespace qtfs::qtrun {

inline constexpr std::uint32_t access_times = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
inline constexpr std::uint32_t propagations = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

// What an open mount has been given.
std::uint32_t flags_of_mount(int mount);

// MOUNT_ATTR_*, without those of access times, and these.
std::uint32_t flags_of_attributes(std::uint64_t attributes);
std::uint32_t access_time_of(std::uint64_t attributes);

} // namespace qtfs::qtrun

#endif
