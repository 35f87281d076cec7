// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include <algorithm>
#include <array>
#include <getopt.h>
#include <sys/mount.h>

#include "flag_words.hh"
#include "mount_flags.hh"

namespace qtfs::mount {

namespace {

// For mount(8) alone, and of no meaning to a file system.
bool is_for_mount(std::string_view option)
{
  static constexpr std::array names = {
    std::string_view("defaults"), std::string_view("auto"),   std::string_view("noauto"),
    std::string_view("user"),     std::string_view("nouser"), std::string_view("users"),
    std::string_view("owner"),    std::string_view("group"),  std::string_view("nofail"),
    std::string_view("_netdev"),
  };

  return option.empty() || option.starts_with("x-") || option.starts_with("X-") ||
         option.starts_with("comment=") || std::ranges::find(names, option) != names.end();
}

// The types that mount(8) knows only as options, and some of which it keeps for itself.
std::uint32_t flags_of_type(std::string_view type)
{
  constexpr std::uint32_t kinds = MS_BIND | MS_MOVE | propagations;
  const FlagWord *word = find_flag_word(type);

  return word && word->set & kinds ? word->set : 0;
}

// Parses by getopt(3), whose state is global, what is not a directory or a source.
template <typename Take>
Result<std::vector<std::string>, std::string> parse(int argc, char **argv, const char *known,
                                                    Take take)
{
  std::vector<std::string> names;

  optind = 0;
  for (int c; (c = ::getopt(argc, argv, known)) != -1;) {
    if (c == '?')
      return std::string("is called by mount(8) and umount(8); see mount.qtfs(8)");
    if (c == 1)
      names.emplace_back(optarg);
    else
      take(c);
  }
  names.insert(names.end(), argv + optind, argv + argc);
  return names;
}

} // namespace

bool MountCall::binds() const
{
  return !(flags & MS_REMOUNT) && flags & (MS_BIND | MS_MOVE);
}

Result<MountLine, std::string> parse_mount_line(int argc, char **argv)
{
  MountLine line;
  const auto names = parse(argc, argv, "-fnsvo:t:N:", [&](int c) {
    if (c == 'o')
      line.options += (line.options.empty() ? "" : ",") + std::string(optarg);
    else if (c == 't')
      line.type = optarg;
    else if (c == 'f')
      line.fake = true;
  });

  if (!names)
    return names.error();
  if (names->size() != 2)
    return std::string("usage: mount.qtfs SOURCE DIRECTORY [-o OPTIONS] [-t qtfs.TYPE]");
  line.source = names->at(0);
  line.directory = names->at(1);
  return line;
}

Result<UmountLine, std::string> parse_umount_line(int argc, char **argv)
{
  UmountLine line;
  const auto names = parse(argc, argv, "-nlfrvt:N:", [&](int c) {
    line.lazy |= c == 'l';
    line.force |= c == 'f';
    if (c == 't')
      line.type = optarg;
  });

  if (!names)
    return names.error();
  if (names->size() != 1)
    return std::string("usage: umount.qtfs DIRECTORY [-l] [-f]");
  line.directory = names->at(0);
  return line;
}

Result<MountCall, std::string> mount_call(std::string_view subtype, std::string_view options)
{
  MountCall call;

  call.flags = flags_of_type(subtype);
  if (!call.flags)
    call.type = subtype;
  while (!options.empty()) {
    std::size_t end = 0;

    for (bool quoted = false; end < options.size() && (quoted || options[end] != ','); end++) {
      if (options[end] == '"')
        quoted = !quoted;
      else if (options[end] == '\\' && end + 1 < options.size())
        end++;
    }
    const std::string_view option = options.substr(0, end);
    const FlagWord *word = find_flag_word(option);

    if (option == "loop" || option.starts_with("loop="))
      return std::string("loop: make the loop device on the server, by losetup(8) there");
    if (word)
      call.flags = (call.flags & ~word->clear) | word->set;
    else if (!is_for_mount(option))
      call.options.emplace_back(option);
    options.remove_prefix(std::min(end + 1, options.size()));
  }
  return call;
}

} // namespace qtfs::mount
