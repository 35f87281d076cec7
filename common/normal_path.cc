// SPDX-License-Identifier: GPL-2.0

#include "normal_path.hh"

#include <algorithm>

namespace qtfs {

std::optional<std::string> normal_path(std::string_view path)
{
  std::string normal;

  if (!path.starts_with('/'))
    return std::nullopt;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);

    if (component == "..")
      return std::nullopt;
    if (!component.empty() && component != ".")
      normal.append("/").append(component);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return normal.empty() ? "/" : normal;
}

} // namespace qtfs
