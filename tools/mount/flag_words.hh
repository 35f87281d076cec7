// SPDX-License-Identifier: GPL-2.0
//
// Options of mounts that are flags of mount(2), as mount(8) and fsconfig(2) have them.

#ifndef QTFS_MOUNT_FLAG_WORDS_HH
#define QTFS_MOUNT_FLAG_WORDS_HH

#include <cstdint>
#include <string_view>

namespace qtfs::mount {

struct FlagWord {
  std::string_view name;
  std::uint32_t set; // MS_*
  std::uint32_t clear;
};

// Nothing: it is no such word.
const FlagWord *find_flag_word(std::string_view name);

} // namespace qtfs::mount

#endif
