// SPDX-License-Identifier: GPL-2.0

#include "text.hh"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

#include "model.hh"

namespace qtfs::qtinfo {

namespace {

std::string scaled(double number, const char *unit)
{
  return number < 10 ? fmt::format("{:.1f} {}", number, unit)
                     : fmt::format("{:.0f} {}", number, unit);
}

} // namespace

std::string human_time(std::uint64_t ns)
{
  const auto number = static_cast<double>(ns);

  if (ns < 1'000)
    return fmt::format("{} ns", ns);
  if (ns < 1'000'000)
    return scaled(number / 1e3, "us");
  if (ns < 1'000'000'000)
    return scaled(number / 1e6, "ms");
  return scaled(number / 1e9, "s");
}

std::string human_count(double number)
{
  if (number < 10 && number != static_cast<double>(static_cast<std::uint64_t>(number)))
    return fmt::format("{:.1f}", number);
  if (number < 10'000)
    return fmt::format("{:.0f}", number);
  if (number < 1e6)
    return scaled(number / 1e3, "k");
  return number < 1e9 ? scaled(number / 1e6, "M") : scaled(number / 1e9, "G");
}

std::string human_bytes(std::uint64_t bytes)
{
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  auto number = static_cast<double>(bytes);

  if (bytes < 1024)
    return fmt::format("{} B", bytes);
  std::size_t unit = 0;
  for (number /= 1024; number >= 1024 && unit + 1 < units.size(); unit++)
    number /= 1024;
  return scaled(number, units[unit]);
}

std::string error_name(int number)
{
  const char *name = number ? ::strerrorname_np(number) : nullptr;

  return name ? name : std::to_string(number);
}

std::string Table::text() const
{
  std::vector<std::size_t> widths(rows_.front().size());
  std::string text;

  for (const std::vector<std::string> &row : rows_)
    for (std::size_t i = 0; i < row.size(); i++)
      widths[i] = std::max(widths[i], row[i].size());
  for (const std::vector<std::string> &row : rows_) {
    std::string line = fmt::format("{:<{}}", row[0], widths[0]);
    for (std::size_t i = 1; i < row.size(); i++)
      line += fmt::format("  {:>{}}", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string histogram(const std::vector<std::uint64_t> &buckets, unsigned width)
{
  const auto filled = [](std::uint64_t n) { return n != 0; };
  const auto first = std::ranges::find_if(buckets, filled);
  std::string text;

  if (first == buckets.end())
    return text;
  const auto last = std::find_if(buckets.rbegin(), buckets.rend(), filled).base();
  const std::uint64_t most = std::ranges::max(buckets);
  for (auto bucket = first; bucket != last; ++bucket) {
    const auto index = static_cast<std::size_t>(bucket - buckets.begin());
    const std::uint64_t bound = bucket_bound(index, buckets.size());
    const std::string range = bound ? "< " + human_time(bound)
                                    : ">= " + human_time(bucket_bound(index - 1, buckets.size()));
    const auto bar = static_cast<std::size_t>(
      static_cast<double>(*bucket) / static_cast<double>(most) * width + (*bucket ? 0.999 : 0));
    text += fmt::format("  {:>10} {:>10} |{}\n", range, *bucket,
                        std::string(std::min<std::size_t>(bar, width), '#'));
  }
  return text;
}

Style::Style() : colours_(::isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR")) {}

std::string Style::paint(const char *code, const std::string &text) const
{
  return colours_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

} // namespace qtfs::qtinfo
