// SPDX-License-Identifier: GPL-2.0

#include "whitelist_parser.hh"

#include <algorithm>
#include <strings.h>

#include "normal_path.hh"

namespace qtfs {

namespace {

bool is_path_key(std::string_view key)
{
  return key.size() == 4 && strncasecmp(key.data(), "Path", 4) == 0;
}

class WhitelistParser {
public:
  WhitelistParser(std::string_view text, const std::string &file)
      : text_(text), rest_(text), file_(file)
  {
  }

  Result<ParsedWhitelist, Whitelist::Error> run()
  {
    while (!rest_.empty()) {
      const std::string_view line = next_line();
      const std::string reason = parse_line(line);

      if (!reason.empty())
        return Whitelist::Error{file_, line_, reason};
    }
    return std::move(parsed_);
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
    end_of_line();
    return {};
  }

  // The line is one of the present section.
  void end_of_line()
  {
    parsed_.end[static_cast<std::size_t>(*section_)] = text_.size() - rest_.size();
  }

  std::string parse_key(std::string_view key, std::string_view value)
  {
    if (!is_path_key(key))
      return "unknown key \"" + std::string(key) + "\" (the only key is Path)";
    if (!section_)
      return "key outside of any section";
    end_of_line();

    // A list may end in the separator.
    for (bool more = true, first = true; more; first = false) {
      const std::size_t end = item_end(value);

      more = end < value.size();
      const std::string_view raw = value.substr(0, end);
      value.remove_prefix(more ? end + 1 : end);
      if (trim(raw).empty() && !more && !first)
        break;

      std::string reason = parse_item(raw);
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

  std::string parse_item(std::string_view whole)
  {
    const std::string_view raw = trim(whole);
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
    if (*section_ != Section::Kill || item.starts_with('/')) {
      std::optional<std::string> path = normal_path(item);
      if (!path)
        return "path \"" + item +
               (item.starts_with('/') ? R"(" has a ".." component)"
                                      : R"(" doesn't begin with "/")");
      item = std::move(*path);
    }
    const auto begin = static_cast<std::size_t>(whole.data() - text_.data());
    parsed_.items.push_back({*section_, std::move(item), line_, begin, begin + whole.size()});
    return {};
  }

  const std::string_view text_;
  std::string_view rest_;
  const std::string &file_;
  unsigned line_ = 0;
  std::optional<Section> section_;
  ParsedWhitelist parsed_;
};

} // namespace

Result<ParsedWhitelist, Whitelist::Error> parse_whitelist(std::string_view text,
                                                          const std::string &file)
{
  return WhitelistParser(text, file).run();
}

} // namespace qtfs
