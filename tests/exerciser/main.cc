// SPDX-License-Identifier: GPL-2.0
//
// exerciser [-p] [-l MAX-SIZE] [-s OPERATION] FILE SEED OPERATIONS [AGAIN]
//
// Performs OPERATIONS operations on FILE, chosen by chance: reads and writes of all
// kinds, and whatever changes a file's data or size.  A model in memory says which
// bytes must be read afterwards, by whatever way.  AGAIN is where the same file is
// found a second time, on the server's own file system.
//
// The same SEED gives the same operations.  -s changes a byte before OPERATION, which
// must be noticed.  -p also writes behind the file's end, as a mapping can in the last
// page; nobody may read that when the file grows (ext4 of Linux 6.18 fails here).  Status 1:
// something was wrong, and what; 2: usage.

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <unistd.h>

#include "exercise.hh"

namespace {

std::optional<std::uint64_t> number(const char *text)
{
  char *end;
  const std::uint64_t value = std::strtoull(text, &end, 10);

  return *text && !*end ? std::optional(value) : std::nullopt;
}

std::optional<qtfs::exerciser::Settings> settings(int argc, char **argv)
{
  qtfs::exerciser::Settings settings;

  for (int option; (option = ::getopt(argc, argv, "pl:s:")) != -1;) {
    if (option == 'p') {
      settings.spill = true;
      continue;
    }
    const std::optional<std::uint64_t> value = option == '?' ? std::nullopt : number(optarg);
    if (!value)
      return {};
    if (option == 'l')
      settings.max_size = *value / 4096 * 4096;
    else
      settings.spoil = *value;
  }
  const int left = argc - optind;
  const std::optional<std::uint64_t> seed = left > 1 ? number(argv[optind + 1]) : std::nullopt;
  const std::optional<std::uint64_t> operations =
    left > 2 ? number(argv[optind + 2]) : std::nullopt;
  if (left < 3 || left > 4 || !seed || !operations || settings.max_size < 16384)
    return {};
  settings.path = argv[optind];
  settings.seed = *seed;
  settings.operations = *operations;
  if (left > 3)
    settings.again = argv[optind + 3];
  return settings;
}

} // namespace

int main(int argc, char **argv)
{
  const std::optional<qtfs::exerciser::Settings> wanted = settings(argc, argv);

  if (!wanted) {
    std::fprintf(
      stderr, "usage: exerciser [-p] [-l MAX-SIZE] [-s OPERATION] FILE SEED OPERATIONS [AGAIN]\n");
    return 2;
  }
  return qtfs::exerciser::Exercise(*wanted).run() ? 0 : 1;
}
