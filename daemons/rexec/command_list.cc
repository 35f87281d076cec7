// SPDX-License-Identifier: GPL-2.0

#include "command_list.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fnmatch.h>
#include <memory>
#include <optional>
#include <sys/stat.h>

#include "read_all.hh"

namespace qtfs::rexec {

namespace {

// Harmless in whatever program, as long as they name no files.
constexpr std::array<std::string_view, 7> plain = {"LANG",      "LANGUAGE", "LC_*",   "TERM",
                                                   "COLORTERM", "NO_COLOR", "COLUMNS"};

// What the C library takes from the environment of nobody it doesn't trust: it
// makes a program load or read files of the caller's choice.  A pattern doesn't
// mean these unless it says so.
constexpr std::array<std::string_view, 20> dangerous = {
  "LD_*",        "GCONV_PATH",  "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES",
  "LOCALDOMAIN", "LOCPATH",     "MALLOC_*",    "NIS_PATH",       "NLSPATH",
  "RES_OPTIONS", "RESOLV_*",    "TMPDIR",      "TZDIR",          "BASH_ENV",
  "ENV",         "BASH_FUNC_*", "SHELLOPTS",   "BASHOPTS",       "IFS"};

bool matches(std::string_view pattern, std::string_view name)
{
  if (!pattern.empty() && pattern.back() == '*')
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

template <typename Patterns> bool any_matches(const Patterns &patterns, std::string_view name)
{
  return std::ranges::any_of(patterns, [&](std::string_view p) { return matches(p, name); });
}

std::string_view base_name(std::string_view path)
{
  return path.substr(path.rfind('/') + 1);
}

bool is_executable(const std::string &file)
{
  struct stat st;

  return ::stat(file.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

// Where a bare name is found; nothing if nowhere.
std::string find_in_path(const std::string &name)
{
  for (std::string_view rest = default_path; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string file = std::string(rest.substr(0, end)) + "/" + name;

    if (is_executable(file))
      return file;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// Without symbolic links; nothing if it doesn't exist.
std::string resolve(const std::string &path)
{
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? real.get() : "";
}

// As a shell does.  Nothing if a quote isn't closed.
std::optional<std::vector<std::string>> split(std::string_view line)
{
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';

  for (std::size_t i = 0; i < line.size(); i++) {
    const char c = line[i];
    const bool blank = c == ' ' || c == '\t' || c == '\r';

    if (quote == '\0' && blank) {
      in_word = false;
      continue;
    }
    if (!in_word) {
      words.emplace_back();
      in_word = true;
    }
    if (c == quote)
      quote = '\0';
    else if (quote == '\0' && (c == '\'' || c == '"'))
      quote = c;
    else if (c == '\\' && quote != '\'') {
      if (++i == line.size())
        return std::nullopt;
      // For patterns it has a meaning of its own.
      if (std::string_view("*?[\\").find(line[i]) != std::string_view::npos)
        words.back() += '\\';
      words.back() += line[i];
    } else {
      if (quote != '\0' && std::string_view("*?[").find(c) != std::string_view::npos)
        words.back() += '\\';
      words.back() += c;
    }
  }
  if (quote != '\0')
    return std::nullopt;
  return words;
}

std::string without_backslashes(std::string_view pattern)
{
  std::string text;

  for (std::size_t i = 0; i < pattern.size(); i++) {
    if (pattern[i] == '\\' && i + 1 < pattern.size())
      i++;
    text += pattern[i];
  }
  return text;
}

// '*' and '?' within a pattern match no slash, and no dot that begins a name:
// /srv/* is what lies in /srv, and neither below it nor above.
bool argument_matches(const std::string &pattern, const std::string &argument)
{
  return pattern == "*" ||
         ::fnmatch(pattern.c_str(), argument.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

} // namespace

Result<CommandList, std::string> CommandList::load(const std::string &file)
{
  const Result<RegularFile> found = read_regular(file, max_file);

  if (!found && found.error().value() == EFBIG)
    return file + ": it is longer than " + std::to_string(max_file) + " bytes";
  if (!found && (found.error().value() == EINVAL || found.error().value() == EISDIR))
    return file + ": it is no regular file";
  if (!found)
    return file + ": " + found.error().message();
  Result<CommandList, std::string> list = parse(found->text, file);
  if (list && (found->st.st_uid != 0 || (found->st.st_mode & (S_IWGRP | S_IWOTH))))
    list->warnings_.push_back(file + ": others than root can change it");
  return list;
}

Result<CommandList, std::string> CommandList::parse(std::string_view text, const std::string &file)
{
  CommandList list;
  unsigned number = 0;

  list.file_ = file;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t warned = list.warnings_.size();
    const std::string where = file + ":" + std::to_string(++number) + ": ";

    const std::string wrong = list.parse_line(text.substr(0, end));
    if (!wrong.empty())
      return where + wrong;
    for (std::size_t i = warned; i < list.warnings_.size(); i++)
      list.warnings_[i].insert(0, where);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

std::string CommandList::parse_line(std::string_view line)
{
  if (line.find('\0') != std::string_view::npos)
    return "NUL byte in the line";
  const std::size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos || line[begin] == '#')
    return {};

  std::optional<std::vector<std::string>> words = split(line);
  if (!words)
    return "a quote isn't closed, or nothing follows a backslash";
  if (words->front() == "@env")
    return add_variables(*words);
  if (words->front().starts_with('@'))
    return "unknown directive \"" + words->front() + "\" (there is @env)";
  return add_entry(std::move(*words));
}

std::string CommandList::add_variables(const std::vector<std::string> &words)
{
  if (words.size() < 2)
    return "@env without a variable";
  for (std::size_t i = 1; i < words.size(); i++) {
    // Here a '*' has been escaped if it was quoted, which no name needs.
    const std::string_view name = words[i];
    const std::size_t star = name.find('*');

    if (name.empty() || name.find_first_of("=\\?[") != std::string_view::npos ||
        (star != std::string_view::npos && star != name.size() - 1))
      return "\"" + words[i] + R"(" is no name of a variable, nor the beginning of one and "*")";
    variables_.push_back(words[i]);
  }
  return {};
}

std::string CommandList::add_entry(std::vector<std::string> words)
{
  const std::string name = without_backslashes(words.front());
  Entry entry;

  if (name.empty())
    return "an empty command";
  if (words.front().find_first_of("*?[") != std::string::npos &&
      words.front().find('\\') == std::string::npos)
    return "\"" + name + "\": a command has no patterns, only its arguments do";
  if (name.front() != '/' && name.find('/') != std::string::npos)
    return "\"" + name + R"(": neither a name nor a path that begins with "/")";

  const std::string found = name.front() == '/' ? name : find_in_path(name);
  entry.path = found.empty() ? "" : resolve(found);
  if (entry.path.empty()) {
    warnings_.push_back("\"" + name + "\" isn't there (yet); after it has come, reload");
    entry.path = name;
  } else if (base_name(entry.path) != base_name(found)) {
    entry.alias = base_name(found);
  }

  words.erase(words.begin());
  entry.any_arguments = words.empty();
  if (words.size() == 1 && words.front().empty()) {
    words.clear();
  } else if (!words.empty() && words.back() == "...") {
    entry.more_arguments = true;
    words.pop_back();
  }
  entry.patterns = std::move(words);
  entries_.push_back(std::move(entry));
  return {};
}

CommandList::Verdict CommandList::judge(const std::string &path,
                                        const std::vector<std::string> &argv) const
{
  const auto arguments_match = [&](const Entry &entry) {
    const std::size_t n = argv.size() - 1;

    if (entry.any_arguments)
      return true;
    if (n < entry.patterns.size() || (n > entry.patterns.size() && !entry.more_arguments))
      return false;
    for (std::size_t i = 0; i < entry.patterns.size(); i++)
      if (!argument_matches(entry.patterns[i], argv[i + 1]))
        return false;
    return true;
  };
  Verdict verdict = Verdict::Unlisted;

  for (const Entry &entry : entries_) {
    if (entry.path != path || (!entry.alias.empty() && base_name(argv.front()) != entry.alias))
      continue;
    if (arguments_match(entry))
      return Verdict::Allowed;
    verdict = Verdict::Arguments;
  }
  return verdict;
}

bool CommandList::passes(std::string_view variable) const
{
  const std::size_t equals = variable.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return false;
  const std::string_view name = variable.substr(0, equals);
  const std::string_view value = variable.substr(equals + 1);

  if (any_matches(dangerous, name))
    return std::ranges::any_of(variables_, [&](const std::string &pattern) {
      return pattern == name ||
             (pattern != "*" && std::ranges::find(dangerous, pattern) != dangerous.end() &&
              matches(pattern, name));
    });
  if (any_matches(variables_, name))
    return true;
  return any_matches(plain, name) && value.find_first_of("/%") == std::string_view::npos;
}

} // namespace qtfs::rexec
