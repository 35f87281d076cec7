// SPDX-License-Identifier: GPL-2.0

#include "whitelist.hh"

#include <algorithm>
#include <fcntl.h>
#include <iterator>
#include <strings.h>
#include <sys/stat.h>

#include "fd.hh"

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

// Whether @path is @item or lies below it; both are normalised.
bool covers(std::string_view item, std::string_view path)
{
  if (item == "/")
    return path.starts_with('/');
  return path.starts_with(item) && (path.size() == item.size() || path[item.size()] == '/');
}

Result<std::string, std::error_code> read_file(const std::string &file)
{
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st = {};

  if (!fd || ::fstat(fd.get(), &st) != 0)
    return last_error();
  if (!S_ISREG(st.st_mode))
    return errno_code(S_ISDIR(st.st_mode) ? EISDIR : EINVAL);

  std::string text;
  std::array<char, 16384> chunk;
  for (;;) {
    const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return last_error();
    if (n == 0)
      return text;
    text.append(chunk.data(), static_cast<std::size_t>(n));
    if (text.size() > Whitelist::max_file)
      return errno_code(EFBIG);
  }
}

} // namespace

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

// Sections that are younger than the files people have fall back to the one
// that governed the operation's nearest relative.
const Whitelist::List &Whitelist::governing(Section section) const
{
  const List &own = list(section);

  if (own.present)
    return own;
  switch (section) {
  case Section::Link:
  case Section::Symlink:
    return list(Section::Create);
  case Section::Remotemount:
    return list(Section::Mount);
  default:
    return own;
  }
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

  return behind != list.begin() && covers(*std::prev(behind), path);
}

bool Whitelist::allows_name(Section section, std::string_view name) const
{
  const std::vector<std::string> &list = items(section);

  return std::find(list.begin(), list.end(), name) != list.end();
}

void Whitelist::finish()
{
  for (std::size_t i = 0; i < section_count; i++) {
    std::vector<std::string> &items = lists_[i].items;

    std::sort(items.begin(), items.end(), path_less);
    const auto redundant = [&](const std::string &item, const std::string &next) {
      return static_cast<Section>(i) == Section::Kill ? item == next : covers(item, next);
    };
    items.erase(std::unique(items.begin(), items.end(), redundant), items.end());
  }
}

class WhitelistParser {
public:
  WhitelistParser(std::string_view text, const std::string &file) : rest_(text), file_(file) {}

  Result<Whitelist, Whitelist::Error> run()
  {
    while (!rest_.empty()) {
      const std::string_view line = next_line();
      const std::string reason = parse_line(line);

      if (!reason.empty())
        return Whitelist::Error{file_, line_, reason};
    }
    whitelist_.finish();
    return std::move(whitelist_);
  }

private:
  std::string_view next_line()
  {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);

    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    line_++;
    return line;
  }

  static std::string_view trim(std::string_view text)
  {
    constexpr std::string_view blanks = " \t\r\v\f";
    const std::size_t begin = text.find_first_not_of(blanks);

    if (begin == std::string_view::npos)
      return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
  }

  // These return what is wrong, or nothing.

  std::string parse_line(std::string_view whole)
  {
    if (whole.size() > Whitelist::max_line)
      return "line is longer than " + std::to_string(Whitelist::max_line) + " bytes";
    if (whole.find('\0') != std::string_view::npos)
      return "NUL byte in the line";

    const std::string_view line = trim(whole);
    if (line.empty() || line.front() == '#')
      return {};
    if (line.front() == '[')
      return parse_section(line);

    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos)
      return R"(expected "[Section]", "Path=..." or a comment)";
    return parse_key(trim(line.substr(0, equals)), line.substr(equals + 1));
  }

  std::string parse_section(std::string_view line)
  {
    if (line.back() != ']')
      return R"(missing "]" at the end of the line)";

    const std::string_view name = line.substr(1, line.size() - 2);
    section_ = section_of(name);
    if (!section_)
      return "unknown section \"" + std::string(name) + "\"";
    whitelist_.list(*section_).present = true;
    return {};
  }

  std::string parse_key(std::string_view key, std::string_view value)
  {
    if (!same_word(key, "Path"))
      return "unknown key \"" + std::string(key) + "\" (the only key is Path)";
    if (!section_)
      return "key outside of any section";

    // A list may end in the separator.
    for (bool more = true, first = true; more; first = false) {
      const std::size_t end = item_end(value);

      more = end < value.size();
      const std::string_view item = trim(value.substr(0, end));
      value.remove_prefix(more ? end + 1 : end);
      if (item.empty() && !more && !first)
        break;

      std::string reason = parse_item(item);
      if (!reason.empty())
        return reason;
    }
    return {};
  }

  static std::size_t item_end(std::string_view value)
  {
    std::size_t at = 0;

    while (at < value.size() && value[at] != ';')
      at += value[at] == '\\' ? 2 : 1;
    return std::min(at, value.size());
  }

  std::string parse_item(std::string_view raw)
  {
    if (raw.empty())
      return "empty item";

    std::string item;
    for (std::size_t i = 0; i < raw.size(); i++) {
      char c = raw[i];

      if (c == '\\') {
        const char code = ++i < raw.size() ? raw[i] : '\0';

        if (code != ';' && code != '\\' && code != 's')
          return "unknown escape in item \"" + std::string(raw) + R"(" (there are \; \\ and \s))";
        c = code == 's' ? ' ' : code;
      }
      item += c;
    }

    if (item.size() > Whitelist::max_path)
      return "item is longer than " + std::to_string(Whitelist::max_path) + " bytes";
    if (*section_ != Section::Kill) {
      std::string reason = normalise(item);
      if (!reason.empty())
        return reason;
    }
    whitelist_.list(*section_).items.push_back(std::move(item));
    return {};
  }

  // To the form that the kernel gives paths.
  static std::string normalise(std::string &path)
  {
    if (path.front() != '/')
      return "path \"" + path + R"(" doesn't begin with "/")";

    std::string normal;
    for (std::string_view rest = path; !rest.empty();) {
      const std::size_t end = std::min(rest.find('/'), rest.size());
      const std::string_view component = rest.substr(0, end);

      if (component == "..")
        return "path \"" + path + R"(" has a ".." component)";
      if (!component.empty() && component != ".")
        normal.append("/").append(component);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    path = normal.empty() ? "/" : std::move(normal);
    return {};
  }

  std::string_view rest_;
  const std::string &file_;
  unsigned line_ = 0;
  std::optional<Section> section_;
  Whitelist whitelist_;
};

Result<Whitelist, Whitelist::Error> Whitelist::parse(std::string_view text, const std::string &file)
{
  return WhitelistParser(text, file).run();
}

Result<Whitelist, Whitelist::Error> Whitelist::load(const std::string &file)
{
  const Result<std::string, std::error_code> text = read_file(file);

  if (!text)
    return Error{file, 0, text.error().message(), text.error().value()};
  return parse(*text, file);
}

} // namespace qtfs
