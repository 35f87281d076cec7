// SPDX-License-Identifier: GPL-2.0

#include "whitelist.hh"

#include <algorithm>
#include <iterator>
#include <strings.h>

#include "read_all.hh"
#include "whitelist_parser.hh"

namespace qtfs {

namespace {

constexpr std::array<std::string_view, section_count> names = {
  "Open",   "Read",       "Write",  "Readdir", "Mkdir",       "Rmdir",
  "Create", "Unlink",     "Rename", "Setattr", "Setxattr",    "Mount",
  "Kill",   "Udsconnect", "Link",   "Symlink", "Remotemount", "Ioctl",
};

bool same_word(std::string_view a, std::string_view b)
{
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Orders paths such that what lies below a directory follows it directly:
// before "/a-b", which would otherwise come between "/a" and "/a/b".
bool path_less(std::string_view a, std::string_view b)
{
  const auto rank = [](char c) {
    return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c));
  };

  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

} // namespace

Section governor(Section section)
{
  switch (section) {
  case Section::Link:
  case Section::Symlink:
    return Section::Create;
  case Section::Remotemount:
    return Section::Mount;
  default:
    return section;
  }
}

bool path_covers(std::string_view item, std::string_view path)
{
  if (item == "/")
    return path.starts_with('/');
  return path.starts_with(item) && (path.size() == item.size() || path[item.size()] == '/');
}

std::string_view section_name(Section section)
{
  return names[static_cast<std::size_t>(section)];
}

std::optional<Section> section_of(std::string_view name)
{
  for (std::size_t i = 0; i < names.size(); i++)
    if (same_word(names[i], name))
      return static_cast<Section>(i);
  return std::nullopt;
}

std::string Whitelist::Error::text() const
{
  return line ? file + ":" + std::to_string(line) + ": " + reason : file + ": " + reason;
}

Whitelist::List &Whitelist::list(Section section)
{
  return lists_[static_cast<std::size_t>(section)];
}

const Whitelist::List &Whitelist::list(Section section) const
{
  return lists_[static_cast<std::size_t>(section)];
}

const Whitelist::List &Whitelist::governing(Section section) const
{
  const List &own = list(section);

  return own.present ? own : list(governor(section));
}

const std::vector<std::string> &Whitelist::items(Section section) const
{
  return governing(section).items;
}

// As no item lies below another one, and all that lies below an item follows
// it, the item that covers a path is the last one that isn't behind it.
bool Whitelist::allows(Section section, std::string_view path) const
{
  const std::vector<std::string> &list = items(section);
  const auto behind = std::upper_bound(list.begin(), list.end(), path, path_less);

  return behind != list.begin() && path_covers(*std::prev(behind), path);
}

// A process may call itself by a path, and is believed by its program alone then.
bool Whitelist::allows_process(std::string_view name, std::string_view program) const
{
  return std::ranges::any_of(items(Section::Kill), [&](const std::string &item) {
    return item.starts_with('/') ? path_covers(item, program) : item == name;
  });
}

void Whitelist::finish()
{
  for (std::size_t i = 0; i < section_count; i++) {
    std::vector<std::string> &items = lists_[i].items;

    std::sort(items.begin(), items.end(), path_less);
    const auto redundant = [&](const std::string &item, const std::string &next) {
      return static_cast<Section>(i) == Section::Kill ? item == next : path_covers(item, next);
    };
    items.erase(std::unique(items.begin(), items.end(), redundant), items.end());
  }
}

Whitelist::Whitelist(const ParsedWhitelist &parsed)
{
  for (std::size_t i = 0; i < section_count; i++)
    lists_[i].present = parsed.end[i] != 0;
  for (const WhitelistItem &item : parsed.items)
    list(item.section).items.push_back(item.value);
  finish();
}

Result<Whitelist, Whitelist::Error> Whitelist::parse(std::string_view text, const std::string &file)
{
  const Result<ParsedWhitelist, Error> parsed = parse_whitelist(text, file);

  if (!parsed)
    return parsed.error();
  return Whitelist(*parsed);
}

Result<std::string, Whitelist::Error> Whitelist::read(const std::string &file)
{
  Result<RegularFile> found = read_regular(file, max_file);

  if (!found)
    return Error{file, 0, found.error().message(), found.error().value()};
  return std::move(found->text);
}

Result<Whitelist, Whitelist::Error> Whitelist::load(const std::string &file)
{
  const Result<std::string, Error> text = read(file);

  if (!text)
    return text.error();
  return parse(*text, file);
}

} // namespace qtfs
