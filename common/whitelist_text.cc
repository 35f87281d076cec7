// SPDX-License-Identifier: GPL-2.0

#include "whitelist_text.hh"

#include <algorithm>

namespace qtfs {

namespace {

constexpr const char *unwritable_name =
  "a whitelist can't hold a name with a line break, or with a tab at its end";

// As an item of a list; empty if a whitelist has no way to write it.
std::string escape(std::string_view value)
{
  constexpr std::string_view unwritable("\n\r\v\f\0", 5);
  std::string text;

  if (value.empty() || value.find_first_of(unwritable) != std::string_view::npos ||
      value.front() == '\t' || value.back() == '\t')
    return {};
  for (std::size_t i = 0; i < value.size(); i++) {
    const char c = value[i];

    if (c == ' ' && (i == 0 || i + 1 == value.size()))
      text += "\\s";
    else if (c == ';' || c == '\\')
      text.append("\\").append(1, c);
    else
      text += c;
  }
  return text;
}

// As the item of @section that it would be.
Result<WhitelistItem, std::string> normalised(Section section, const std::string &escaped)
{
  const std::string text = "[" + std::string(section_name(section)) + "]\nPath=" + escaped + "\n";
  const Result<ParsedWhitelist, Whitelist::Error> parsed = parse_whitelist(text, "");

  if (!parsed)
    return parsed.error().reason;
  return parsed->items.front();
}

void end_line(std::string &text)
{
  if (!text.empty() && text.back() != '\n')
    text += '\n';
}

} // namespace

Result<WhitelistText, Whitelist::Error> WhitelistText::load(const std::string &file)
{
  Result<std::string, Error> text = Whitelist::read(file);

  if (!text)
    return text.error();
  return parse(std::move(*text), file);
}

Result<WhitelistText, Whitelist::Error> WhitelistText::parse(std::string text, std::string file)
{
  Result<ParsedWhitelist, Error> parsed = parse_whitelist(text, file);

  if (!parsed)
    return parsed.error();
  return WhitelistText(std::move(text), std::move(file), std::move(*parsed));
}

std::vector<WhitelistItem> WhitelistText::items(Section section) const
{
  const Section governs = governing(section);
  std::vector<WhitelistItem> items;

  for (const WhitelistItem &item : parsed_.items)
    if (item.section == governs)
      items.push_back(item);
  return items;
}

const WhitelistItem *WhitelistText::allowing(Section section, std::string_view path) const
{
  const Section governs = governing(section);
  const auto found = std::ranges::find_if(parsed_.items, [&](const WhitelistItem &item) {
    return item.section == governs &&
           (item.value.starts_with('/') ? path_covers(item.value, path) : item.value == path);
  });

  return found == parsed_.items.end() ? nullptr : &*found;
}

Result<WhitelistText, std::string> WhitelistText::edited(std::string text) const
{
  if (text.size() > Whitelist::max_file)
    return "the whitelist would be longer than " + std::to_string(Whitelist::max_file) + " bytes";
  Result<WhitelistText, Error> result = parse(std::move(text), file_);
  if (!result)
    return result.error().text();
  return std::move(*result);
}

Result<WhitelistText, std::string> WhitelistText::with(Section section,
                                                       std::string_view value) const
{
  const std::string escaped = escape(value);
  if (escaped.empty())
    return std::string(value.empty() ? "an item can't be empty" : unwritable_name);
  const Result<WhitelistItem, std::string> item = normalised(section, escaped);
  if (!item)
    return item.error();
  if (escape(item->value).empty())
    return std::string(unwritable_name);

  const std::vector<WhitelistItem> present = items(section);
  if (has(section) && std::ranges::any_of(present, [&](const WhitelistItem &other) {
        return other.value == item->value;
      }))
    return *this;

  std::string text = text_;
  const std::string line = "Path=" + escape(item->value) + "\n";
  if (has(section)) {
    const std::size_t end = parsed_.end[static_cast<std::size_t>(section)];
    const bool unended = text[end - 1] != '\n';

    text.insert(end, unended ? "\n" + line : line);
    return edited(std::move(text));
  }
  end_line(text);
  text.append("\n[").append(section_name(section)).append("]\n");
  for (const WhitelistItem &inherited : present)
    text.append("Path=").append(escape(inherited.value)).append("\n");
  return edited(text.append(line));
}

Result<WhitelistText, std::string> WhitelistText::without(Section section, std::size_t index) const
{
  const std::string name(section_name(section));

  if (!has(section) && governor(section) != section)
    return "[" + name + "] isn't there: remove it from [" +
           std::string(section_name(governor(section))) + "], which governs";
  const std::vector<WhitelistItem> present = items(section);
  if (index >= present.size())
    return "[" + name + "] has no item " + std::to_string(index) + ": it has " +
           std::to_string(present.size());

  const WhitelistItem &item = present[index];
  std::size_t begin = item.begin;
  std::size_t end = item.end;
  const auto alike = std::ranges::count(parsed_.items, item.line, &WhitelistItem::line);
  if (alike == 1) {                                            // the whole line
    begin = begin == 0 ? 0 : text_.rfind('\n', begin - 1) + 1; // npos + 1 is 0
    end = std::min(text_.find('\n', end), text_.size() - 1) + 1;
  } else if (end < text_.size() && text_[end] == ';') {
    end++;
  } else {
    begin--; // the separator before the last one
  }
  return edited(std::string(text_).erase(begin, end - begin));
}

} // namespace qtfs
