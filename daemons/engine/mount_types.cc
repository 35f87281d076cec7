// SPDX-License-Identifier: GPL-2.0

#include "mount_types.hh"

#include <algorithm>
#include <array>

namespace qtfs::engine {

namespace {

using enum MountType::Kind;

constexpr std::array types = {
  MountType{"ext4", Block, {}},
  MountType{"ext3", Block, {}},
  MountType{"ext2", Block, {}},
  MountType{"xfs", Block, {}},
  MountType{"btrfs", Block, {}},
  MountType{"f2fs", Block, {}},
  MountType{"vfat", Block, {}},
  MountType{"msdos", Block, {}},
  MountType{"exfat", Block, {}},
  MountType{"ntfs3", Block, {}},
  MountType{"iso9660", Block, {}},
  MountType{"udf", Block, {}},
  MountType{"squashfs", Block, {}},
  MountType{"erofs", Block, {}},
  MountType{"tmpfs", Fresh, {}},
  MountType{"ramfs", Fresh, {}},
  MountType{"hugetlbfs", Fresh, {}},
  MountType{"mqueue", View, "/dev/mqueue"},
  MountType{"devpts", View, "/dev/pts"},
  MountType{"devtmpfs", View, "/dev"},
  MountType{"proc", View, "/proc"},
  MountType{"binfmt_misc", View, "/proc/sys/fs/binfmt_misc"},
  MountType{"sysfs", View, "/sys"},
  MountType{"cgroup2", View, "/sys/fs/cgroup"},
  MountType{"cgroup", View, "/sys/fs/cgroup"},
  MountType{"bpf", View, "/sys/fs/bpf"},
  MountType{"pstore", View, "/sys/fs/pstore"},
  MountType{"configfs", View, "/sys/kernel/config"},
  MountType{"debugfs", View, "/sys/kernel/debug"},
  MountType{"tracefs", View, "/sys/kernel/tracing"},
  MountType{"securityfs", View, "/sys/kernel/security"},
  MountType{"efivarfs", View, "/sys/firmware/efi/efivars"},
  MountType{"overlay", Overlay, {}},
};

} // namespace

const MountType *find_mount_type(std::string_view name)
{
  const auto *found = std::ranges::find(types, name, &MountType::name);

  return found == types.end() ? nullptr : &*found;
}

} // namespace qtfs::engine
