// SPDX-License-Identifier: GPL-2.0

#include "flag_words.hh"

#include <algorithm>
#include <array>
#include <sys/mount.h>

#include "mount_flags.hh"

namespace qtfs::mount {

namespace {

constexpr std::array words = {
  FlagWord{"ro", MS_RDONLY, 0},
  FlagWord{"rw", 0, MS_RDONLY},
  FlagWord{"nosuid", MS_NOSUID, 0},
  FlagWord{"suid", 0, MS_NOSUID},
  FlagWord{"nodev", MS_NODEV, 0},
  FlagWord{"dev", 0, MS_NODEV},
  FlagWord{"noexec", MS_NOEXEC, 0},
  FlagWord{"exec", 0, MS_NOEXEC},
  FlagWord{"sync", MS_SYNCHRONOUS, 0},
  FlagWord{"async", 0, MS_SYNCHRONOUS},
  FlagWord{"dirsync", MS_DIRSYNC, 0},
  FlagWord{"remount", MS_REMOUNT, 0},
  FlagWord{"bind", MS_BIND, 0},
  FlagWord{"rbind", MS_BIND | MS_REC, 0},
  FlagWord{"move", MS_MOVE, 0},
  FlagWord{"noatime", MS_NOATIME, access_times},
  FlagWord{"atime", 0, MS_NOATIME},
  FlagWord{"relatime", MS_RELATIME, access_times},
  FlagWord{"norelatime", 0, MS_RELATIME},
  FlagWord{"strictatime", MS_STRICTATIME, access_times},
  FlagWord{"nostrictatime", 0, MS_STRICTATIME},
  FlagWord{"nodiratime", MS_NODIRATIME, 0},
  FlagWord{"diratime", 0, MS_NODIRATIME},
  FlagWord{"lazytime", MS_LAZYTIME, 0},
  FlagWord{"nolazytime", 0, MS_LAZYTIME},
  FlagWord{"nosymfollow", MS_NOSYMFOLLOW, 0},
  FlagWord{"symfollow", 0, MS_NOSYMFOLLOW},
  FlagWord{"silent", MS_SILENT, 0},
  FlagWord{"loud", 0, MS_SILENT},
  FlagWord{"shared", MS_SHARED, 0},
  FlagWord{"rshared", MS_SHARED | MS_REC, 0},
  FlagWord{"private", MS_PRIVATE, 0},
  FlagWord{"rprivate", MS_PRIVATE | MS_REC, 0},
  FlagWord{"slave", MS_SLAVE, 0},
  FlagWord{"rslave", MS_SLAVE | MS_REC, 0},
  FlagWord{"unbindable", MS_UNBINDABLE, 0},
  FlagWord{"runbindable", MS_UNBINDABLE | MS_REC, 0},
};

} // namespace

const FlagWord *find_flag_word(std::string_view name)
{
  const auto *word = std::ranges::find(words, name, &FlagWord::name);

  return word != words.end() ? word : nullptr;
}

} // namespace qtfs::mount
