// SPDX-License-Identifier: GPL-2.0

#include "config.hh"

#include <algorithm>
#include <fmt/core.h>
#include <optional>

#include "normal_path.hh"
#include "read_all.hh"

namespace qtfs::qtrun {

namespace {

std::string_view trimmed(std::string_view text)
{
  constexpr std::string_view blanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(blanks);

  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

class Parser {
public:
  // What is wrong with a line; empty: nothing.
  std::string line(std::string_view text)
  {
    if (text.empty() || text.starts_with('#'))
      return {};
    if (text.starts_with('['))
      return section(text);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
      return fmt::format("\"{}\" is neither a section nor KEY=VALUE", text);
    if (section_.empty())
      return "a key comes before the first section";
    return key(trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)));
  }

  Config finish() &&
  {
    if (std::ranges::none_of(config_.places, [](const Place &place) { return place.path == "/"; }))
      config_.places.push_back({"/", false});
    std::ranges::sort(config_.places, {}, &Place::path);
    return std::move(config_);
  }

  bool has_mount() const { return !config_.mount.empty(); }

private:
  std::string section(std::string_view text)
  {
    if (text != "[Host]" && text != "[Local]")
      return fmt::format("there is no section {}: there are [Host] and [Local]", text);
    section_ = text;
    return {};
  }

  std::string key(std::string_view name, std::string_view value)
  {
    const bool host = section_ == "[Host]";

    if (name == "Path")
      return each(name, value, [&](std::string &&path) { return place(std::move(path), host); });
    if (name == "Program" && host)
      return each(name, value, [&](std::string &&path) { return program(std::move(path)); });
    if (name != "Mount" || !host)
      return fmt::format("there is no key \"{}\" in {}", name, section_);
    if (has_mount())
      return "Mount is there twice";
    const std::optional<std::string> path = normal_path(value);
    if (!path || *path == "/")
      return fmt::format("Mount: \"{}\" is not the absolute path of a mount", value);
    config_.mount = *path;
    return {};
  }

  // Of a list, takes each path; what is wrong comes without the name of the key.
  template <typename Take> std::string each(std::string_view key, std::string_view list, Take take)
  {
    while (!list.empty()) {
      const std::size_t end = std::min(list.find(';'), list.size());
      const std::string_view item = trimmed(list.substr(0, end));

      list.remove_prefix(std::min(end + 1, list.size()));
      if (item.empty())
        continue;
      std::optional<std::string> path = normal_path(item);
      if (!path)
        return fmt::format(R"({}: "{}" is not an absolute path without "..")", key, item);
      if (const std::string wrong = take(std::move(*path)); !wrong.empty())
        return fmt::format("{}: {}", key, wrong);
    }
    return {};
  }

  std::string place(std::string &&path, bool host)
  {
    if (std::ranges::find(config_.places, path, &Place::path) != config_.places.end())
      return path + " is there twice";
    config_.places.push_back({std::move(path), host});
    return {};
  }

  std::string program(std::string &&path)
  {
    if (std::ranges::find(config_.programs, path) != config_.programs.end())
      return path + " is there twice";
    if (path == "/")
      return "/ is no program";
    config_.programs.push_back(std::move(path));
    return {};
  }

  std::string section_;
  Config config_;
};

} // namespace

Result<Config, std::string> parse_config(std::string_view text, const std::string &file)
{
  Parser parser;

  for (unsigned number = 1; !text.empty(); number++) {
    const std::size_t end = std::min(text.find('\n'), text.size());

    if (const std::string wrong = parser.line(trimmed(text.substr(0, end))); !wrong.empty())
      return fmt::format("{}:{}: {}", file, number, wrong);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!parser.has_mount())
    return fmt::format("{}: no Mount in [Host]: where the host's root is mounted on this machine",
                       file);
  return std::move(parser).finish();
}

Result<Config, std::string> load_config(const std::string &file)
{
  const Result<std::string> text = read_file(file);

  if (!text)
    return fmt::format("{}: {}", file, text.error().message());
  return parse_config(*text, file);
}

} // namespace qtfs::qtrun
