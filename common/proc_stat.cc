// SPDX-License-Identifier: GPL-2.0

#include "proc_stat.hh"

#include <array>
#include <charconv>

#include "read_all.hh"

namespace qtfs {

namespace {

template <typename Number> bool take(std::string_view text, Number &number)
{
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);

  return error == std::errc() && stop == end;
}

} // namespace

// PID (NAME) STATE PARENT GROUP ... START ...: fields 1 to 5 and 22.
std::optional<ProcStat> parse_proc_stat(std::string_view text)
{
  constexpr std::size_t first = 3, last = 22;
  const std::size_t name_end = text.rfind(") ");
  std::array<std::string_view, last - first + 1> fields;
  ProcStat stat;

  if (name_end == std::string_view::npos)
    return std::nullopt;
  text.remove_prefix(name_end + 2);
  for (std::string_view &field : fields) {
    const std::size_t end = text.find(' ');

    if (end == std::string_view::npos)
      return std::nullopt;
    field = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  const auto field = [&](std::size_t number) { return fields[number - first]; };
  if (field(3).size() != 1 || !take(field(4), stat.parent) || !take(field(5), stat.group) ||
      !take(field(22), stat.start))
    return std::nullopt;
  stat.state = field(3).front();
  return stat;
}

std::optional<ProcStat> read_proc_stat(int directory, const std::string &name)
{
  const Result<std::string> text = read_file_at(directory, name);

  return text ? parse_proc_stat(*text) : std::nullopt;
}

std::optional<std::string_view> proc_status_value(std::string_view text, std::string_view key)
{
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));

    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(':'))
      continue;
    line.remove_prefix(key.size() + 1);
    const std::size_t begin = line.find_first_not_of(" \t");
    const std::size_t end = line.find_last_not_of(" \t");
    return begin == std::string_view::npos ? std::string_view()
                                           : line.substr(begin, end + 1 - begin);
  }
  return std::nullopt;
}

} // namespace qtfs
