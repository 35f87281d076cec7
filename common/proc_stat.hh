// SPDX-License-Identifier: GPL-2.0
//
// What /proc tells of a process or a thread, in its files "stat" and "status".

#ifndef QTFS_PROC_STAT_HH
#define QTFS_PROC_STAT_HH

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace qtfs {

struct ProcStat {
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  std::uint64_t start = 0; // after boot, in ticks: another process of the number has another
};

// Of the text of "stat", whose second field, the name, may hold anything.
std::optional<ProcStat> parse_proc_stat(std::string_view text);

// Of the file @name in @directory; nothing if there is none, or no more.
std::optional<ProcStat> read_proc_stat(int directory, const std::string &name);

// What follows "KEY:" and blanks in the text of "status"; nothing if there is no such line.
std::optional<std::string_view> proc_status_value(std::string_view text, std::string_view key);

} // namespace qtfs

#endif
